/** Delivery to, and mail from, the servers that others run: Debian's Postfix and Exim. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createServer } from '@postroad/core'
import { smtpTransport } from '@postroad/delivery'
import { zoneDns } from '@postroad/dns'
import { type Job, makeAddress, type Outcome } from '@postroad/mail'
import { maildir } from '@postroad/maildir'
import { definePlugin } from '@postroad/plugin'
import { type NextHopSeen, nextHopTap } from '../../packages/delivery/src/client/wire-tap.ts'
import type { SmtpOptions } from '../../packages/delivery/src/smtp-transport.ts'
import { freePorts } from '../interop/loopback.ts'
import { trickyMessage } from '../interop/message.ts'
import { requires } from '../runner/requires.ts'
import { certificate } from './certificate.ts'
import { requiresExim, startExim } from './exim.ts'
import { content, mails } from './mailbox.ts'
import { type NextHop, startPostfix } from './postfix.ts'

const SERVERS = [
  {
    name: 'Postfix',
    start: startPostfix,
    skip: requires('postfix') || (process.getuid?.() === 0 ? false : 'Postfix needs root'),
  },
  { name: 'Exim', start: startExim, skip: requiresExim() },
] as const

const running = new Map<string, Promise<NextHop>>()
after(async () => {
  for (const hop of running.values()) await (await hop)[Symbol.asyncDispose]()
})

/** For each server in turn, which the tests share. */
function forEach(title: string, work: (hop: NextHop, name: string) => Promise<void>): void {
  for (const { name, start, skip } of SERVERS) {
    test(`${name}: ${title}`, { skip }, async () => {
      let hop = running.get(name)
      if (hop === undefined) running.set(name, (hop = start({ certificate })))
      await work(await hop, name)
    })
  }
}

interface Sending extends Partial<Job> {
  readonly port: number
  readonly to: readonly string[]
  readonly data?: Buffer
  readonly options?: Partial<SmtpOptions>
  readonly settings?: Readonly<Record<string, string>>
}

async function send({
  port,
  to,
  data = trickyMessage('x'),
  options = {},
  settings = {},
  ...job
}: Sending): Promise<readonly Outcome[]> {
  const transport = smtpTransport({ hostname: 'client.test', dns: zoneDns({}), ...options })
  const outcomes = await transport.deliver({
    route: { via: 'smtp', host: '127.0.0.1', port, settings },
    from: makeAddress('sender', 'client.test'),
    parameters: { body: '8BITMIME' },
    recipients: to.map((local) => ({ address: makeAddress(local, 'to.test'), parameters: {} })),
    message: { size: data.length, chunks: () => [data], raw: async function* () { yield data } }, // biome-ignore format: short
    signal: new AbortController().signal,
    ...job,
  })
  await transport.close()
  return outcomes
}

forEach('everything that is easily damaged arrives as it was, over TLS', async (hop) => {
  const data = trickyMessage('tricky')
  const [outcome] = await send({ port: hop.port, to: ['alice'], data })
  assert.deepEqual([outcome?.kind, outcome?.remote, outcome?.dsnRelayed], ['delivered', '127.0.0.1', true])
  assert.equal(outcome?.tls?.version, 'TLSv1.3')
  const [mail] = await mails(hop.mailbox('alice'), 1)
  assert.ok(mail)
  assert.match(mail.toString('latin1'), /^Return-path: <sender@client\.test>/im)
  assert.equal(content(mail), content(data))
})

forEach('each recipient has its own fate', async (hop) => {
  const outcomes = await send({ port: hop.port, to: ['bob', 'nobody', 'slow', 'carol'] })
  const fates = outcomes.map(({ recipient, kind, reply }) => `${recipient.address.local} ${kind} ${reply.code}`)
  assert.deepEqual(fates.toSorted(), [
    'bob delivered 250',
    'carol delivered 250',
    'nobody failed 550',
    'slow deferred 450',
  ])
  assert.deepEqual(outcomes.flatMap(({ kind, reply }) => (kind === 'delivered' ? [] : [reply.status])).toSorted(), [
    '4.2.1',
    '5.1.1',
  ])
  assert.equal(outcomes.find(({ kind }) => kind === 'deferred')?.retryAfterMs, 300_000)
  for (const user of ['bob', 'carol']) assert.equal((await mails(hop.mailbox(user), 1)).length, 1)
})

forEach('a refusal of the content comes back with its words', async (hop) => {
  const [outcome] = await send({ port: hop.port, to: ['alice'], data: Buffer.from('X-Refuse: yes\r\n\r\nHello\r\n') })
  assert.deepEqual([outcome?.kind, outcome?.reply.code, outcome?.reply.status], ['failed', 550, '5.7.1'])
  assert.match(outcome?.reply.text ?? '', /Not this/)
})

forEach('a message beyond the announced size is not sent', async (hop) => {
  const [outcome] = await send({
    port: hop.port,
    to: ['alice'],
    data: Buffer.from(`S: x\r\n\r\n${'x'.repeat(70)}\r\n`.repeat(4_000)),
  })
  assert.deepEqual([outcome?.kind, outcome?.reply.code, outcome?.reply.status], ['failed', 552, '5.3.4'])
})

forEach('one connection carries many messages, of the null reverse-path too', async (hop) => {
  const transport = smtpTransport({ hostname: 'client.test', dns: zoneDns({}), maxConnections: 1 })
  const data = trickyMessage('many')
  const one = (from: Job['from']) =>
    transport.deliver({
      route: { via: 'smtp', host: '127.0.0.1', port: hop.port },
      from,
      parameters: {},
      recipients: [{ address: makeAddress('dave', 'to.test'), parameters: {} }],
      message: { size: data.length, chunks: () => [data], raw: async function* () { yield data } }, // biome-ignore format: short
      signal: new AbortController().signal,
    })
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, i) => one(i % 2 === 0 ? undefined : makeAddress('sender', 'client.test'))),
  )
  assert.ok(
    outcomes.flat().every(({ kind }) => kind === 'delivered'),
    JSON.stringify(outcomes[0]),
  )
  await transport.close()
  assert.equal((await mails(hop.mailbox('dave'), 20)).length, 20)
})

