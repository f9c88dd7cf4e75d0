/** A server with a quarantine and digests, as a process that can be killed: `kill-worker.ts FOLDER OFFSET`, with a clock that is OFFSET milliseconds ahead. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { maildir } from '@postroad/maildir'
import { quarantine as aside, Clock, Dns, definePlugin, Lock } from '@postroad/plugin'
import { quarantine } from '@postroad/quarantine'
import { routing } from '@postroad/routing'
import { memoryLock } from '@postroad/testing'

const [folder = '', offset = '0'] = process.argv.slice(2)
/** Rounds are looked for every minute: here in a moment. */
const SHORT_MS = 100

const services = embeddedServices(join(folder, 'services'))
const rules = definePlugin({ name: 'rules', hooks: { message: () => aside('looks like spam') } })
const server = await createServer(
  {
    hostname: 'mx.test',
    folder,
    log: { format: 'json', write: (line) => process.send?.({ line }) },
    setup(app) {
      app.use(routing({ domains: { 'example.com': { via: 'maildir' } } }))
      app.use(maildir({ folder: join(folder, 'mail') }))
      app.use(
        quarantine({
          digest: { url: 'https://mail.example.com', from: 'quarantine@example.com', recipients: 'example.com' },
        }),
      )
      app.scope('mx', (mx) => mx.use(rules()).listen({ name: 'mx', host: '127.0.0.1', port: 0 }))
      app.listen({ name: 'links', protocol: 'http', port: 0, routes: 'links', hosts: ['mail.example.com'] })
    },
  },
  {
    services: [
      ...services.services,
      { service: Dns, create: () => zoneDns({}) },
      // There is one process at a time: that of one which was killed is not waited for, for a minute.
      { service: Lock, create: () => memoryLock() },
      {
        service: Clock,
        create: () => ({
          now: () => Date.now() + Number(offset),
          sleep: (ms: number, signal?: AbortSignal) =>
            sleep(Math.min(ms, SHORT_MS), undefined, { ...(signal && { signal }) }),
        }),
      },
    ],
  },
)
await server.listen()
process.once('disconnect', () => process.exit())
process.send?.({ port: server.addresses.find(({ name }) => name === 'mx')?.port })
