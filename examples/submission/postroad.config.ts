/** Where people hand in their mail (RFC 6409): users, their own addresses only, limits, DKIM, and the queue that delivers it. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { authFile } from '@postroad/auth-file'
import { dane } from '@postroad/dane'
import { dkim } from '@postroad/dkim'
import { mtaSts } from '@postroad/mta-sts'
import { queue } from '@postroad/queue'
import { rateLimit } from '@postroad/rate-limit'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'

const { env } = process
const base = path.resolve(import.meta.dirname, env['POSTROAD_FOLDER'] ?? 'var')
const host = env['POSTROAD_HOST'] ?? '127.0.0.1'
const ports = (env['POSTROAD_PORTS'] ?? '587,465').split(',').map(Number)
const certificateFiles = { key: path.join(base, 'key.pem'), cert: path.join(base, 'cert.pem') }
const dkimKey = path.join(base, 'mail._domainkey.example.test.pem')
/** `host:port` everything is sent to; without it, by MX. */
const [relayHost, relayPort] = env['POSTROAD_RELAY']?.split(':') ?? []

export default defineConfig({
  hostname: 'mail.example.test',
  folder: base,
  ...(env['POSTROAD_DNS'] ? { dns: { servers: [env['POSTROAD_DNS']] } } : {}),
  setup(app) {
    app.listen({ name: 'submission', host, port: ports[0] ?? 587, tls: 'required', auth: 'required', certificateFiles })
    app.listen({
      name: 'submissions',
      host,
      port: ports[1] ?? 465,
      tls: 'implicit',
      auth: 'required',
      certificateFiles,
    })
    app.use(authFile({ path: path.join(base, 'users'), domains: ['example.test'] }))
    app.use(
      rateLimit({
        limits: [
          { of: 'recipients', by: 'identity', limit: '500/d', burst: 100 },
          { of: 'octets', by: 'identity', limit: '1 GB/d' },
          { of: 'errors', by: 'address', limit: '50/h', action: 'disconnect' },
        ],
      }),
    )
    if (existsSync(dkimKey)) app.use(dkim.sign({ keys: [{ domain: 'example.test', selector: 'mail', file: dkimKey }] }))
    app.use(
      routing({
        relay: {
          authenticated: true,
          via: 'smtp',
          ...(relayHost ? { host: relayHost, port: Number(relayPort ?? 25) } : {}),
        },
      }),
    )
    // What other domains publish of TLS with their hosts; DANE is off, and says so, where the resolver does not validate.
    app.use(dane()).use(mtaSts())
    app.use(queue())
  },
})
