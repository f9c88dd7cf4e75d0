/**
 * A whole mail exchanger in front of a mailbox server: every check that Postroad has, with the choices that an operator of the field makes,
 * and why. What is left is handed to Dovecot over LMTP while the client waits.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { access } from '@postroad/access'
import { admin } from '@postroad/admin'
import { arc } from '@postroad/arc'
import { attachments } from '@postroad/attachments'
import { authResults } from '@postroad/auth-results'
import { clamav } from '@postroad/clamav'
import { dane } from '@postroad/dane'
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { dmarcReport } from '@postroad/dmarc-report'
import { dnsbl } from '@postroad/dnsbl'
import { greylist } from '@postroad/greylist'
import { headers } from '@postroad/headers'
import { helo } from '@postroad/helo'
import { history } from '@postroad/history'
import { html } from '@postroad/html'
import { mime } from '@postroad/mime'
import { mtaSts } from '@postroad/mta-sts'
import { proxy } from '@postroad/proxy'
import { quarantine } from '@postroad/quarantine'
import { queue } from '@postroad/queue'
import { rateLimit } from '@postroad/rate-limit'
import { recipients } from '@postroad/recipients'
import { routing } from '@postroad/routing'
import { rspamd } from '@postroad/rspamd'
import { spamassassin } from '@postroad/spamassassin'
import { spf } from '@postroad/spf'
import { telemetry } from '@postroad/telemetry'
import { tlsRpt } from '@postroad/tls-rpt'
import { urls } from '@postroad/urls'
import { type App, defineConfig } from 'postroad'

const { env } = process
const DOMAIN = 'example.test'
const MX = 'mx.example.test'
const folder = path.resolve(import.meta.dirname, env['POSTROAD_FOLDER'] ?? 'var')
const host = env['POSTROAD_HOST'] ?? '127.0.0.1'
const port = Number(env['POSTROAD_PORT'] ?? 2525)
const releasePort = Number(env['POSTROAD_RELEASE_PORT'] ?? 2526)
const adminPort = Number(env['POSTROAD_ADMIN_PORT'] ?? 8080)
const metricsPort = Number(env['POSTROAD_METRICS_PORT'] ?? 9464)
/** `host:port` of Dovecot's LMTP, or the path of its UNIX socket. */
const lmtp = env['POSTROAD_LMTP'] ?? '127.0.0.1:24'
const dovecot = lmtp.startsWith('/')
  ? { path: lmtp }
  : { host: lmtp.split(':')[0] ?? '', port: Number(lmtp.split(':')[1]) }

// As large as the big providers take; Dovecot must take as much, or its refusal comes after the whole message.
const limits = { size: '50 MiB', connectionsPerAddress: 20 }
const pem = { key: path.join(folder, 'key.pem'), cert: path.join(folder, 'cert.pem') }
// No sender checks the certificate of an MX host unless DANE or MTA-STS says so: one of our own making is better than no TLS.
const tls = existsSync(pem.cert) ? { certificateFiles: pem } : { selfSigned: true }

/** Marked for the reader's own rules; set aside for an operator; refused. No signal of content comes to 8 by itself: it takes two voices. */
export const thresholds = { tag: 5, quarantine: 8, reject: 15 }

/** Reports to other domains are mail from us, and count only when they are signed: without the key they are counted and not sent. */
const reportKey = path.join(folder, `reports._domainkey.${DOMAIN}.pem`)
const reportSocket = path.join(folder, 'reports.sock')
const reports = { from: `reports@${DOMAIN}`, ...(existsSync(reportKey) ? { submit: { path: reportSocket } } : {}) }

// A list's own refusal (127.255.255.0/24: asked from a public resolver, or too often) is never a hit; `dnsbl` and `urls` see to that.
const CLIENT_LISTS: { zone: string; of?: 'sender'; codes: Record<string, number | 'none'> }[] = [
  { zone: 'zen.spamhaus.org', codes: { '127.0.0.2/31': 8, '127.0.0.4/30': 8, '127.0.0.10/31': 4 } },
  { zone: 'dbl.spamhaus.org', of: 'sender', codes: { '127.0.1.0/24': 4 } },
  { zone: 'list.dnswl.org', codes: { '127.0.0.0/16': -2, '127.0.0.255': 'none' } }, // .255: asked too often
]
const LINK_LISTS = [{ zone: 'multi.surbl.org' }, { zone: 'multi.uribl.com' }, { zone: 'dbl.spamhaus.org' }]

/** Where mail for our domain goes, for messages that come in and for those that leave the quarantine. */
const toDovecot = (scope: App): App =>
  scope.use(routing({ domains: { [DOMAIN]: { via: 'proxy' } } })).use(proxy({ to: dovecot, protocol: 'lmtp' }))

