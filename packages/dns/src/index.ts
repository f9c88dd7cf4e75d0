/**
 * A DNS resolver for mail servers: it remembers, it does not wait for ever, and no message can make it ask without end.
 *
 * It is the `Dns` service that plugins ask; the command line registers it. A question goes down and its answer comes up like this:
 *
 *   forMessage (budget.ts)    what one message may ask, all plugins together; what is known already is free
 *   Resolver (resolver.ts)    the cache (cache.ts), and one query for all who ask the same at the same time
 *   Upstream (upstream.ts)    which server is asked, when the next one, and which of them is silent
 *   exchange.ts, packet.ts    one UDP or TCP exchange and its octets, RFC 1035, with EDNS0 and the AD bit
 *
 * Asker gives the questions their names (`a`, `mx`, `txt`, …) over any of these, so that a budget, a zone and the resolver are asked alike.
 * A question without records rejects with a DnsError; its code says whether there is none (NXDOMAIN, NODATA) or nobody knows.
 *
 * Above them stands DnsMemo (memo.ts): a verdict that was drawn from records, an SPF check for one, is kept for as long as the records it rests on.
 *
 * For tests, zoneDns (zone.ts) is the same service over a literal: no network, and a clock of one's own.
 *
 * Where to begin: asker.ts for what can be asked, then resolver.ts from `#lookup` down.
 */
export type { AskContext, Records, RecordType } from './asker.ts'
export { Asker } from './asker.ts'
export { forMessage } from './budget.ts'
export { DnsError } from './failure.ts'
export { DnsMemo } from './memo.ts'
export { normaliseName, reverseName } from './name.ts'
export { createDns, type Resolver } from './resolver.ts'
export { type Zone, zoneDns } from './zone.ts'
