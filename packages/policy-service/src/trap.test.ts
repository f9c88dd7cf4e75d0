/**
 * What has cost other policy services mail, each by its number in `test/interop/README.md`. What takes a real Postfix is in
 * `test/interop/policy-server`, what takes plugins in `test/host/policy-listener`; the pairs in `pairs/` have each answer by itself.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { WireReply } from '@postroad/smtp'
import fc from 'fast-check'
import { judgementOf, refusalOf } from './answer.ts'
import { formatAction, type PolicyAction, parseAction } from './codec/action.ts'
import { formatBlock } from './codec/request.ts'
import { asking, join, type Scope } from './fixture.test.ts'
import { createPolicyListener } from './listener.ts'
import { DEFAULT_POLICY_LIMITS } from './options.ts'

const question = (more: Readonly<Record<string, string>> = {}): string =>
  formatBlock({
    request: 'smtpd_access_policy',
    protocol_state: 'RCPT',
    client_address: '192.0.2.7',
    sender: 'joe@client.test',
    recipient: 'alice@example.test',
    instance: '1',
    ...more,
  })
const data = { protocol_state: 'DATA', recipient: '', recipient_count: '2' }
const DUNNO = 'action=DUNNO\n\n'

/** What is answered to each question, in its order, on one connection. */
async function answers(t: TestContext, scope: Scope, ...asked: readonly Readonly<Record<string, string>>[]) {
  const service = await asking(t, scope)
  const said: string[] = []
  for (const one of asked) said.push((await service.ask(question(one))).slice('action='.length, -2))
  return { said, ...service }
}

test('trap 1: never OK, unless the operator says `permit`', async (t) => {
  const states = ['CONNECT', 'EHLO', 'MAIL', 'RCPT', 'VRFY', 'ETRN', 'NEWS'].map((state) => ({ protocol_state: state }))
  assert.deepEqual(new Set((await answers(t, {}, ...states, data)).said), new Set(['DUNNO']))
  const permitting = await asking(t, {}, { accept: 'permit' })
  assert.equal(await permitting.ask(question()), 'action=OK\n\n')
})

test('trap 2: a refusal for now is DEFER_IF_PERMIT at each state, so that it hides none for good that follows', async (t) => {
  const later = '451 4.7.1 Later'
  for (const scope of [
    { connect: later },
    { helo: { '': later } },
    { mail: { 'joe@client.test': later } },
    { rcpt: { 'alice@example.test': later } },
  ])
    assert.deepEqual((await answers(t, scope, {})).said, ['DEFER_IF_PERMIT 4.7.1 Later'])
  assert.deepEqual((await answers(t, { data: later }, {}, data)).said, ['DUNNO', 'DEFER_IF_PERMIT 4.7.1 Later'])
})

const text = fc.string({ unit: 'binary', maxLength: 600 })
const replies: fc.Arbitrary<WireReply> = fc.record({
  code: fc.integer({ min: 200, max: 700 }),
  status: fc.constantFrom('5.1.1', '4.7.1', '2.0.0', 'x', '5.7.999999'),
  text: fc.oneof(text, fc.array(text)),
  disconnect: fc.boolean(),
})

test('trap 4: whatever is said, only words that Postfix knows are written: another word is a restriction class to it', () => {
  const known =
    /^action=(?:DUNNO|OK|(?:[45]\d\d|DEFER_IF_PERMIT) [45]\.\d{1,3}\.\d{1,3}(?: |\n)|HOLD\b|DISCARD\b|PREPEND )/
  fc.assert(
    fc.property(replies, (reply) => {
      const action = refusalOf(reply)
      if (action) assert.match(formatAction(action), known)
    }),
  )
  fc.assert(
    fc.property(fc.constantFrom('refuse', 'quarantine', 'discard', 'pass'), replies, text, (outcome, reply, reason) => {
      const { action } = judgementOf({ outcome, reply, reason, dispose: () => undefined })
      assert.match(formatAction(action), known)
      assert.notEqual(parseAction(formatAction(action).slice('action='.length)).kind, 'unknown')
    }),
  )
})

test('trap 5: a connection is kept, and carries one question after the other', async (t) => {
  const service = await asking(t)
  for (let each = 0; each < 200; each++) assert.equal(await service.ask(question({ instance: `1.${each}` })), DUNNO)
  assert.equal(service.wires.length, 200)
  assert.equal(service.listener.connections, 1)
  assert.deepEqual(service.errors, [])
})