/** Who is it, and may it send at all? Said before a message is sent: it costs nothing but DNS. */
function checkClient(mx: App): void {
  mx.use(access({ deny: { senders: ['*@spam.example'] } }))
  mx.use(
    rateLimit({
      limits: [
        { of: 'connections', by: 'network', limit: '50 at once' },
        { of: 'messages', by: 'network', limit: '1000 per 10 min' },
        // Whoever is refused again and again tries out addresses.
        { of: 'errors', by: 'address', limit: '50/h', action: 'disconnect' },
      ],
    }),
  )
  mx.use(helo())
  // A list that is down says nothing, and mail goes on without it.
  mx.use(dnsbl({ lists: CLIENT_LISTS, cap: 10 }), { onError: 'pass' })
  // Unknown users are refused at RCPT, and remembered, so that a dictionary attack does not reach Dovecot.
  mx.use(recipients({ domains: [DOMAIN], callout: { protocol: 'lmtp', ...dovecot } }))
}

/** Is it from whom it says? `dmarc` does what the domain of the author asks for; the others only tell. */
function checkSender(mx: App): void {
  mx.use(spf()).use(dkim()).use(arc()).use(dmarc()).use(authResults())
  mx.use(dmarcReport({ ...reports, ignore: [reports.from] }))
}

/** What does it say? Signals are evidence beside others, so a fault of ours in a check of content must not keep mail: `pass`. */
export function checkContent(mx: Pick<App, 'use'>): void {
  const pass = { onError: 'pass' } as const
  mx.use(mime(), pass).use(headers(), pass).use(html(), pass)
  mx.use(urls({ lists: LINK_LISTS, cap: 8 }), pass)
  // A program in the mail is refused whatever else it looks like, with a reply that tells an honest sender why; the rest is points.
  // Who refuses must not be passed by making it fail: here a fault defers, as it does by default.
  mx.use(attachments({ weights: { name: 'reject', type: 'reject' } }))
}

/** Scanners, each only where its address is given. */
function askScanners(mx: App): void {
  const { POSTROAD_CLAMAV, POSTROAD_RSPAMD, POSTROAD_SPAMD } = env
  // While it is down mail is deferred: a virus must not come in because clamd is restarted.
  if (POSTROAD_CLAMAV) mx.use(clamav({ at: POSTROAD_CLAMAV, unscanned: 2 }))
  // Their scores are points beside ours: a threshold decides, once. What they catch by lists that we ask too must not count twice: half.
  if (POSTROAD_RSPAMD) mx.use(rspamd({ at: POSTROAD_RSPAMD, trust: 'score', weight: 0.5 }), { onError: 'pass' })
  if (POSTROAD_SPAMD) mx.use(spamassassin({ at: POSTROAD_SPAMD, weight: 0.5 }), { onError: 'pass' })
}

/** The way of our own reports: signed, by MX, under the TLS that the domains of their readers ask for. */
function sendReports(out: App): void {
  out.listen({ name: 'reports', path: reportSocket, limits })
  if (existsSync(reportKey))
    out.use(dkim.sign({ keys: [{ domain: DOMAIN, selector: 'reports', file: reportKey }], unauthenticated: true }))
  out.use(dane()).use(mtaSts()).use(tlsRpt(reports))
  out.use(routing({ routes: [{ via: 'smtp' }] })).use(queue())
}

export default defineConfig({
  hostname: MX,
  folder,
  thresholds,
  ...(env['POSTROAD_DNS'] ? { dns: { servers: [env['POSTROAD_DNS']] } } : {}),
  setup(app) {
    app
      .use(telemetry({ prometheus: { port: metricsPort } }), { onError: 'pass' })
      .use(history({ days: 30 }))
      .use(admin())
    app.use(quarantine({ keep: '14 d', release: { port: releasePort } }))
    app.listen({ name: 'admin', protocol: 'http', port: adminPort })
    app.scope('mx', (mx) => {
      mx.listen({ name: 'mx', host, port, limits, ...tls })
      checkClient(mx)
      checkSender(mx)
      checkContent(mx)
      askScanners(mx)
      // Only what looks odd waits: nobody's first mail is late without a reason.
      mx.use(greylist({ at: 'message', points: 3, delay: env['POSTROAD_DELAY'] ?? '2 min' }))
      toDovecot(mx)
    })
    app.scope('released', (behind) =>
      toDovecot(behind).listen({ name: 'released', host: '127.0.0.1', port: releasePort, limits }),
    )
    app.scope('reports', sendReports)
  },
})
