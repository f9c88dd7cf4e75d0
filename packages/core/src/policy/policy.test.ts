import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Address, accept, defer, discard, quarantine, type RoutedRecipient, reject } from '@postroad/plugin'
import { type Decision, severer } from './severity.ts'
import { createSingleRecipientClients } from './single-recipient-clients.ts'
import { judge, quarantineLevel, withNormalDomains } from './thresholds.ts'
import { Verdicts } from './verdicts.ts'

const address = (local: string): Address => ({ local, domain: 'x.test', isInternational: false, toString: () => `${local}@x.test` })
const recipient = (local: string): RoutedRecipient => ({ address: address(local), parameters: {}, route: { via: 'x' } })
const by = (opinion: Decision['opinion'], plugin = 'p'): Decision => ({ opinion, plugin })

test('reject > defer > quarantine > discard > accept', () => {
  const order = [reject('a'), defer('b'), quarantine('c'), discard('d'), accept()]
  for (const [index, opinion] of order.entries())
    for (const weaker of order.slice(index + 1)) {
      assert.equal(severer(by(opinion), by(weaker)).opinion, opinion)
      assert.equal(severer(by(weaker), by(opinion)).opinion, opinion)
    }
})

test('of two alike the first counts', () => {
  assert.equal(severer(by(reject('a'), 'first'), by(reject('b'), 'second')).plugin, 'first')
})

test('the highest threshold that is met decides; none without thresholds', () => {
  assert.equal(judge(100, {}), undefined)
  assert.equal(judge(4.99, { quarantine: 5 }), undefined)
  assert.equal(judge(5, { quarantine: 5 })?.opinion.kind, 'quarantine')
  assert.equal(judge(9, { quarantine: 5, defer: 7, reject: 9 })?.opinion.kind, 'reject')
  assert.equal(judge(8, { quarantine: 5, defer: 7, reject: 9 })?.opinion.kind, 'defer')
})

test('levels of a domain are found however its name was written, and one that quarantines counts', () => {
  const thresholds = withNormalDomains({ reject: 9, domains: { 'Strict.TEST': { reject: 2 }, 'bücher.test': { quarantine: 3 } } })
  assert.equal(judge(2, thresholds, 'strict.test')?.opinion.kind, 'reject')
  assert.equal(judge(3, thresholds, 'xn--bcher-kva.test')?.opinion.kind, 'quarantine')
  assert.equal(judge(3, thresholds, 'other.test'), undefined)
  assert.deepEqual([quarantineLevel(thresholds), quarantineLevel({ reject: 1 })], [3, undefined])
})

test('verdicts: an opinion for some decides those; the rest stays open for later waves', () => {
  const [a, b, c] = [recipient('a'), recipient('b'), recipient('c')]
  const verdicts = new Verdicts([a, b, c])
  verdicts.take([by(reject('no', { for: [address('a')] })), by(defer('later', { for: [a.address, b.address] }))])
  assert.equal(verdicts.of(a)?.opinion.kind, 'reject')
  assert.equal(verdicts.of(b)?.opinion.kind, 'defer')
  assert.deepEqual(verdicts.undecided, [c])
  verdicts.take([by(discard('all'))])
  assert.equal(verdicts.of(a)?.opinion.kind, 'reject')
  assert.equal(verdicts.of(c)?.opinion.kind, 'discard')
  assert.deepEqual(
    verdicts.withKind('reject', 'defer').map(([one]) => one),
    [a, b],
  )
})

test('who got a mixed answer is remembered for a day, and 10,000 of them at most', () => {
  const singleRecipientClients = createSingleRecipientClients()
  singleRecipientClients.add('a', 0)
  assert.ok(singleRecipientClients.has('a', 86_399_999))
  assert.ok(!singleRecipientClients.has('a', 86_400_000))
  for (let i = 0; i <= 10_000; i++) singleRecipientClients.add(`client ${i}`, 0)
  assert.ok(!singleRecipientClients.has('client 0', 1))
  assert.ok(singleRecipientClients.has('client 10000', 1))
})
