/** One node of a cluster as a process: `node.ts JSON`. Tells its parent when it listens. */
import { createServer } from '@postroad/core'
import { fixedTransport } from '@postroad/delivery'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { Dns, definePlugin } from '@postroad/plugin'
import { redis } from '../../plugins/redis/src/redis.ts'
import { redisQueue } from '../../plugins/redis-queue/src/redis-queue.ts'

/** What a node is told. */
export interface NodeSettings {
  readonly host: string
  readonly port: number
  readonly folder: string
  readonly redis: Parameters<typeof redis>[0]
  readonly queue: Parameters<typeof redisQueue>[0]
  /** Where all mail goes; its destinations are those of its domains all the same. */
  readonly sinkPort: number
}

const settings: NodeSettings = JSON.parse(process.argv[2] ?? '{}')
const everywhere = definePlugin({ name: 'everywhere', hooks: { route: () => ({ via: 'smtp' }) } })
const embedded = embeddedServices(settings.folder)

const server = await createServer(
  {
    hostname: 'node.test',
    folder: settings.folder,
    grace: 5_000,
    log: { format: 'json', level: 'warn' },
    setup(app) {
      const { host, port, sinkPort } = settings
      const transports = { smtp: fixedTransport({ hostname: 'node.test', host: '127.0.0.1', port: sinkPort }) }
      app
        .use(everywhere())
        .use(redis(settings.redis))
        .use(redisQueue({ ...settings.queue, transports }))
      // The core wants a listener, also of a node that only delivers; nobody connects to that one.
      app.listen({ name: 'node', host, port, limits: { connectionsPerAddress: 1_000, connectionsPerNetwork: 1_000 } })
    },
  },
  { services: [...embedded.services, { service: Dns, create: () => zoneDns({}) }] },
)
await server.listen()
process.send?.('ready')

process.once('SIGTERM', async () => {
  await server.close()
  await embedded.close()
  process.exit(0)
})
process.once('disconnect', () => process.exit(1))
