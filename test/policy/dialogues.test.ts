/** What clients of the policy plugins see, octet by octet. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { access } from '@postroad/access'
import { auth } from '@postroad/auth'
import { authFile } from '@postroad/auth-file'
import { zoneDns } from '@postroad/dns'
import { dnsbl } from '@postroad/dnsbl'
import { greylist } from '@postroad/greylist'
import { helo } from '@postroad/helo'
import { type Clock, Dns, definePlugin, Limiter, Spool, quarantine as setAside } from '@postroad/plugin'
import { quarantine } from '@postroad/quarantine'
import { rateLimit } from '@postroad/rate-limit'
import { recipients } from '@postroad/recipients'
import { routing } from '@postroad/routing'
import { telemetry } from '@postroad/telemetry'
import {
  fakeClock,
  memoryLimiter,
  memorySpool,
  runDialogue,
  type TestServerOptions,
  testDialogue,
  type Used,
} from '@postroad/testing'
import { hashPassword } from '../../packages/login/src/index.ts'
import { startServer } from './server.ts'

const file = (name: string) => new URL(`./dialogues/${name}.smtp`, import.meta.url)
const zone = {
  'client.test': { A: ['127.0.0.1'] },
  '2.0.0.127.bl.test': { A: ['127.0.0.2'] },
  '1.0.0.127.bl.test': { A: ['127.0.0.2'] },
  'listed.test.dom.test': { A: ['127.0.1.2'] },
} as const

/** Octet by octet and in one piece: no reply may depend on how the network cuts. */
function dialogue(name: string, plugins: readonly Used[], options: TestServerOptions = {}): void {
  testDialogue(file(name), plugins, options)
  testDialogue(file(name), plugins, { ...options, cut: 1 })
}

const folder = mkdtempSync(join(tmpdir(), 'postroad-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'users'), `alice ${await hashPassword('secret', { ln: 4, r: 8, p: 1 })}\n`)

const full = { ...memoryLimiter(), acquire: async () => undefined }
const strict = definePlugin({ name: 'strict', hooks: { message: () => setAside('x') } })
const dns: NonNullable<TestServerOptions['services']> = [[Dns, zoneDns(zone)]]

dialogue('access', [
  access({ deny: { senders: ['spam.test'], recipients: ['closed@mx.test'] }, allow: { senders: ['good@spam.test'] } }),
])
dialogue('helo', [helo({ exempt: [], reverse: { none: 0 }, name: { wrongLiteral: 'reject', unknown: 'reject' } })], {
  services: dns,
})
dialogue('dnsbl', [dnsbl({ exempt: [], lists: [{ zone: 'bl.test', action: 'reject', selfTest: false }] })], {
  services: dns,
})
dialogue('dnsbl-sender', [dnsbl({ lists: [{ zone: 'dom.test', of: 'sender', action: 'defer', selfTest: false }] })], {
  services: dns,
})
dialogue('recipients', [recipients({ domains: ['mx.test'], users: ['alice@mx.test'] })])
dialogue('recipients', [
  telemetry({ prometheus: { port: 0 }, traces: true }),
  recipients({ domains: ['mx.test'], users: ['alice@mx.test'] }),
])
dialogue('greylist', [greylist({ spared: ['hurry@'] })])
dialogue('rate-limit', [rateLimit({ limits: [{ of: 'recipients', limit: '2/d' }] })])
dialogue(
  'rate-limit-connections',
  [rateLimit({ limits: [{ of: 'connections', limit: '1 at once', action: 'disconnect' }] })],
  {
    services: [[Limiter, full]],
  },
)
dialogue('quarantine', [strict(), quarantine()], { services: [[Spool, memorySpool()]] })

for (const cut of [undefined, 1]) {
  const options = cut === undefined ? {} : { cut }
  test(`dialogue routing, cut ${cut ?? 'nowhere'}`, async () => {
    const plugin = routing({
      domains: { 'mx.test': { via: 'maildir', users: ['alice'] } },
      addresses: { 'info@mx.test': 'alice@mx.test' },
    })
    await using server = await startServer([plugin])
    await runDialogue(readFileSync(file('routing'), 'utf8'), { port: server.port, ...options })
  })

  test(`dialogue auth, cut ${cut ?? 'nowhere'}`, async () => {
    const database = join(folder, 'people.db')
    const people = new DatabaseSync(database)
    people.exec('CREATE TABLE IF NOT EXISTS people (name TEXT PRIMARY KEY, password TEXT, senders TEXT)')
    people
      .prepare('INSERT OR REPLACE INTO people VALUES (?, ?, ?)')
      .run('alice@mx.test', await hashPassword('secret', { ln: 4, r: 8, p: 1 }), 'sales@mx.test')
    people.close()
    const query = 'SELECT password, senders FROM people WHERE name = {key}'
    const users = auth({ from: { sql: { url: `sqlite:${database}`, query } } })
    // What holds an answer back is over at once, what ends a question never comes.
    const still = fakeClock()
    const clock: Clock = {
      ...still,
      sleep: (ms, signal) => (ms === 2_000 ? Promise.resolve() : still.sleep(ms, signal)),
    }
    const plugins = [users, routing({ relay: { authenticated: true } })]
    await using server = await startServer(plugins, { authWithoutTls: true }, clock)
    await runDialogue(readFileSync(file('auth'), 'utf8'), { port: server.port, ...options })
  })

  test(`dialogue auth-file, cut ${cut ?? 'nowhere'}`, async () => {
    const users = authFile({ path: join(folder, 'users'), domains: ['mx.test'], scrypt: { ln: 4, r: 8, p: 1 } })
    await using server = await startServer([users, routing({ relay: { authenticated: true } })], {
      authWithoutTls: true,
    })
    await runDialogue(readFileSync(file('auth-file'), 'utf8'), { port: server.port, ...options })
  })
}
