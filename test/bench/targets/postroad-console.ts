/** Postroad with the checks of a mail exchanger, its log, and the admin interface, which nobody looks at. */
import type { Target } from '../target.ts'
import { startConsole } from '../watched.ts'

export const target: Target = {
  title: 'Postroad with the checks of a mail exchanger, and the admin interface',
  start: (place) => startConsole(place, 0),
}
