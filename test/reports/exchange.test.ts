/** Two servers: one receives forged mail and sends some of its own, and a day later the other one reads what it says of both. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { authResults } from '@postroad/auth-results'
import { type App, createServer, type Server } from '@postroad/core'
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { dmarcReport } from '@postroad/dmarc-report'
import { type Zone, zoneDns } from '@postroad/dns'
import { maildir } from '@postroad/maildir'
import { messageFromBytes } from '@postroad/message'
import { Clock, type DefaultService, Dns, Limiter, Lock, Store } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { spf } from '@postroad/spf'
import { type FakeClock, fakeClock, memoryLimiter, memoryLock, memoryStore, runDialogue } from '@postroad/testing'
import { tlsRpt } from '@postroad/tls-rpt'
import { keyRecord } from '../../plugins/dkim/src/command.ts'
import { Operator } from '../cli/operator.ts'
import { freePorts } from '../interop/loopback.ts'
import { requires } from '../runner/requires.ts'
import { identities } from '../tls/certificate.ts'
import { invalidBySchema } from './schema.ts'

const skip = requires('libxml2-utils')
const HOUR = 3_600_000
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const zone: Zone = {
  'alpha.test': { MX: [[10, 'mx.alpha.test']] },
  's1._domainkey.alpha.test': { TXT: [keyRecord(pair.publicKey)] },
  '_dmarc.alpha.test': { TXT: ['v=DMARC1; p=reject; rua=mailto:dmarc@alpha.test'] },
  'beta.test': { MX: [[10, 'mx.beta.test']] },
  'mx.beta.test': { A: ['127.0.0.1'] },
  '_dmarc.beta.test': { TXT: ['v=DMARC1; p=reject; np=none; adkim=s; rua=mailto:dmarc@beta.test!1m'] },
  '_smtp._tls.beta.test': { TXT: ['v=TLSRPTv1; rua=mailto:tls@beta.test'] },
}

let operator: Operator
const opened: Server[] = []
before(async () => {
  operator = await Operator.begin()
  await writeFile(join(operator.folder, 'key.pem'), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))
})
after(async () => {
  for (const server of opened) await server.close()
  await operator.end()
})

async function open(hostname: string, clock: FakeClock, setup: (app: App) => void): Promise<Server> {
  const folder = join(operator.folder, hostname)
  await mkdir(folder, { recursive: true })
  const services: DefaultService[] = [
    [Clock, clock],
    [Store, memoryStore(clock)],
    [Limiter, memoryLimiter(clock)],
    [Lock, memoryLock()],
    [Dns, zoneDns(zone, { clock })],
  ].map(([service, value]) => ({ service, create: () => value }) as DefaultService)
  const log = { level: 'warn', format: 'json', write: (text: string) => process.stderr.write(text) } as const
  const server = await createServer({ hostname, folder, refuseAt: 'now', log, setup }, { now: clock.now, services })
  await server.listen()
  opened.push(server)
  return server
}

const say = (from: string, to: string, author: string, answer: string): string =>
  [
    'S: 220 *',
    'C: EHLO client.test',
    'S: 250-*',
    'S: 250 HELP',
    `C: MAIL FROM:<${from}>`,
    'S: 250 2.1.0 *',
    `C: RCPT TO:<${to}>`,
    'S: 250 2.1.5 *',
    'C: DATA',
    'S: 354 *',
    `C: From: ${author}`,
    'C: Subject: hello',
    'C:',
    'C: Hello',
    'C: .',
    `S: ${answer}`,
  ].join('\n')

/** Files of a mailbox, once there are as many. */
async function mailOf(folder: string, count: number): Promise<readonly string[]> {
  for (let turn = 0; turn < 400; turn++) {
    const files = await readdir(join(folder, 'new')).catch(() => [])
    if (files.length >= count) return files.map((name) => join(folder, 'new', name))
    await pause(50)
  }
  return []
}

