/** What is an answer, and what is none: a table for each kind of hook. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import { accept, defer, discard, quarantine, reject, reroute, suspect } from '@postroad/plugin'
import { addressOf, ground, handler, wire } from '../fixture.test.ts'
import { SessionState } from '../session/session.ts'
import { Transaction } from '../session/transaction.ts'
import { HookCall } from './call.ts'
import {
  deliveryOpinions,
  identity,
  nothing,
  opinions,
  receipt,
  reply,
  rewritten,
  route,
  sink,
  tlsAnswer,
} from './check.ts'

const at = (hook: 'rcpt' | 'message' | 'queue' | 'help', more = {}) => handler(hook, () => undefined, more)
const REJECT = { kind: 'reject', text: 'no', status: '5.7.1', code: 550, disconnect: false }
/** No answer anywhere. */
const NEVER: readonly unknown[] = [null, 'accept', 1, true, {}, { kind: 'x' }, { kind: 1 }, [null], [[]]]

function refuses(check: (answer: unknown) => unknown, answers: readonly unknown[], text: RegExp): void {
  for (const answer of answers)
    assert.throws(() => check(answer), { name: 'TypeError', message: text }, JSON.stringify(answer))
}

test('an opinion, or several, of the kinds that the hook allows', () => {
  const said = (answer: unknown, hook: 'rcpt' | 'message' = 'rcpt') => opinions(answer, at(hook))
  assert.deepEqual(said(accept()), [{ kind: 'accept' }])
  assert.deepEqual(said([suspect(1, 'a'), suspect(-2, 'b')]), [
    { kind: 'suspect', points: 1, reason: 'a' },
    { kind: 'suspect', points: -2, reason: 'b' },
  ])
  assert.deepEqual(said([]), [])
  assert.deepEqual(said({ kind: 'suspect', points: 1 }), [{ kind: 'suspect', points: 1, reason: '' }])
  assert.deepEqual(said(quarantine('q'), 'message'), [{ kind: 'quarantine', reason: 'q' }])
  assert.deepEqual(said(discard('d'), 'message'), [{ kind: 'discard', reason: 'd' }])
  refuses(said, [...NEVER, quarantine('q'), discard('d'), reroute({ via: 'x' })], /^not an answer to rcpt: /)
  refuses((answer) => said(answer, 'message'), [...NEVER, reroute({ via: 'x' })], /^not an answer to message: /)
})

test('a refusal has a text, and a code of its class', () => {
  const said = (answer: unknown) => opinions(answer, at('rcpt'))
  const plain = { kind: 'reject', text: 'no', code: 550 }
  assert.deepEqual(said(reject('no', { status: '5.7.1', code: 550 })), [REJECT])
  assert.deepEqual(said(plain), [{ ...REJECT, status: undefined }])
  assert.deepEqual(said({ ...plain, disconnect: true }), [{ ...REJECT, status: undefined, disconnect: true }])
  assert.deepEqual(said({ ...plain, disconnect: 'yes' }), [{ ...REJECT, status: undefined }])
  assert.deepEqual(said(defer('later', { status: '4.7.1', code: 450 })), [
    { kind: 'defer', text: 'later', status: '4.7.1', code: 450, disconnect: false },
  ])
  const wrong = [
    { ...plain, code: 450 },
    { ...plain, code: 600 },
    { ...plain, kind: 'defer' },
    { ...plain, kind: 'defer', code: 399 },
    { ...plain, code: '550' },
    { ...plain, text: 1 },
    { ...plain, text: undefined },
    { ...plain, status: 5 },
  ]
  refuses(said, wrong, /^not an answer to rcpt: /)
})

test('points are a finite number, a reason is a text', () => {
  const wrong = [Number.NaN, Number.POSITIVE_INFINITY, '1', undefined].map((points) => ({
    kind: 'suspect',
    points,
    reason: 'x',
  }))
  refuses(
    (answer) => opinions(answer, at('rcpt')),
    [...wrong, { kind: 'suspect', points: 1, reason: 2 }],
    /^not an answer to rcpt: /,
  )
})

