import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import type { Outcome, TlsPolicy } from '@postroad/mail'
import { createSink, type SinkOptions, type SinkStep } from '@postroad/testing'
import { fixedTransport } from '../fixed-transport.ts'
import { certificate, job } from '../support/fixture.ts'
import type { Credentials } from './target.ts'

const ca = { ca: certificate.cert }
const auth: Credentials = { username: 'u', password: 'p' }

interface Result {
  readonly outcome: Outcome
  readonly commands: readonly string[]
  readonly connections: number
  readonly isSecure: boolean | undefined
}

async function deliver(sink: SinkOptions, tls: TlsPolicy, credentials?: Credentials): Promise<Result> {
  const server = await createSink(sink)
  const options = {
    hostname: 'client.test',
    protocol: sink.protocol ?? 'smtp',
    host: '127.0.0.1',
    port: server.port,
    tls,
  } as const
  const transport = fixedTransport({ ...options, ...(credentials && { auth: credentials }) })
  const [outcome] = await transport.deliver(job(['b@to.test']))
  await transport.close()
  await server.close()
  assert.ok(outcome)
  return {
    outcome,
    commands: server.commands,
    connections: server.connections,
    isSecure: server.transactions[0]?.isSecure,
  }
}

test('opportunistic TLS is used where it is offered, and EHLO is said again', async () => {
  for (const protocol of ['smtp', 'lmtp'] as const) {
    const { outcome, commands, isSecure } = await deliver({ certificate, protocol }, { mode: 'opportunistic' })
    assert.deepEqual([outcome.kind, isSecure], ['delivered', true])
    const { version, group, policy, verified, certificate: shown } = outcome.tls ?? assert.fail()
    assert.deepEqual([version, group, policy, verified], ['TLSv1.3', 'X25519MLKEM768', 'opportunistic', undefined])
    const { fingerprint256, validTo } = new X509Certificate(certificate.cert)
    assert.deepEqual(shown, { sha256: fingerprint256.replaceAll(':', '').toLowerCase(), notAfter: Date.parse(validTo) })
    assert.deepEqual(
      commands.slice(0, 3).map((line) => line.slice(0, 4)),
      protocol === 'smtp' ? ['EHLO', 'STAR', 'EHLO'] : ['LHLO', 'STAR', 'LHLO'],
    )
  }
})

test('RFC 7435 §3: opportunistic TLS falls back to the clear when STARTTLS is refused, or the handshake fails', async () => {
  for (const reply of ['454 4.7.0 Not now', '502 5.5.1 No'] as const) {
    const { outcome, connections } = await deliver(
      { certificate, script: ({ verb }) => (verb === 'STARTTLS' ? reply : undefined) },
      { mode: 'opportunistic' },
    )
    assert.deepEqual([outcome.kind, outcome.tls, connections], ['delivered', undefined, 1])
  }
  const broken = ({ verb }: SinkStep) => (verb === 'STARTTLS' ? { raw: '220 Go\r\nthis is no TLS\r\n' } : undefined)
  const { outcome, connections } = await deliver(
    { extensions: ['STARTTLS', 'PIPELINING'], script: broken },
    { mode: 'opportunistic' },
  )
  // As it is today, as old servers have it, in the clear.
  assert.deepEqual([outcome.kind, outcome.tls, connections], ['delivered', undefined, 3])
})

test('required TLS never falls back: the mail is deferred', async () => {
  const refused = ({ verb }: SinkStep) => (verb === 'STARTTLS' ? '502 5.5.1 No' : undefined)
  for (const sink of [
    {},
    { certificate, script: refused },
    { script: ({ verb }: SinkStep) => (verb === 'EHLO' ? '502 5.5.1 No' : undefined) },
  ]) {
    const { outcome, commands } = await deliver(sink, { mode: 'required' })
    assert.deepEqual([outcome.kind, outcome.reply.code < 500 || !commands.includes('MAIL')], ['deferred', true])
    assert.ok(!commands.some((line) => line.startsWith('MAIL')))
  }
})

