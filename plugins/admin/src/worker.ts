/** What this process takes. */
import cluster from 'node:cluster'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { ApiShape } from '@postroad/admin-api'

let delay: ReturnType<typeof monitorEventLoopDelay> | undefined
const since = Math.round(Date.now() - process.uptime() * 1_000)

/** Begins to measure the event loop, once for the process. */
export function measureWorker(): void {
  if (delay) return
  delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
}

/** This worker, as the page shows it. */
export function ownWorker(generation: number, connections: number): ApiShape<'worker'> {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  const p99 = delay ? delay.percentile(99) / 1e6 : Number.NaN
  return {
    id: cluster.worker?.id ?? 1,
    pid: process.pid,
    generation,
    since,
    connections,
    memory: rss,
    heap: heapUsed,
    cpuMs: Math.round((user + system) / 1_000),
    ...(Number.isFinite(p99) && p99 >= 0 && { loopP99Ms: Math.round(p99 * 10) / 10 }),
  }
}
