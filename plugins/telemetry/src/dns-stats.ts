/** What the resolver has counted, where it is one that counts. */
import type { Dns } from '@postroad/plugin'
import { Counter, Gauge, type Registry } from 'prom-client'

/** Counters of the resolver of `@postroad/dns`, and what it says of now. */
const EVENTS = [
  'questions',
  'hits',
  'coalesced',
  'overBudget',
  'sent',
  'tcp',
  'timeouts',
  'failures',
  'unreachable',
] as const
const STATES = ['cached', 'inFlight'] as const

type DnsStats = Readonly<Record<(typeof EVENTS)[number] | (typeof STATES)[number], number>>

/** Shows the numbers of `current()`, read at each scrape. */
export function measureDns(registry: Registry, current: () => Dns | undefined): void {
  const registers = [registry]
  new Counter({
    name: 'postroad_dns_events_total',
    help: 'Questions to the resolver, and what became of them and of the queries they cost',
    labelNames: ['event'],
    registers,
    collect() {
      const stats = statsOf(current())
      if (!stats) return
      this.reset()
      for (const event of EVENTS) this.inc({ event }, stats[event])
    },
  })
  new Gauge({
    name: 'postroad_dns_entries',
    help: 'Answers in the cache, and lookups on their way',
    labelNames: ['state'],
    registers,
    collect() {
      const stats = statsOf(current())
      if (stats) for (const state of STATES) this.set({ state }, stats[state])
    },
  })
}

function statsOf(dns: Dns | undefined): DnsStats | undefined {
  return dns && 'stats' in dns && typeof dns.stats === 'function' ? dns.stats() : undefined
}
