/** The same, with ten pages open. */
import type { Target } from '../target.ts'
import { startConsole } from '../watched.ts'

export const target: Target = {
  title: 'the same, and ten read what happens',
  start: (place) => startConsole(place, 10),
}