test('a report goes from one server to the other, is signed, valid, and read there; and no report is written about reports', {
  skip,
}, async () => {
  const [alphaPort = 0, outPort = 0, betaPort = 0] = await freePorts(3)
  const clock = fakeClock(Date.UTC(2026, 10, 28, 12))
  const boxes = join(operator.folder, 'boxes')
  const { key, cert } = identities.leaf
  await open('mx.beta.test', clock, (app) => {
    app.use(spf()).use(dkim()).use(dmarc()).use(authResults())
    app.use(routing({ domains: { 'beta.test': { via: 'maildir' } } })).use(maildir({ folder: boxes }))
    app.listen({ name: 'mx', host: '127.0.0.1', port: betaPort, tls: 'optional', certificate: { key, cert } })
  })
  await open('mx.alpha.test', clock, (app) => {
    const submit = { path: 'reports.sock' }
    app.use(queue({ smtp: { port: betaPort } }))
    app.use(tlsRpt({ from: 'tls-reports@alpha.test', organization: 'Alpha & Söhne', submit }))
    app.scope('mx', (mx) => {
      mx.use(spf()).use(dkim()).use(dmarc())
      mx.use(dmarcReport({ from: 'dmarc-reports@alpha.test', organization: 'Alpha & Söhne', submit }))
      mx.use(routing({ domains: { 'alpha.test': { via: 'discard' } } }))
      mx.listen({ name: 'mx', host: '127.0.0.1', port: alphaPort })
    })
    app.scope('out', (out) => {
      out.use(
        dkim.sign({
          keys: [{ domain: 'alpha.test', selector: 's1', file: join(operator.folder, 'key.pem') }],
          unauthenticated: true,
        }),
      )
      out.use(routing({ routes: [{ via: 'smtp' }] }))
      out.listen({ name: 'reports', path: 'reports.sock' })
      out.listen({ name: 'out', host: '127.0.0.1', port: outPort })
    })
  })

  // Somebody forges beta.test, twice; and alpha.test writes to it.
  for (let time = 0; time < 2; time++)
    await runDialogue(say('x@forger.test', 'bob@alpha.test', 'boss@beta.test', '550 5.7.26 *'), { port: alphaPort })
  await runDialogue(say('ann@alpha.test', 'bob@beta.test', 'ann@alpha.test', '250 2.0.0 *'), { port: outPort })
  assert.equal((await mailOf(join(boxes, 'bob'), 1)).length, 1)

  for (let hour = 0; hour < 18; hour++) await clock.advance(HOUR)
  const dmarcMail = await mailOf(join(boxes, 'dmarc'), 1)
  const tlsMail = await mailOf(join(boxes, 'tls'), 1)
  assert.deepEqual([dmarcMail.length, tlsMail.length], [1, 1])

  // Reports bring sessions and mail: nothing of that is in any report of the next days.
  for (let hour = 0; hour < 34; hour++) await clock.advance(HOUR)
  await pause(500)
  assert.deepEqual(
    [(await readdir(join(boxes, 'dmarc/new'))).length, (await readdir(join(boxes, 'tls/new'))).length],
    [1, 1],
  )

  const { readFile } = await import('node:fs/promises')
  const message = messageFromBytes(await readFile(dmarcMail[0] ?? ''))
  assert.match(
    message.subject ?? '',
    /^Report Domain: beta\.test Submitter: alpha\.test Report-ID: <2026-11-28\.beta\.test@mx\.alpha\.test>$/,
  )
  const { attachments } = await message.mime()
  const [attached] = attachments
  assert.equal(attached?.filename, 'alpha.test!beta.test!1795824000!1795910399!20261128betatestmxalphatest.xml.gz')
  assert.equal(invalidBySchema([gunzipSync(attached?.content ?? Buffer.alloc(0)).toString()]), '')

  const tls = messageFromBytes(await readFile(tlsMail[0] ?? ''))
  assert.deepEqual(
    ['tls-report-domain', 'tls-report-submitter', 'tls-required'].map((name) => tls.headers.get(name)),
    ['beta.test', 'alpha.test', 'No'],
  )
  assert.match(tls.headers.get('content-type') ?? '', /^multipart\/report; report-type="tlsrpt"/)

  const { code, out, err } = await operator.run('reports', 'boxes', '--json')
  assert.equal(code, 0, err)
  const rows = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const of = (what: string) => rows.filter((row) => row.what === what)
  assert.deepEqual(of('dmarc-source'), [
    { what: 'dmarc-source', source: '127.0.0.1', domain: 'beta.test', messages: 2, passed: 0, failed: 2, dkim: 0, spf: 0, refused: 2, reporters: 1 },
  ]) // biome-ignore format: a table
  assert.deepEqual(of('dmarc-policy'), [
    { what: 'dmarc-policy', domain: 'beta.test', policy: 'reject', messages: 2, passed: 0, failed: 2, reporters: 1 },
  ])
  assert.deepEqual(of('tls-policy'), [
    { what: 'tls-policy', domain: 'beta.test', policy: 'no-policy-found', sessions: 1, failed: 0, reporters: 1 },
  ])
  assert.deepEqual(
    of('report').map(({ kind, from, dkim: found }) => [kind, from, found]),
    [
      ['dmarc', 'Alpha & Söhne', 'pass alpha.test'],
      ['tls', 'Alpha & Söhne', 'pass alpha.test'],
    ],
  )
  const table = await operator.run('reports', 'boxes')
  assert.match(table.out, /^2 reports; 0 came again, 1 files have none\.$/m)
  assert.match(table.out, /^127\.0\.0\.1 +beta\.test +2 +0 +2 /m)
  await rm(boxes, { recursive: true })
})
