import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TlsPolicy } from '@postroad/mail'
import { createSink, type SinkOptions } from '@postroad/testing'
import { fixedTransport } from './fixed-transport.ts'
import { certificate, job } from './support/fixture.ts'

const trusted = { servername: 'sink.test', options: { ca: certificate.cert } }
const opportunistic: TlsPolicy = { mode: 'opportunistic', ...trusted }
const parameters = { requireTls: true }
const extensions = ['PIPELINING', 'REQUIRETLS']

/** What a message with REQUIRETLS becomes, sent on the pool of one without it, and what the server read of it. */
async function deliver(tls: TlsPolicy, options: SinkOptions) {
  const sink = await createSink(options)
  const transport = fixedTransport({
    hostname: 'client.test',
    host: '127.0.0.1',
    port: sink.port,
    tls,
    timeouts: { connect: 2_000 },
  })
  const [other] = await transport.deliver(job(['b@to.test']))
  const before = sink.transactions.length
  const outcomes = await transport.deliver(job(['b@to.test', 'c@to.test'], { parameters }))
  await transport.close()
  await sink.close()
  return {
    ordinary: other?.kind,
    shown: outcomes.map(({ kind, reply }) => `${kind} ${reply.code} ${reply.status}`),
    mails: sink.transactions.slice(before).map(({ from }) => from),
  }
}

const twice = (text: string) => [text, text]

test('RFC 8689 §4.2.1: over an opportunistic connection it goes only with a valid certificate, and the wish goes with it', async () => {
  const { shown, mails } = await deliver(opportunistic, { certificate, extensions })
  assert.deepEqual([shown, mails], [twice('delivered 250 2.0.0'), ['<a@from.test> REQUIRETLS']])
})

test('RFC 8689 §4.2.1: where TLS fails nothing is said in the clear, though other mail goes that way', async () => {
  const broken: SinkOptions = { extensions: ['STARTTLS', 'REQUIRETLS'], script: ({ verb }) => (verb === 'STARTTLS' ? '454 4.7.0 Not now' : undefined) } // biome-ignore format: one line
  assert.deepEqual(await deliver(opportunistic, broken), {
    ordinary: 'delivered',
    shown: twice('deferred 454 4.7.4'),
    mails: [],
  })
  const garbage: SinkOptions = { ...broken, script: ({ verb }) => (verb === 'STARTTLS' ? '220 2.0.0 Go, but there is nobody' : undefined) } // biome-ignore format: one line
  assert.deepEqual(await deliver(opportunistic, garbage), {
    ordinary: 'delivered',
    shown: twice('deferred 454 4.7.5'),
    mails: [],
  })
  const none = await deliver(opportunistic, { extensions })
  assert.deepEqual(none, { ordinary: 'delivered', shown: twice('deferred 454 4.7.4'), mails: [] })
})

test('RFC 8689 §4.2.1: a certificate that nobody vouches for is none, whatever the policy asks of other mail', async () => {
  for (const tls of [
    { mode: 'opportunistic' },
    { mode: 'required' },
    { ...opportunistic, servername: 'other.test' },
  ] as const)
    assert.deepEqual(await deliver(tls, { certificate, extensions }), {
      ordinary: 'delivered',
      shown: twice('deferred 454 4.7.5'),
      mails: [],
    })
})

test('RFC 8689 §4.2.1: 5.7.30 where the next hop does not know REQUIRETLS, 5.7.10 where there is never TLS', async () => {
  const old = await deliver(opportunistic, { certificate, extensions: ['PIPELINING'] })
  assert.deepEqual(old, { ordinary: 'delivered', shown: twice('failed 550 5.7.30'), mails: [] })
  const never = await deliver({ mode: 'none' }, { certificate, extensions })
  assert.deepEqual(never, { ordinary: 'delivered', shown: twice('failed 550 5.7.10'), mails: [] })
})
