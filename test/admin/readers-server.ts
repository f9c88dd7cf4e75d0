/** A server in a process of its own, for figures that are its alone. Its parent says how many messages are to be sent, and is told what they cost. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { start, TOKENS } from './server.ts'

/** What is measured while messages are sent, one after the other. */
export interface ServerFigures {
  /** Octets, after a collection of garbage. */
  readonly rss: number
  readonly heap: number
  /** Milliseconds of the processor a message, client included. */
  readonly cpu: number
  /** Milliseconds that the event loop was late, at most. */
  readonly late: number
}

const viewers = Number(process.argv[2])
const stack = new AsyncDisposableStack()
const rig = await start(
  { after: (end) => stack.defer(async () => (end as () => Promise<void>)()) },
  {},
  { connections: viewers + 100, connectionsPerAddress: viewers + 100 },
  { viewers },
)

async function send(count: number): Promise<ServerFigures> {
  const delay = monitorEventLoopDelay({ resolution: 2 })
  const before = process.cpuUsage()
  delay.enable()
  for (let at = 0; at < count; at++) await rig.send(`Hello ${'x'.repeat(500)}`)
  delay.disable()
  const { user, system } = process.cpuUsage(before)
  globalThis.gc?.()
  const { rss, heapUsed: heap } = process.memoryUsage()
  return { rss, heap, cpu: (user + system) / 1_000 / count, late: delay.max / 1e6 }
}

process.on('message', (count: number) => void send(count).then((figures) => process.send?.(figures)))
process.on('disconnect', () => void stack.disposeAsync().then(() => process.exit()))
process.send?.({ port: rig.port, token: TOKENS.read.secret })
