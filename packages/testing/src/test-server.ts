/** A server for plugins under test: no sockets, a fake clock, stores in memory, and a sink at the end of the road. */

import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type Config, createServer, type Server, type UseOptions } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import type { Delivery } from '@postroad/mail'
import { messageFromBytes } from '@postroad/message'
import {
  Clock,
  type DefaultService,
  Dns,
  definePlugin,
  Limiter,
  Lock,
  type Message,
  type Plugin,
  type Route,
  type Service,
  Spool,
  Store,
} from '@postroad/plugin'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { isJudging, type JudgedMessage, type TestProtocol } from './judged.ts'
import { memoryLimiter, memoryLock, memorySpool, memoryStore } from './memory-store.ts'

/** A plugin, or a plugin with what the operator says of it. */
export type Used = Plugin | readonly [Plugin, UseOptions]

/** One message that reached the end of the road. */
export interface Delivered {
  readonly id: string
  readonly from: string
  readonly to: readonly string[]
  readonly deliveries: readonly Delivery[]
  readonly message: Message
  /** The octets, trace fields and all. */
  readonly bytes: Uint8Array
  /** Why it was set aside; undefined when it was queued. */
  readonly quarantined?: string
}

/** Who answers what plugins under test leave unanswered. */
export const SINK = 'test-sink'

/** Settings of a {@link TestServer}. */
export interface TestServerOptions {
  /** Services in place of those in memory. */
  readonly services?: readonly (readonly [Service<unknown>, unknown])[]
  /** Over the test's defaults: `refuseAt` is `now`, so that each command's answer is seen where it belongs. */
  readonly config?: Partial<Omit<Config, 'setup' | 'folder'>>
  readonly clock?: FakeClock
  /**
   * `lmtp` for one reply a recipient. With `milter` and `policy` the server only judges, in role `filter`, and another one takes the mail; to
   * `policy` the content of messages is not shown. Default `smtp`.
   */
  readonly protocol?: TestProtocol
  /** `false`: set up only, as `postroad check` does it. Default `true`. */
  readonly start?: boolean
}

/** What {@link createTestServer} gives. */
export interface TestServer {
  readonly server: Server
  readonly clock: FakeClock
  readonly protocol: TestProtocol
  readonly delivered: readonly Delivered[]
  /** What was said of messages where another server takes them, in order; sessions write it down. */
  readonly judgements: JudgedMessage[]
  /** Routes of accepted recipients, in order. */
  readonly routes: readonly Route[]
  /** Canonical lines and log lines, parsed. */
  readonly lines: readonly Readonly<Record<string, unknown>>[]
  close(): Promise<void>
}

/** Sets the plugins up in the real host. Whatever they leave unanswered at `route`, `queue` and `quarantine` goes to a sink. */
export async function createTestServer(plugins: readonly Used[], options: TestServerOptions = {}): Promise<TestServer> {
  const clock = options.clock ?? fakeClock()
  const delivered: Delivered[] = []
  const routes: Route[] = []
  const protocol = options.protocol ?? 'smtp'
  const lines: Readonly<Record<string, unknown>>[] = []
  const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-test-'))
  const server = await createServer(
    {
      hostname: 'mx.test',
      refuseAt: 'now',
      ...options.config,
      folder,
      log: {
        format: 'json',
        level: 'debug',
        write: (text) =>
          void lines.push(
            ...text
              .trimEnd()
              .split('\n')
              .map((line) => JSON.parse(line)),
          ),
      },
      setup(app) {
        for (const used of plugins) isPair(used) ? app.use(used[0], used[1]) : app.use(used)
        const place = { name: 'test', port: 0, host: '127.0.0.1' }
        if (isJudging(protocol)) app.listen(place)
        else app.use(sinkPlugin({ delivered, routes })()).listen({ ...place, protocol })
      },
    },
    {
      now: clock.now,
      services: services(clock, options.services ?? []),
      ...(isJudging(protocol) && { judges: protocol }),
    },
  )
  if (options.start !== false) await server.start()
  return {
    server,
    clock,
    protocol,
    delivered,
    judgements: [],
    routes,
    lines,
    async close() {
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function services(clock: FakeClock, given: NonNullable<TestServerOptions['services']>): DefaultService[] {
  const defaults: [Service<unknown>, unknown][] = [
    [Clock, clock],
    [Store, memoryStore(clock)],
    [Limiter, memoryLimiter(clock)],
    [Lock, memoryLock()],
    [Spool, memorySpool()],
    [Dns, zoneDns({}, { clock })],
  ]
  return [...defaults, ...given].map(([service, value]) => ({ service, create: () => value }))
}

/** Answers what the plugins under test left unanswered: it is used last. */
function sinkPlugin({ delivered, routes }: { readonly delivered: Delivered[]; readonly routes: Route[] }) {
  return definePlugin({
    name: SINK,
    hooks: {
      route: () => ({ via: SINK }),
      nexthop: ({ route }) => void routes.push(route),
      queue: {
        supports: ['8BITMIME', 'SMTPUTF8', 'DSN', 'BINARYMIME', 'REQUIRETLS'],
        async handler({ envelope, deliveries, message }) {
          delivered.push(await entry(envelope, { deliveries, message }))
          return { id: envelope.id }
        },
      },
      async quarantine({ envelope, deliveries, message, reason }) {
        delivered.push({ ...(await entry(envelope, { deliveries, message })), quarantined: reason })
        return { id: envelope.id }
      },
    },
  })
}

async function entry(
  envelope: { id: string; from: unknown },
  { deliveries, message }: { deliveries: readonly Delivery[]; message: Message },
): Promise<Delivered> {
  const chunks: Uint8Array[] = []
  for await (const chunk of message.raw()) chunks.push(chunk)
  const recipients = new Set(deliveries.flatMap((delivery) => delivery.recipients))
  const to = [...recipients].map(({ address }) => address.toString())
  const bytes = Buffer.concat(chunks)
  // The content of the received message is gone when the transaction is.
  return {
    id: envelope.id,
    from: envelope.from?.toString() ?? '',
    to,
    deliveries,
    message: messageFromBytes(bytes),
    bytes,
  }
}

function isPair(used: Used): used is readonly [Plugin, UseOptions] {
  return Array.isArray(used)
}
