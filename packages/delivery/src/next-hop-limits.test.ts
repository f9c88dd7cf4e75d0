/** What the next hop cannot take, and what is done about it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '@postroad/mail'
import type { SinkStep } from '@postroad/testing'
import { at, show, withSink } from './one-hop.test.ts'
import { job, recipient, source } from './support/fixture.ts'

test('what the server cannot take is refused before anything is sent', async () => {
  const international = parseAddress('d\u00f6rte@from.test', { smtputf8: true })
  await withSink({ extensions: ['SIZE 10'] }, {}, async ({ sink, transport }) => {
    const deliver = async (...arguments_: Parameters<typeof job>) =>
      (await transport.deliver(job(...arguments_))).map(({ kind, reply }) => `${kind} ${reply.code} ${reply.status}`)
    const message = source('S: x\r\n\r\n')
    assert.deepEqual(await deliver(['b@to.test']), ['failed 552 5.3.4'])
    assert.deepEqual(await deliver(['b@to.test'], { message, from: international }), ['failed 553 5.6.7'])
    assert.deepEqual(await deliver(['b@to.test'], { message, parameters: { requireTls: true } }), ['failed 550 5.7.10'])
    assert.deepEqual(await deliver(['b@to.test'], { message, parameters: { body: 'BINARYMIME' } }), [
      'failed 554 5.6.1',
    ])
    assert.deepEqual(
      await deliver(['b@to.test'], { message: source('S: \u00e9\r\n'), parameters: { smtputf8: true } }),
      ['failed 553 5.6.7'],
    )
    assert.equal(sink.commands.length, 1)
    // Only the header needs SMTPUTF8, only the recipient that has such an address does.
    assert.deepEqual(
      await deliver(['b@to.test'], { message: source('S:x\n\n\u00e9'), parameters: { smtputf8: true } }),
      ['delivered 250 2.0.0'],
    )
    assert.deepEqual(await deliver(['d\u00f6@to.test', 'b@to.test'], { message }), [
      'failed 553 5.6.7',
      'delivered 250 2.0.0',
    ])
  })
})

test('RFC 6531 §3.4: an internationalized recipient is announced with MAIL', async () => {
  await withSink({}, {}, async ({ sink, transport }) => {
    assert.deepEqual(show(await transport.deliver(job(['d\u00f6@to.test']))), ['d\u00f6 delivered 250'])
    assert.deepEqual(
      [sink.transactions[0]?.from, sink.transactions[0]?.recipients],
      ['<a@from.test> SIZE=21 SMTPUTF8', ['<d\u00f6@to.test>']],
    )
  })
})

test('RFC 6152 §3: a server of seven bits gets seven bits, or nothing', async () => {
  const eight = source('Content-Type: text/plain; charset=utf-8\r\n\r\n\u00e9\r\n')
  await withSink({ extensions: ['PIPELINING'] }, {}, async ({ sink, transport }) => {
    await transport.deliver(job(['b@to.test'], { message: eight, parameters: { body: '8BITMIME' } }))
    assert.match(
      String(sink.transactions[0]?.message),
      /Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n$/,
    )
    const [outcome] = await transport.deliver(job(['b@to.test'], { message: source('Subject: \u00e9\r\n\r\n') }))
    assert.deepEqual([outcome?.kind, outcome?.reply.status], ['failed', '5.6.3'])
    assert.equal(sink.transactions.length, 1)
  })
  await withSink({ extensions: ['8BITMIME'] }, {}, async ({ sink, transport }) => {
    await transport.deliver(job(['b@to.test'], { message: eight, parameters: { body: '8BITMIME' } }))
    assert.equal(sink.transactions[0]?.from, '<a@from.test> BODY=8BITMIME')
    assert.match(String(sink.transactions[0]?.message), /\u00e9\r\n$/)
  })
})

test('RFC 3461 §5.2.2: DSN parameters are passed on for each recipient, and the outcome says so', async () => {
  const to = recipient('b@to.test', { notify: ['SUCCESS'], orcpt: { type: 'rfc822', address: 'x@to.test' } })
  await withSink({ extensions: ['DSN', 'PIPELINING'] }, {}, async ({ sink, transport }) => {
    const outcomes = await transport.deliver(job([to, 'c@to.test'], { parameters: { ret: 'HDRS', envid: 'e 1' } }))
    assert.deepEqual(
      outcomes.map((outcome) => outcome.dsnRelayed),
      [true, true],
    )
    assert.equal(sink.transactions[0]?.from, '<a@from.test> RET=HDRS ENVID=e+201')
    assert.deepEqual(sink.transactions[0]?.recipients, [
      '<b@to.test> NOTIFY=SUCCESS ORCPT=rfc822;x@to.test',
      '<c@to.test>',
    ])
  })
  await withSink({ extensions: [] }, {}, async ({ transport }) => {
    assert.equal((await transport.deliver(job([to])))[0]?.dsnRelayed, undefined)
  })
})

test('RFC 5321 §4.5.3.1.10, RFC 9422: too many recipients go in further transactions', async () => {
  const many = Array.from({ length: 7 }, (_, i) => `u${i}@to.test`)
  const script = ({ verb, nth }: SinkStep) =>
    verb === 'RCPT' && [4, 5, 6, 7].includes(nth) ? '452 4.5.3 Too many recipients' : undefined
  await withSink({ script }, {}, async ({ sink, transport }) => {
    const outcomes = await transport.deliver(job(many))
    assert.ok(outcomes.length === 7 && outcomes.every(({ kind }) => kind === 'delivered'))
    assert.deepEqual(
      sink.transactions.map(({ recipients }) => recipients.length),
      [3, 4],
    )
  })
  const old = ({ verb, nth }: SinkStep) => (verb === 'RCPT' && nth === 4 ? '552 Too many recipients' : undefined)
  await withSink({ script: old }, {}, async ({ transport }) => {
    assert.ok((await transport.deliver(job(many))).every(({ kind }) => kind === 'delivered'))
  })
  // Of a mailbox it is said for good, and so it is to whoever is alone.
  await withSink({ script: at('RCPT', '552 Mailbox full') }, {}, async ({ transport }) => {
    assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), ['b failed 552'])
  })
  await withSink({ extensions: ['PIPELINING', 'LIMITS RCPTMAX=3'] }, {}, async ({ sink, transport }) => {
    await transport.deliver(job(many))
    assert.deepEqual(
      sink.transactions.map(({ recipients }) => recipients.length),
      [3, 3, 1],
    )
  })
})
