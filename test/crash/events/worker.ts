/** A mail server that tells a program what becomes of mail: to be killed. Its arguments are the settings of its world, as JSON. */
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { createServer, defineConfig } from '@postroad/core'
import { createDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { events } from '@postroad/events'
import { Dns } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { redis } from '@postroad/redis'
import { redisQueue } from '@postroad/redis-queue'
import { routing } from '@postroad/routing'
import { type Break, breakOutbox } from './broken.ts'

/** What a server of a world is told. */
export interface WorkerSettings {
  readonly folder: string
  readonly hopPort: number
  readonly hookPort: number
  readonly secret: string
  readonly batch: number
  /** The queue is in this Redis; absent: in the folder. */
  readonly redis?: string
  /** What it does wrong, where a world must find it out. */
  readonly broken?: Break
}

// `as`: the world wrote it.
const settings = JSON.parse(process.argv[2] ?? '{}') as WorkerSettings
const { folder, hopPort, hookPort, secret, batch, redis: url } = settings
if (settings.broken) breakOutbox(settings.broken)
const delivery = {
  smtp: { tls: { mode: 'none' as const } },
  retry: ['200 ms'],
  retryByClass: { greylist: ['200 ms'], other: ['200 ms'] },
}
const server = await createServer(
  defineConfig({
    hostname: 'mx.crash.test',
    folder,
    log: { format: 'json', level: 'error', write: (text) => void process.stderr.write(text) },
    setup(app) {
      app.use(
        routing({
          domains: {
            'one.test': { via: 'smtp', host: '127.0.0.1', port: hopPort },
            'two.test': { via: 'smtp', host: '127.0.0.1', port: hopPort },
          },
        }),
      )
      if (url === undefined) app.use(queue({ ...delivery, minFree: 0 }))
      else app.use(redis({ url })).use(redisQueue(delivery))
      app.use(
        events({
          endpoints: [
            {
              name: 'hook',
              url: `http://127.0.0.1:${hookPort}/`,
              secrets: secret,
              plain: true,
              networks: ['127.0.0.0/8'],
              batch,
              wait: '20 ms',
              timeout: '1 s',
            },
          ],
        }),
      )
      app.listen({ port: 0, host: '127.0.0.1', name: 'in' })
    },
  }),
  { services: [...embeddedServices(join(folder, 'services')).services, { service: Dns, create: () => createDns() }] },
)
await server.listen()
process.send?.({ port: server.addresses[0]?.port })
flushCompileCache()
process.on('disconnect', () => process.exit(1))
