import { judges } from '../filter-target.ts'
import { filterDns } from '../filters.ts'
import { discardAll, startPostroad } from '../postroad.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postroad with SPF, DKIM and DMARC: accept and discard',
  start: (place) => startPostroad(place, [...judges(), discardAll()], { dns: { servers: [filterDns().at] } }),
}
