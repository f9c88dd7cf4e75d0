/** The filter in front of a mailbox server: every message is checked, and passed on to Dovecot over LMTP before 250 is said. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { access } from '@postroad/access'
import { arc } from '@postroad/arc'
import { authResults } from '@postroad/auth-results'
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { dnsbl } from '@postroad/dnsbl'
import { greylist } from '@postroad/greylist'
import { helo } from '@postroad/helo'
import { definePlugin, reject } from '@postroad/plugin'
import { proxy } from '@postroad/proxy'
import { quarantine } from '@postroad/quarantine'
import { rateLimit } from '@postroad/rate-limit'
import { routing } from '@postroad/routing'
import { spf } from '@postroad/spf'
import { type App, defineConfig } from 'postroad'

const { env } = process
const folder = path.resolve(import.meta.dirname, env['POSTROAD_FOLDER'] ?? 'var')
const host = env['POSTROAD_HOST'] ?? '127.0.0.1'
const port = Number(env['POSTROAD_PORT'] ?? 2525)
const releasePort = Number(env['POSTROAD_RELEASE_PORT'] ?? 2526)
/** `host:port` of Dovecot's LMTP, or the path of its UNIX socket. */
const lmtp = env['POSTROAD_LMTP'] ?? '127.0.0.1:24'
const dovecot = lmtp.startsWith('/')
  ? { path: lmtp }
  : { host: lmtp.split(':')[0] ?? '', port: Number(lmtp.split(':')[1]) }

const LISTS = [
  { zone: 'zen.spamhaus.org', action: 8 },
  { zone: 'list.dnswl.org', codes: { '127.0.0.0/16': -2, '127.0.0.255': 'none' as const } }, // .255: asked too often
]
const limits = { size: 50 * 1024 * 1024 }
const pem = { key: path.join(folder, 'key.pem'), cert: path.join(folder, 'cert.pem') }
const tls = existsSync(pem.cert) ? { certificateFiles: pem } : {}

/** A rule of one's own; `examples/house-rule` is one in a package with tests. */
const houseRule = definePlugin({
  name: 'house-rule',
  hooks: {
    message({ message }) {
      if (/you(?:'ve| have) won/i.test(message.subject ?? '')) return reject('We did not buy a ticket')
    },
  },
})

/** Where mail for our domain goes, for messages that come in and for those that leave the quarantine. */
const toDovecot = (scope: App): App =>
  scope.use(routing({ domains: { 'example.test': { via: 'proxy' } } })).use(proxy({ to: dovecot, protocol: 'lmtp' }))

export default defineConfig({
  hostname: 'mx.example.test',
  folder,
  thresholds: { tag: 5, quarantine: 8, reject: 15 },
  ...(env['POSTROAD_DNS'] ? { dns: { servers: [env['POSTROAD_DNS']] } } : {}),
  setup(app) {
    app.scope('mx', (mx) => {
      mx.listen({ name: 'mx', host, port, limits, ...tls })
      mx.use(access({ deny: { senders: ['*@spam.example'] } }))
      mx.use(rateLimit({ limits: [{ of: 'messages', by: 'network', limit: '1000 per 10 min' }] })).use(helo())
      mx.use(dnsbl({ lists: LISTS }), { onError: 'pass' })
      mx.use(spf()).use(dkim()).use(arc()).use(dmarc()).use(authResults())
      mx.use(greylist({ at: 'message', points: 3, delay: '2 min' })).use(houseRule())
      mx.use(quarantine({ keep: '14 d', release: { port: releasePort } }))
      toDovecot(mx)
    })
    app.scope('released', (behind) =>
      toDovecot(behind).listen({ name: 'released', host: '127.0.0.1', port: releasePort, limits }),
    )
  },
})
