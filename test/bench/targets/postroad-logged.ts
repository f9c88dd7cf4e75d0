/** Postroad with the checks of a mail exchanger, and its log as it runs with it. */
import type { Target } from '../target.ts'
import { startPolicy } from './postroad-policy.ts'

export const target: Target = {
  title: 'Postroad with the checks of a mail exchanger, and a log that nobody keeps',
  start: (place) => startPolicy(place, [], { log: { format: 'json', write: () => undefined } }),
}
