/** What programs were told of mail, as the plugin that tells them says when it is asked; it is not known by name here. */
import { channel } from 'node:diagnostics_channel'
import { Counter, Gauge, type Registry } from 'prom-client'

/** Counters of an endpoint, and the outcomes they stand for. */
const OUTCOMES = { failures: 'failed', refusals: 'refused', dead: 'dead' } as const

interface EndpointStats
  extends Readonly<Record<keyof typeof OUTCOMES | 'told' | 'requests' | 'seconds' | 'parked' | 'lag', number>> {
  readonly name: string
  /** `on`, `open` while it does not work, `off` when it wants nothing any more. */
  readonly state: 'on' | 'open' | 'off'
}

interface EventStats {
  readonly events: number
  readonly octets: number
  readonly dropped: number
  readonly endpoints: readonly EndpointStats[]
}

const statsRequest = channel('postroad:events:stats')

/** Shows them, read at each scrape. Of several workers one tells; what is kept all see. */
export function measureEvents(registry: Registry): void {
  const registers = [registry]
  const labelNames = ['endpoint'] as const
  new Counter({
    name: 'postroad_events_told_total',
    help: 'Events that endpoints have taken',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const { name, told } of endpoints()) this.inc({ endpoint: name }, told)
    },
  })
  new Counter({
    name: 'postroad_events_failures_total',
    help: 'Requests that endpoints have not taken: failed, refused; and events that were given up: dead',
    labelNames: ['endpoint', 'outcome'],
    registers,
    collect() {
      this.reset()
      for (const stats of endpoints())
        for (const [key, outcome] of Object.entries(OUTCOMES))
          this.inc({ endpoint: stats.name, outcome }, stats[key as keyof typeof OUTCOMES]) // its keys
    },
  })
  new Gauge({
    name: 'postroad_events_lag_seconds',
    help: 'Age of the oldest event that an endpoint was not told of',
    labelNames,
    registers,
    aggregator: 'max',
    collect() {
      this.reset()
      for (const { name, lag } of endpoints()) this.set({ endpoint: name }, lag)
    },
  })
  new Gauge({
    name: 'postroad_events_parked',
    help: 'Events that an endpoint did not take although it takes others, and that are tried again',
    labelNames,
    registers,
    aggregator: 'max',
    collect() {
      this.reset()
      for (const { name, parked } of endpoints()) this.set({ endpoint: name }, parked)
    },
  })
  new Gauge({
    name: 'postroad_events_endpoint_up',
    help: '1: the endpoint takes events; 0: it does not work, or wants no more',
    labelNames,
    registers,
    aggregator: 'max',
    collect() {
      this.reset()
      for (const { name, state } of endpoints()) this.set({ endpoint: name }, state === 'on' ? 1 : 0)
    },
  })
  new Gauge({
    name: 'postroad_events_octets',
    help: 'Octets of events that are kept',
    registers,
    aggregator: 'max',
    collect() {
      const all = ask()
      if (all.length > 0) this.set(Math.max(...all.map(({ octets }) => octets)))
      else this.remove()
    },
  })
  new Counter({
    name: 'postroad_events_dropped_total',
    help: 'Events that were removed before everybody was told of them',
    registers,
    collect() {
      this.reset()
      this.inc(ask().reduce((sum, { dropped }) => sum + dropped, 0))
    },
  })
}

function endpoints(): readonly EndpointStats[] {
  return ask().flatMap((stats) => stats.endpoints)
}

function ask(): readonly EventStats[] {
  const all: EventStats[] = []
  statsRequest.publish({ add: (stats: EventStats) => void all.push(stats) })
  return all
}
