/** Postroad with the checks of a mail exchanger, all of which is counted. */
import { telemetry } from '@postroad/telemetry'
import type { Target } from '../target.ts'
import { startPolicy } from './postroad-policy.ts'

export const target: Target = {
  title: 'Postroad with the checks of a mail exchanger, and metrics of them',
  start: (place) => startPolicy(place, [telemetry({ prometheus: { port: 0 } })]),
}
