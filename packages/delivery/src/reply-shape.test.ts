import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome, Transport } from '@postroad/mail'
import { createSink, type Sink, type SinkAnswer, type SinkOptions, type SinkStep } from '@postroad/testing'
import { fixedTransport } from './fixed-transport.ts'
import { job, source, streamed } from './support/fixture.ts'

interface Setting {
  readonly sink: Sink
  readonly transport: Transport
}

async function withSink(options: SinkOptions, work: (setting: Setting) => Promise<void>): Promise<void> {
  const sink = await createSink(options)
  const transport = fixedTransport({
    hostname: 'client.test',
    host: '127.0.0.1',
    port: sink.port,
    tls: { mode: 'none' },
  })
  try {
    await work({ sink, transport })
  } finally {
    await transport.close()
    await sink.close()
  }
}

/** A script that answers at one verb only. */
const at = (verb: string, answer: SinkAnswer) => (step: SinkStep) => (step.verb === verb ? answer : undefined)

const show = (outcomes: readonly Outcome[]) =>
  outcomes.map(({ recipient: { address }, kind, reply }) => `${address.local} ${kind} ${reply.code}`)

test('a message that was clearly taken is delivered, however the server writes', async () => {
  for (const raw of [
    '250-Ok\r\n251 Ok\r\n',
    '250OK\r\n',
    '250\r\n',
    '250 Ok\n',
    '\r\n250 Ok\r\n',
    '250-\n250-\n250\n',
    '250-a\r\nb\r\n250 c\r\n',
    `250 ${'x'.repeat(60_000)}\r\n`,
    '250 \0\0\r\n',
    '299 Ok\r\n',
    '250 5.0.0 Ok\r\n',
    '252 Perhaps\r\n',
  ]) {
    await withSink({ script: at('DOT', { raw }) }, async ({ sink, transport }) => {
      for (let i = 0; i < 2; i++)
        assert.match(show(await transport.deliver(job(['b@to.test']))).join(), /^b delivered 2\d\d$/, raw.slice(0, 40))
      assert.equal(sink.connections, 1)
    })
  }
})

test('what says neither yes nor no to the final dot is deferred, and may be a duplicate', async () => {
  for (const raw of [
    '150 Wait\r\n',
    '354 What?\r\n',
    '2500 Ok\r\n',
    'OK\r\n',
    '250-Ok\r\n550 No\r\n',
    '550-No\r\n250 Ok\r\n',
    `250 ${'x'.repeat(70_000)}\r\n`,
  ]) {
    await withSink({ script: at('DOT', { raw }) }, async ({ transport }) => {
      const [outcome] = await transport.deliver(job(['b@to.test']))
      assert.deepEqual(
        [outcome?.kind, outcome?.reply.status, outcome?.uncertain],
        ['deferred', '4.5.0', true],
        raw.slice(0, 40),
      )
    })
  }
})

test('a reply that came before the question is not the answer to it', async () => {
  const pieces = [
    '354 Go\r\n250 Ok\r\n',
    '354 Go\r\n250 Ok\r\n250 Ok\r\n',
    '354 Go\r\n25',
    '354 Go\r\n550 5.1.1 Who?\r\n',
  ]
  for (const raw of pieces) {
    await withSink({ script: at('DATA', { raw }) }, async ({ transport }) => {
      for (const message of [source('x'), streamed('x', 'y'), source('x'.repeat(9_000_000))]) {
        const [outcome] = await transport.deliver(job(['b@to.test'], { message }))
        assert.equal(outcome?.kind, 'deferred', `${JSON.stringify(raw)} ${message.size}`)
      }
    })
  }
  // Before the end of a long message was sent: the rest of it would be commands.
  await withSink({ script: at('CONTENT', '250 Ok') }, async ({ transport }) => {
    for (const message of [streamed('x'.repeat(9_000_000)), source('x'.repeat(9_000_000))])
      assert.equal((await transport.deliver(job(['b@to.test'], { message })))[0]?.kind, 'deferred')
  })
  // The refusal of one recipient is not that of the next.
  const script = ({ verb, nth }: SinkStep) =>
    verb === 'MAIL' ? '250 Ok\n250 Once more' : verb === 'RCPT' && nth === 1 ? '550 5.1.1 Who?' : undefined
  await withSink({ extensions: [], script }, async ({ transport }) => {
    assert.deepEqual(show(await transport.deliver(job(['b@to.test', 'c@to.test']))), [
      'b deferred 451',
      'c deferred 451',
    ])
  })
})
