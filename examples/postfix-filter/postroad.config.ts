/** The filter of a Postfix that stays in charge: asked about each recipient by its policy protocol, and about each message by milter. */
import path from 'node:path'
import { access } from '@postroad/access'
import { authResults } from '@postroad/auth-results'
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { dnsbl } from '@postroad/dnsbl'
import { greylist } from '@postroad/greylist'
import { definePlugin, reject } from '@postroad/plugin'
import { rateLimit } from '@postroad/rate-limit'
import { spf } from '@postroad/spf'
import { defineConfig } from 'postroad'

const { env } = process
/** Below Postfix' queue: a Postfix in its chroot sees nothing else. */
const sockets = env['POSTROAD_SOCKETS'] ?? '/var/spool/postfix/postroad'
const group = 'postfix'

const LISTS = [
  { zone: 'zen.spamhaus.org', action: 8 },
  { zone: 'list.dnswl.org', codes: { '127.0.0.0/16': -2, '127.0.0.255': 'none' as const } }, // .255: asked too often
]

/** A rule of one's own; `examples/house-rule` is one in a package with tests. */
const houseRule = definePlugin({
  name: 'house-rule',
  hooks: {
    message({ message }) {
      if (/you(?:'ve| have) won/i.test(message.subject ?? '')) return reject('We did not buy a ticket')
    },
  },
})

export default defineConfig({
  hostname: 'mx.example.test',
  folder: path.resolve(import.meta.dirname, env['POSTROAD_FOLDER'] ?? 'var'),
  thresholds: { tag: 5, quarantine: 8, reject: 15 },
  ...(env['POSTROAD_DNS'] ? { dns: { servers: [env['POSTROAD_DNS']] } } : {}),
  setup(app) {
    // What needs no message is said before one is sent.
    app.scope('recipients', (asked) => {
      asked.use(access({ deny: { senders: ['*@spam.example'] } }))
      asked.use(rateLimit({ limits: [{ of: 'recipients', by: 'network', limit: '1000 per 10 min' }] }))
      asked.use(greylist({ delay: env['POSTROAD_DELAY'] ?? '2 min' }))
      asked.listen({ name: 'policy', protocol: 'policy', path: path.join(sockets, 'policy'), group })
    })
    // All points are of one scope: they are added up over a message.
    app.scope('messages', (filter) => {
      filter.use(dnsbl({ lists: LISTS }), { onError: 'pass' })
      filter.use(spf()).use(dkim()).use(dmarc()).use(authResults()).use(houseRule())
      filter.listen({ name: 'milter', protocol: 'milter', path: path.join(sockets, 'milter'), group })
    })
  },
})