test('trap 5: a second question before the answer is an error of protocol', async (t) => {
  const service = await asking(t)
  await assert.rejects(service.ask(question() + question()), /closed/)
  assert.match(service.errors.join(), /a second question came before the answer/)
})

test('trap 7: an error of ours is a refusal for now and no hang-up, at each state', async (t) => {
  const failed = 'DEFER_IF_PERMIT 4.3.0 Local error in processing, try again later'
  for (const scope of [
    { connect: 'throw' },
    { mail: { 'joe@client.test': 'throw' } },
    { rcpt: { 'alice@example.test': 'throw' } },
  ]) {
    const { said, listener } = await answers(t, scope, {}, { instance: '2' })
    assert.deepEqual(said, [failed, failed])
    assert.equal(listener.connections, 1)
  }
  const { said, errors } = await answers(t, { data: 'throw' }, {}, data)
  assert.deepEqual(said, ['DUNNO', failed])
  assert.match(errors.join(), /a fault of ours/)
})

test('trap 8: a text is one line of ASCII with its status first, and makes no second answer', () => {
  fc.assert(
    fc.property(replies, (reply) => {
      const action = refusalOf(reply)
      if (!action) return
      const said = formatAction(action)
      assert.match(said, /^action=[\x20-\x7e]*\n\n$/)
      assert.match(said, /^action=(?:\w+) [45]\.\d{1,3}\.\d{1,3}/)
      // Postfix puts its own words before it, and a reply line has 512 octets.
      assert.ok(said.length < 450)
    }),
  )
})

test('trap 9: a mark is given once for a message, whatever the number of its recipients and of questions', async (t) => {
  const scope: Scope = { judge: { outcome: 'pass', mark: 'X-Spam-Flag: YES' } }
  const { said } = await answers(t, scope, {}, { recipient: 'bob@example.test' }, data, data)
  assert.deepEqual(said, ['DUNNO', 'DUNNO', 'PREPEND X-Spam-Flag: YES', 'DUNNO'])
})

test('trap 10: all questions of an instance are one session and one transaction whose recipients grow', async (t) => {
  const { heard } = await answers(t, {}, {}, { recipient: 'bob@example.test' }, data, { instance: '2' })
  assert.deepEqual(heard, [
    ...['connect', 'helo EHLO ', 'mail joe@client.test', 'rcpt alice@example.test', 'rcpt bob@example.test'],
    ...['data', 'judge 2', 'close client'],
    ...['connect', 'helo EHLO ', 'mail joe@client.test', 'rcpt alice@example.test'],
  ])
})

test('trap 11: nobody is left before Postfix leaves by itself: an idle connection has 300 s, and no option makes that less', async (t) => {
  assert.ok(DEFAULT_POLICY_LIMITS.idleTimeoutMs > 300_000)
  const make = (idleTimeoutMs: number) => () =>
    createPolicyListener({ name: 'p', hostname: 'h', limits: { idleTimeoutMs } }, () => assert.fail('nobody asks'))
  assert.throws(make(299_999), /limits\.idleTimeoutMs: at least 300000/)
  make(300_000)()
  // What is short is the time of half a question, also of one that comes octet by octet.
  const service = await asking(t, {}, { limits: { requestTimeoutMs: 100 } })
  const [half, drip] = [await join(service.listener), await join(service.listener)]
  half.write('request=smtpd_access_policy\n')
  const octets = [...question()]
  const drops = setInterval(() => drip.write(octets.shift() ?? '\n'), 20)
  t.after(() => clearInterval(drops))
  // What one of them writes after its end is an error of its own.
  await Promise.all([half, drip].map((socket) => new Promise((resolve) => socket.resume().once('close', resolve))))
  assert.match(service.errors.join(), /did not come to its end within 100 ms/)
  assert.equal(await service.ask(question()), DUNNO)
})

test('trap 12: an answer is one action: who is refused, held or discarded gets no mark besides', async (t) => {
  const mark = 'X-Spam-Flag: YES'
  for (const [judge, said] of [
    [{ outcome: 'refuse', reply: '550 5.7.1 No', mark }, '550 5.7.1 No'],
    [{ outcome: 'quarantine', reason: '6 points', mark }, 'HOLD 6 points'],
    [{ outcome: 'discard', reason: 'a trap', mark }, 'DISCARD a trap'],
  ] as const)
    assert.deepEqual((await answers(t, { judge }, {}, data)).said, ['DUNNO', said])
})

test('what is no answer of ours is never written', () => {
  const odd: PolicyAction = { kind: 'refuse', code: 250, text: 'Ok' }
  assert.equal(formatAction(odd), 'action=450 4.7.1 Ok\n\n')
})
