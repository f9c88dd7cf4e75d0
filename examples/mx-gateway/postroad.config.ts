/** The filter in front of a mailbox server: every message is passed on to Dovecot over LMTP before 250 is said. */
import { proxy } from '@postroad/proxy'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'
import { houseRule } from '../house-rule/house-rule.ts'

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
    app.listen({ name: 'mx', host: '127.0.0.1', port: Number(process.env['POSTROAD_PORT'] ?? 2525) })
  },
})
