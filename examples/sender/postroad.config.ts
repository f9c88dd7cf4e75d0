/** For those who send: programs hand in mail over HTTP, hear what becomes of it, and nobody is written to who is gone or has left. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { bounces } from '@postroad/bounces'
import { dkim } from '@postroad/dkim'
import { events } from '@postroad/events'
import { injection } from '@postroad/injection'
import { queue } from '@postroad/queue'
import { rateLimit } from '@postroad/rate-limit'
import { routing } from '@postroad/routing'
import { suppression } from '@postroad/suppression'
import { unsubscribe } from '@postroad/unsubscribe'
import { defineConfig } from 'postroad'

const { env } = process
const base = path.resolve(import.meta.dirname, env['POSTROAD_FOLDER'] ?? 'var')
const host = env['POSTROAD_HOST'] ?? '127.0.0.1'
const [apiPort = 8025, linksPort = 8082, mxPort = 2525] = (env['POSTROAD_PORTS'] ?? '')
  .split(',')
  .filter(Boolean)
  .map(Number)
const dkimKey = path.join(base, '2026a._domainkey.shop.example.pem')
/** `host:port` everything is sent to; without it, by MX. */
const [relayHost, relayPort] = env['POSTROAD_RELAY']?.split(':') ?? []
const hook = env['EVENTS_URL']

/** Reverse-paths of bulk mail. Receipts and passwords of other addresses have no links, and reach who has left. */
const BULK = ['news@shop.example']

export default defineConfig({
  hostname: 'mail.shop.example',
  folder: base,
  setup(app) {
    app.use(
      rateLimit({
        limits: [
          { of: 'recipients', by: 'identity', limit: '10000/h' },
          { of: 'errors', by: 'address', limit: '50/h', action: 'disconnect' },
        ],
      }),
    )
    app.use(
      routing({
        relay: {
          authenticated: true,
          via: 'smtp',
          ...(relayHost ? { host: relayHost, port: Number(relayPort ?? 25) } : {}),
        },
      }),
    )
    app.use(bounces({ address: 'bounce@b.shop.example', senders: ['shop.example'], cfbl: 'fbl@shop.example' }))
    app.use(suppression({ streams: { news: BULK } }))
    app.use(unsubscribe({ url: 'https://mail.shop.example', senders: BULK, address: 'unsubscribe@shop.example' }))
    if (existsSync(dkimKey))
      app.use(dkim.sign({ keys: [{ domain: 'shop.example', selector: '2026a', file: dkimKey }] }))
    app.use(queue())
    app.use(
      events({
        endpoints: [
          { name: 'file', file: path.join(base, 'events.ndjson') },
          ...(hook ? [{ name: 'shop', url: hook, secrets: env['EVENTS_SECRET'] ?? '' }] : []),
        ],
      }),
    )
    app.use(
      injection({ clients: { shop: { senders: ['shop.example'] }, newsletter: { senders: BULK, size: '1 MB' } } }),
    )
    app.listen({ name: 'api', protocol: 'http', port: apiPort })
    // Behind a web server that has the certificate of mail.shop.example.
    app.listen({ name: 'links', protocol: 'http', port: linksPort, routes: 'links', hosts: ['mail.shop.example'] })
    // Where bounces, complaints and mail of those who leave come back to: what is none of these is refused.
    app.listen({ name: 'mx', host, port: mxPort, selfSigned: true })
  },
})