test('whom an opinion is for are addresses, and none means nobody', () => {
  const [a] = [addressOf('a@x.test')]
  const said = (whom: unknown) =>
    opinions({ ...reject('no', { status: '5.7.1', code: 550 }), for: whom }, at('message'))
  assert.deepEqual(said([a]), [{ ...REJECT, for: [a] }])
  assert.deepEqual(said([]), [{ ...REJECT, for: [] }])
  assert.deepEqual(said(undefined), [REJECT])
  assert.deepEqual(opinions(quarantine('q', { for: [a] }), at('message')), [
    { kind: 'quarantine', reason: 'q', for: [a] },
  ])
  const wrong = [
    a,
    'a@x.test',
    ['a@x.test'],
    [a, null],
    [{ local: 'a' }],
    [{ domain: 'x.test' }],
    [{ local: 1, domain: 'x' }],
    null,
  ]
  refuses(said, wrong, /^not an answer to message: /)
})

test('what is said is a copy: later changes are not looked at', () => {
  const whom = [addressOf('a@x.test')]
  const mine = { ...reject('no'), for: whom }
  const [said] = opinions(mine, at('message'))
  whom.pop()
  mine.text = 'changed'
  assert.ok(said?.kind === 'reject')
  assert.deepEqual([said.text, said.for?.length], ['no', 1])
})

test('who said that it only observes, or gives no points, is held to it', () => {
  assert.throws(
    () => opinions(accept(), at('rcpt', { observes: true })),
    /^TypeError: rcpt only observes, as it says itself, and answered: /,
  )
  assert.throws(
    () => opinions([accept(), suspect(1, 'x')], at('rcpt', { points: false })),
    /^TypeError: rcpt gives no points, as it says itself, and answered: /,
  )
  assert.deepEqual(opinions(accept(), at('rcpt', { points: false })), [{ kind: 'accept' }])
  const long = `${'x'.repeat(500)}`
  assert.throws(() => opinions(long, at('rcpt', { observes: true })), { message: /answered: .{200}$/ })
  assert.throws(() => opinions(long, at('rcpt')), { message: /^not an answer to rcpt: .{200}$/ })
})

test('delivery may be refused or sent another way', () => {
  assert.deepEqual(deliveryOpinions([reject('no', { status: '5.7.1', code: 550 }), reroute({ via: 'x' })]), [
    REJECT,
    { kind: 'reroute', route: { via: 'x' } },
  ])
  const wrong = [
    ...NEVER,
    accept(),
    suspect(1, 'x'),
    { kind: 'reroute' },
    { kind: 'reroute', route: { via: 1 } },
    { kind: 'reroute', route: 'x' },
  ]
  refuses(deliveryOpinions, wrong, /^not an answer to delivery: /)
})

test('a TLS policy stays the same object, and what authenticates says by which name', () => {
  const verified = () => ({ verified: 'dane-ee' })
  const refusal = { refusal: { code: 451, text: 'no' }, failure: 'dnssec-invalid', source: 'dane' }
  const right = [
    { mode: 'opportunistic' },
    { mode: 'required', verify: true, source: 'sts' },
    { mode: 'required', id: 'x', authenticate: verified },
    refusal,
  ]
  for (const answer of right) assert.equal(tlsAnswer(answer), answer)
  const wrong = [
    ...NEVER,
    defer('no'),
    { mode: 'maybe' },
    { mode: 'required', authenticate: verified },
    { mode: 'required', id: '', authenticate: verified },
    { mode: 'required', id: 'x', authenticate: 'yes' },
    { mode: 'required', source: 1 },
    { refusal: 'no' },
    { refusal: { text: 'yes', code: 250 } },
    { refusal: { text: 'odd', code: 600 } },
    { refusal: { code: 451 } },
  ]
  refuses(tlsAnswer, wrong, /^not an answer to tls: /)
})

test('a route has a way, and a frozen one stays the same object', () => {
  const frozen = Object.freeze({ via: 'x', host: 'h' })
  const open = { via: 'x', host: 'h' }
  assert.equal(route(frozen), frozen)
  assert.notEqual(route(open), open)
  assert.deepEqual(route(open), open)
  const changing = new Proxy(frozen, {})
  assert.notEqual(route(changing), changing)
  assert.deepEqual(route(reject('no', { status: '5.7.1', code: 550 })), REJECT)
  refuses(route, [...NEVER, { via: 1 }, accept(), suspect(1, 'x')], /^not an answer to route: /)
  const [said] = deliveryOpinions(reroute(frozen))
  assert.equal(said?.kind === 'reroute' && said.route, frozen)
})

