/** Postroad with the checks of examples/mx-gateway, none of which spares loopback, and a zone that lets the load pass. */
import { access } from '@postroad/access'
import { arc } from '@postroad/arc'
import { authResults } from '@postroad/auth-results'
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { dnsbl } from '@postroad/dnsbl'
import { greylist } from '@postroad/greylist'
import { helo } from '@postroad/helo'
import type { Plugin } from '@postroad/plugin'
import { quarantine } from '@postroad/quarantine'
import { rateLimit } from '@postroad/rate-limit'
import { routing } from '@postroad/routing'
import { spf } from '@postroad/spf'
import { houseRule } from '@postroad-example/house-rule'
import { serveZone } from '../../identity/dns-server.ts'
import { discardAll, type PostroadOptions, startPostroad } from '../postroad.ts'
import type { Place, Running, Target } from '../target.ts'

/** SPF passes and DMARC with it; every other question is answered with NXDOMAIN. */
const ZONE = {
  'client.example': 'v=spf1 ip4:127.0.0.1 -all',
  '_dmarc.client.example': 'v=DMARC1; p=reject',
}

/** The zones are ours alone, and have no test entries. */
const LISTS = [
  { zone: 'zen.dnsbl.example', action: 8, selfTest: false },
  { zone: 'list.dnswl.example', action: -2, selfTest: false },
]

const plugins = () => [
  access({ deny: { senders: ['*@spam.example'] } }),
  // Counted like any other limit, and never reached.
  rateLimit({ limits: [{ of: 'messages', by: 'network', limit: '1000000000 per 10 min' }] }),
  helo({ exempt: [] }),
  dnsbl({ lists: LISTS, exempt: [] }),
  spf(),
  dkim(),
  arc(),
  dmarc(),
  authResults(),
  greylist({ at: 'message', points: 3, delay: '2 min' }),
  houseRule(),
  quarantine({ keep: '14 d' }),
  routing({ domains: { 'postroad.test': { via: 'discard' } } }),
  discardAll(),
]

export const target: Target = {
  title: 'Postroad with the checks of a mail exchanger: accept and discard',
  start: (place) => startPolicy(place),
}

/** The same, after plugins of the caller's. */
export async function startPolicy(
  place: Place,
  before: readonly Plugin[] = [],
  settings: Pick<PostroadOptions, 'log' | 'beside'> = {},
): Promise<Running> {
  const zone = await serveZone(ZONE)
  const running = await startPostroad(place, [...before, ...plugins()], {
    thresholds: { tag: 5, quarantine: 8, reject: 15 },
    dns: { servers: [`${zone.address}:${zone.port}`] },
    ...settings,
  })
  return {
    async close() {
      await running.close()
      await zone[Symbol.asyncDispose]()
    },
  }
}
