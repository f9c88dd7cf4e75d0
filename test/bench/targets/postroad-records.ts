/** Postroad with the checks of a mail exchanger, and its log, and records of all of it. */
import { history } from '@postroad/history'
import type { Target } from '../target.ts'
import { startPolicy } from './postroad-policy.ts'

export const target: Target = {
  title: 'the same, and records of it are kept',
  start: (place) => startPolicy(place, [history()], { log: { format: 'json', write: () => undefined } }),
}
