/** What directories of this process have counted, as they say when they are asked; none of them is known by name here. */
import { channel } from 'node:diagnostics_channel'
import { Counter, Gauge, type Registry } from 'prom-client'

/** Counters of a directory, and the outcomes they stand for. */
const OUTCOMES = {
  hits: 'hit',
  found: 'found',
  unknown: 'unknown',
  shared: 'shared',
  stale: 'stale',
  failed: 'failed',
} as const

type LookupCounts = Readonly<Record<keyof typeof OUTCOMES | 'seconds' | 'cached' | 'inFlight', number>>

const statsRequest = channel('postroad:directory:stats')

/** Shows them, read at each scrape. Directories of one name are added up. */
export function measureDirectories(registry: Registry): void {
  const registers = [registry]
  new Counter({
    name: 'postroad_directory_lookups_total',
    help: 'Look-ups in directories, and what became of them',
    labelNames: ['directory', 'outcome'],
    registers,
    collect() {
      this.reset()
      for (const [directory, stats] of askDirectories())
        for (const [name, outcome] of Object.entries(OUTCOMES))
          this.inc({ directory, outcome }, stats[name as keyof typeof OUTCOMES]) // its keys
    },
  })
  new Counter({
    name: 'postroad_directory_seconds_total',
    help: 'Time that questions to directories took, together',
    labelNames: ['directory'],
    registers,
    collect() {
      this.reset()
      for (const [directory, { seconds }] of askDirectories()) this.inc({ directory }, seconds)
    },
  })
  new Gauge({
    name: 'postroad_directory_entries',
    help: 'Keys in memory, and look-ups on their way',
    labelNames: ['directory', 'state'],
    registers,
    collect() {
      this.reset()
      for (const [directory, { cached, inFlight }] of askDirectories()) {
        this.inc({ directory, state: 'cached' }, cached)
        this.inc({ directory, state: 'in-flight' }, inFlight)
      }
    },
  })
}

function askDirectories(): readonly (readonly [name: string, stats: LookupCounts])[] {
  const all: [string, LookupCounts][] = []
  statsRequest.publish({ add: (name: string, stats: LookupCounts) => all.push([name, stats]) })
  return all
}
