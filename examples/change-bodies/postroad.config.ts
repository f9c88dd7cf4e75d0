/** The way out for a mail server of one's own: attachments are taken out, a text comes below, and then it is signed. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { arc } from '@postroad/arc'
import { dkim } from '@postroad/dkim'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'
import { disclaimer } from './disclaimer.ts'
import { stripAttachments } from './strip-attachments.ts'

const { env } = process
const folder = path.resolve(import.meta.dirname, env['POSTROAD_FOLDER'] ?? 'var')
const domain = 'example.test'
const selector = 'mail'
const file = path.join(folder, `${selector}._domainkey.${domain}.pem`)
/** `host:port` everything is sent to; without it, by MX. */
const [relayHost, relayPort] = env['POSTROAD_RELAY']?.split(':') ?? []

export default defineConfig({
  hostname: 'out.example.test',
  folder,
  ...(env['POSTROAD_DNS'] ? { dns: { servers: [env['POSTROAD_DNS']] } } : {}),
  setup(app) {
    app.listen({ name: 'out', host: env['POSTROAD_HOST'] ?? '127.0.0.1', port: Number(env['POSTROAD_PORT'] ?? 2527) })
    app.use(stripAttachments({ names: ['*.exe', '*.scr', '*.js'], types: ['application/x-msdownload'] }))
    app.use(disclaimer({ text: 'Müller & Söhne GmbH, Amtsgericht Köln, HRB 1234' }))
    // Whoever comes in here is a server of ours: it has seen to who may send. Both run after what changes bodies, wherever they are written.
    if (existsSync(file)) {
      app.use(dkim.sign({ keys: [{ domain, selector, file }], unauthenticated: true }))
      app.use(arc({ seal: { domain, selector, file } }))
    }
    const relay = relayHost ? { host: relayHost, port: Number(relayPort ?? 25) } : {}
    app.use(routing({ relay: { networks: ['127.0.0.0/8', '::1/128'], via: 'smtp', ...relay } })).use(queue())
  },
})