forEach(
  'a busy server is asked how it reads chunks, and then gets messages with their envelopes, all of them refused or not',
  async (hop) => {
    const transport = smtpTransport({ hostname: 'client.test', dns: zoneDns({}), maxConnections: 1 })
    const said: string[] = []
    const listen = (seen: unknown) => {
      const { kind, text } = seen as NextHopSeen // what the channel carries
      if (kind === 'out' || kind === 'in') said.push(text)
    }
    nextHopTap.subscribe(listen)
    const data = trickyMessage('chunk')
    const one = (...locals: readonly string[]) =>
      transport.deliver({
        route: { via: 'smtp', host: '127.0.0.1', port: hop.port },
        from: makeAddress('sender', 'client.test'),
        parameters: { body: '8BITMIME' },
        recipients: locals.map((local) => ({ address: makeAddress(local, 'to.test'), parameters: {} })),
        message: { size: data.length, chunks: () => [data], raw: async function* () { yield data } }, // biome-ignore format: short
        signal: new AbortController().signal,
      })
    const codes = async (...locals: readonly string[]) => (await one(...locals)).map(({ reply }) => reply.code)
    try {
      for (let i = 0; i < 11; i++) assert.deepEqual(await codes('frank'), [250])
      assert.deepEqual(await codes('frank'), [250])
      assert.deepEqual(await codes('nobody', 'frank', 'slow'), [550, 250, 450])
      assert.deepEqual(await codes('nobody'), [550])
      assert.deepEqual(await codes('frank'), [250])
    } finally {
      nextHopTap.unsubscribe(listen)
      await transport.close()
    }
    const lines = said.join('').split('\r\n')
    assert.deepEqual(lines.filter((line) => line.startsWith('BDAT')), ['BDAT 7 LAST', ...Array(4).fill(`BDAT ${data.length} LAST`)]) // biome-ignore format: short
    assert.equal(lines.filter((line) => line === 'DATA').length, 11)
    assert.equal(lines.filter((line) => line.startsWith('EHLO')).length, 2, 'one connection: before STARTTLS and after')
    const arrived = await mails(hop.mailbox('frank'), 14)
    assert.equal(arrived.length, 14)
    for (const mail of arrived) assert.equal(content(mail), content(data))
  },
)

forEach('a server that neither pipelines nor offers TLS gets the mail all the same', async (hop, name) => {
  const [outcome] = await send({ port: hop.oldPort, to: ['erin'] })
  assert.deepEqual([outcome?.kind, outcome?.tls], ['delivered', undefined])
  const [mail] = await mails(hop.mailbox('erin'), 1)
  // This Postfix does not offer 8BITMIME there: the body comes as quoted-printable.
  if (name === 'Postfix')
    assert.match(content(mail ?? Buffer.alloc(0)), /Content-Transfer-Encoding: quoted-printable[\s\S]*Gr=C3=BC=C3=9Fe/)
  else assert.equal(content(mail ?? Buffer.alloc(0)), content(trickyMessage('x')))
})

test('Exim: a smarthost takes credentials over TLS only, and a wrong password defers', {
  skip: SERVERS[1].skip,
}, async () => {
  await using hop = await startExim({ certificate })
  const credentials = { good: { username: 'user', password: 'secret' }, bad: { username: 'user', password: 'wrong' } }
  const tls = { mode: 'required', verify: true, servername: 'sink.test', options: { ca: certificate.cert } } as const
  const sending = { port: hop.port, to: ['alice'], options: { credentials, tls } }
  assert.equal((await send({ ...sending, settings: { credentials: 'good' } }))[0]?.kind, 'delivered')
  const [wrong] = await send({ ...sending, settings: { credentials: 'bad' } })
  assert.deepEqual([wrong?.kind, wrong?.reply.code, wrong?.reply.status], ['deferred', 454, '4.7.8'])
  const [clear] = await send({ ...sending, port: hop.oldPort, settings: { tls: 'none', credentials: 'good' } })
  assert.deepEqual([clear?.kind, clear?.reply.status], ['deferred', '4.7.0'])
})

const here = definePlugin({
  name: 'here',
  hooks: { route: ({ recipient }) => (recipient.domain === 'here.test' ? { via: 'maildir' } : undefined) },
})

for (const { name, start, skip } of SERVERS) {
  test(`${name}: what it sends to us arrives as it was`, { skip }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pr-from-'))
    const [port = 0] = await freePorts(1)
    const server = await createServer({
      hostname: 'postroad.test',
      folder,
      log: { format: 'silent' },
      setup(app) {
        app.use(here()).use(maildir({ folder: join(folder, 'mail') }))
        app.listen({ port, host: '127.0.0.1' })
      },
    })
    await server.listen()
    try {
      await using hop = await start({ certificate, relayTo: port })
      const data = trickyMessage('onwards')
      const recipients = [{ address: makeAddress('carol', 'here.test'), parameters: {} }]
      assert.equal((await send({ port: hop.port, to: [], recipients, data }))[0]?.kind, 'delivered')
      const [mail] = await mails(join(folder, 'mail', 'carol'), 1).catch(() => [])
      assert.equal(content(mail ?? Buffer.alloc(0)), content(data))
    } finally {
      await server.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