test('a receipt has an id, and says who was refused after all', () => {
  const said = (answer: unknown) => receipt(answer, at('queue'))
  const recipient = { address: addressOf('a@x.test'), parameters: {}, route: { via: 'x' } }
  const refusal = reject('no', { status: '5.7.1', code: 550 })
  assert.deepEqual(said({ id: '7', more: 1 }), { id: '7' })
  assert.deepEqual(said({ id: '7', refused: [{ recipient, refusal }] }), {
    id: '7',
    refused: [{ recipient, refusal: REJECT }],
  })
  assert.deepEqual(said({ id: '7', refused: [] }), { id: '7', refused: [] })
  assert.deepEqual(said(refusal), REJECT)
  const wrong = [
    ...NEVER,
    { id: 7 },
    { id: '7', refused: recipient },
    { id: '7', refused: [null] },
    { id: '7', refused: [{ refusal }] },
    { id: '7', refused: [{ recipient: 'a', refusal }] },
    { id: '7', refused: [{ recipient, refusal: accept() }] },
    { id: '7', refused: [{ recipient }] },
    accept(),
  ]
  refuses(said, wrong, /^not an answer to queue: /)
})

test('an identity has a name, and a frozen one stays the same object', () => {
  const frozen = Object.freeze({ name: 'alice', more: 1 })
  assert.equal(identity(frozen), frozen)
  const open = { name: 'alice', more: 1 }
  assert.notEqual(identity(open), open)
  assert.deepEqual(identity(open), open)
  assert.deepEqual(identity(reject('no', { status: '5.7.1', code: 550 })), REJECT)
  refuses(identity, [...NEVER, { name: 1 }, accept()], /^not an answer to auth: /)
})

test('a reply has code and text', () => {
  const said = (answer: unknown) => reply(answer, at('help'))
  const plain = { kind: 'reply', code: 214, text: 'Help' }
  assert.deepEqual(said(plain), plain)
  assert.deepEqual(said({ ...plain, status: '2.0.0' }), { ...plain, status: '2.0.0' })
  refuses(
    said,
    [...NEVER, { ...plain, kind: 'x' }, { ...plain, code: '214' }, { ...plain, text: 1 }],
    /^not an answer to help: /,
  )
})

test('a message, and what listens, are known by what they can do', () => {
  const whole = messageFromBytes(Buffer.from('A: b\r\n\r\n'))
  const call = new HookCall('rewrite', new Transaction(new SessionState(ground().scope, wire()), undefined, {}), {
    message: whole,
  })
  const message = (answer: unknown) => rewritten(answer, at('message'), call)
  assert.equal(message(whole), whole)
  const edited = whole.withHeader('X', 'y')
  assert.equal(message(edited), edited)
  assert.throws(() => message(messageFromBytes(Buffer.from('A: b\r\n\r\n'))), /not made from the one that was given/)
  const archive = { local: 'archive', domain: 'example.com' }
  const all = { kind: 'rewrite', message: edited, from: null, add: [archive, { address: archive }], remove: [archive] }
  assert.deepEqual(message(all), all)
  for (const [wrong, text] of [
    [{ from: 'a@example.com' }, /rewrite: from must be an address, or null for <>/],
    [{ add: ['a@example.com'] }, /rewrite: add must be an array of addresses/],
    [{ remove: archive }, /rewrite: remove must be an array of addresses/],
    [{ message: messageFromBytes(Buffer.from('')) }, /not made from the one that was given/],
  ] as const)
    assert.throws(() => message({ kind: 'rewrite', ...wrong }), text)
  refuses(message, [...NEVER, { raw: () => [] }, { withHeader: () => whole }], /^(?:not an answer to )?rewrite: /)
  const listening = { write: () => undefined }
  assert.equal(sink(listening), listening)
  refuses(sink, [...NEVER, { write: 1 }], /^not an answer to receive: /)
  assert.equal(nothing(), undefined)
})
