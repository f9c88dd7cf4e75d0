/** The filter in front of a mailbox server: every message is passed on to Dovecot over LMTP before 250 is said. */
import { proxy } from '@postroad/proxy'
import { routing } from '@postroad/routing'
import { houseRule } from '@postroad-example/house-rule'
import { defineConfig } from 'postroad'

/** `host:port`, or the path of a UNIX socket. */
const lmtp = process.env['POSTROAD_LMTP'] ?? '127.0.0.1:24'
const [host = '127.0.0.1', port = '24'] = lmtp.split(':')

export default defineConfig({
  hostname: 'mx.example.test',
  folder: process.env['POSTROAD_FOLDER'] ?? 'var',
  thresholds: { reject: 15 },
  setup(app) {
    app.use(routing({ domains: { 'example.test': { via: 'proxy' } } }))
    app.use(houseRule())
    app.use(proxy({ to: lmtp.startsWith('/') ? { path: lmtp } : { host, port: Number(port) }, protocol: 'lmtp' }))
    app.listen({
      name: 'mx',
      host: '127.0.0.1',
      port: Number(process.env['POSTROAD_PORT'] ?? 2525),
      // What the mailbox server takes: 20 MB of attachment are 27 MB in Base64.
      limits: { size: 50 * 1024 * 1024 },
    })
  },
})