test('RFC 6125: a certificate that must be valid is, or the mail is deferred', async () => {
  const policy = (servername: string, options = {}): TlsPolicy => ({
    mode: 'required',
    verify: true,
    servername,
    options,
  })
  assert.equal((await deliver({ certificate }, policy('sink.test', ca))).outcome.kind, 'delivered')
  for (const tls of [policy('other.test', ca), policy('sink.test')]) {
    const { outcome, commands } = await deliver({ certificate }, tls)
    assert.deepEqual([outcome.kind, outcome.reply.status], ['deferred', '4.7.5'])
    assert.ok(!commands.some((line) => line.startsWith('MAIL')))
  }
  assert.equal((await deliver({ certificate }, { mode: 'required' })).outcome.kind, 'delivered')
})

test('RFC 8314 §3.3: implicit TLS speaks no octet in the clear', async () => {
  const { outcome, isSecure } = await deliver(
    { certificate, isImplicitTls: true },
    { mode: 'implicit', verify: true, servername: 'sink.test', options: ca },
  )
  assert.deepEqual([outcome.kind, isSecure], ['delivered', true])
})

test('RFC 3207 §6: what was pipelined in the clear behind the answer to STARTTLS is forgotten', async () => {
  // Behind the 220, an EHLO reply that offers AUTH; the real one, over TLS, does not.
  const script = ({ verb }: SinkStep) =>
    verb === 'STARTTLS' ? { raw: '220 Go\r\n250-sink.test\r\n250 AUTH PLAIN\r\n' } : undefined
  const { outcome, commands } = await deliver({ certificate, script }, { mode: 'required' }, auth)
  assert.equal(outcome.kind, 'deferred')
  assert.ok(!commands.some((line) => /^(AUTH|MAIL)/.test(line)))
})

test('RFC 4954: credentials go over TLS only, and a refusal defers', async () => {
  const extensions = ['PIPELINING', 'AUTH PLAIN']
  const { outcome, commands } = await deliver({ certificate, extensions }, { mode: 'required' }, auth)
  assert.equal(outcome.kind, 'delivered')
  assert.ok(commands.includes(`AUTH PLAIN ${Buffer.from('\0u\0p').toString('base64')}`))

  const clear = await deliver({ extensions }, { mode: 'none' }, auth)
  assert.deepEqual([clear.outcome.kind, clear.commands.some((line) => line.startsWith('AUTH'))], ['deferred', false])
  assert.equal(
    (await deliver({ extensions }, { mode: 'none' }, { ...auth, withoutTls: true })).outcome.kind,
    'delivered',
  )

  const script = ({ verb }: SinkStep) => (verb === 'AUTH' ? '535 5.7.8 Wrong' : undefined)
  const wrong = await deliver({ certificate, extensions, script }, { mode: 'required' }, auth)
  assert.deepEqual(
    [wrong.outcome.kind, wrong.outcome.reply],
    ['deferred', { code: 454, status: '4.7.8', text: 'Wrong' }],
  )
  const silent = await deliver({ certificate, extensions: [] }, { mode: 'required' }, auth)
  assert.deepEqual([silent.outcome.kind, silent.outcome.reply.status], ['deferred', '4.7.0'])
})

test('RFC 5321 §3.2: a server that does not know EHLO gets HELO', async () => {
  const { outcome, commands } = await deliver(
    { script: ({ verb }) => (verb === 'EHLO' ? '500 What?' : undefined) },
    { mode: 'opportunistic' },
  )
  assert.equal(outcome.kind, 'delivered')
  assert.deepEqual(commands.slice(0, 3), ['EHLO client.test', 'HELO client.test', 'MAIL FROM:<a@from.test>'])
})

test('a greeting of 4yz or 5yz defers with its own words', async () => {
  for (const reply of ['421 4.3.2 Busy', '554 5.7.1 No service for you', '450 Greylisted']) {
    const { outcome, commands } = await deliver(
      { script: ({ verb }) => (verb === 'CONNECT' ? reply : undefined) },
      { mode: 'none' },
    )
    assert.deepEqual(
      [outcome.kind, outcome.reply.code, outcome.remote],
      ['deferred', Number(reply.slice(0, 3)), '127.0.0.1'],
    )
    assert.deepEqual(
      commands.filter((line) => line.startsWith('EHLO')),
      [],
    )
  }
})

test('a multi-line greeting is read to its end', async () => {
  const { outcome } = await deliver(
    { script: ({ verb }) => (verb === 'CONNECT' ? '220-one\n220-two\n220 three' : undefined) },
    { mode: 'none' },
  )
  assert.equal(outcome.kind, 'delivered')
})
