/** Targets of the scenarios `milter` and `milter-wait`: SPF, DKIM and DMARC, and the field that tells of them. */
import { authResults } from '@postroad/auth-results'
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import type { Plugin } from '@postroad/plugin'
import { spf } from '@postroad/spf'
import { filterDns } from './filters.ts'
import { startPostroad } from './postroad.ts'
import type { Place, Running } from './target.ts'

/** What all of them judge with. */
export function judges(): readonly Plugin[] {
  return [spf(), dkim(), dmarc(), authResults()]
}

/** As a milter at this UNIX socket, which Postfix' processes may open. */
export function startMilter(place: Place, path: string): Promise<Running> {
  return startPostroad(place, judges(), {
    listen: { protocol: 'milter', path, mode: 0o666 },
    dns: { servers: [filterDns().at] },
  })
}

/** As a policy service at this UNIX socket. */
export function startPolicyService(place: Place, plugin: Plugin): Promise<Running> {
  return startPostroad(place, [plugin], {
    listen: { protocol: 'policy', path: place.socket },
    dns: { servers: [filterDns().at] },
  })
}
