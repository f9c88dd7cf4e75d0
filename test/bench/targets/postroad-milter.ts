import { startMilter } from '../filter-target.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postroad as a milter: SPF, DKIM and DMARC',
  start: (place) => startMilter(place, place.socket),
}
