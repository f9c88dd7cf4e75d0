/** Haraka with eight plugins that ask nobody. */
import { EIGHT, EIGHT_CONFIG } from '../haraka/eight.ts'
import { startHaraka } from '../haraka/start.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Haraka with eight plugins: accept and discard',
  start: (place) => startHaraka(place, { plugins: EIGHT, plugin: 'eight', config: EIGHT_CONFIG }),
}
