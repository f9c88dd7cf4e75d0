import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RoutedRecipient } from '@postroad/mail'
import { type Address, accept, defer, discard, quarantine, reject, reroute, suspect } from '@postroad/plugin'
import { type AnyOpinion, type Decision, isRefusal, severer } from './severity.ts'
import { createSingleRecipientClients } from './single-recipient-clients.ts'
import { judge, marks, quarantineLevel, round, withNormalDomains } from './thresholds.ts'
import { Verdicts } from './verdicts.ts'

const address = (local: string): Address => ({
  local,
  domain: 'x.test',
  isInternational: false,
  toString: () => `${local}@x.test`,
})
const recipient = (local: string): RoutedRecipient => ({ address: address(local), parameters: {}, route: { via: 'x' } })
const by = (opinion: Decision['opinion'], plugin = 'p'): Decision => ({ opinion, plugin })

test('reject > defer > quarantine > discard > accept > reroute > suspect', () => {
  const order = [
    reject('a'),
    defer('b'),
    quarantine('c'),
    discard('d'),
    accept(),
    reroute({ via: 'x' }),
    suspect(1, 'e'),
  ]
  const of = (opinion: AnyOpinion): Decision<AnyOpinion> => ({ opinion, plugin: 'p' })
  for (const [index, opinion] of order.entries())
    for (const weaker of order.slice(index + 1)) {
      assert.equal(severer(of(opinion), of(weaker)).opinion, opinion)
      assert.equal(severer(of(weaker), of(opinion)).opinion, opinion)
    }
})

test('reject and defer refuse, the others and nothing do not', () => {
  assert.deepEqual([reject('a'), defer('a'), quarantine('a'), discard('a'), accept(), undefined].map(isRefusal), [
    true,
    true,
    false,
    false,
    false,
    false,
  ])
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
  const thresholds = withNormalDomains({
    reject: 9,
    domains: { 'Strict.TEST': { reject: 2 }, 'bücher.test': { quarantine: 3 } },
  })
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

test('a threshold says what it is worth, and where it was met', () => {
  const levels = { quarantine: 5, defer: 7, reject: 9 }
  assert.deepEqual(judge(9, levels), {
    level: 'reject',
    at: 9,
    opinion: reject('Message refused by local policy', { status: '5.7.1' }),
  })
  assert.deepEqual(judge(8, levels), {
    level: 'defer',
    at: 7,
    opinion: defer('Message deferred by local policy', { status: '4.7.1' }),
  })
  assert.deepEqual(judge(6.666, levels), { level: 'quarantine', at: 5, opinion: quarantine('6.67 points') })
  assert.equal(judge(6, { reject: 9, defer: 7 }), undefined)
  assert.equal(judge(0, { reject: 0 })?.level, 'reject')
})

test('the mark has a threshold of its own, which decides nothing', () => {
  assert.equal(judge(100, { tag: 3 }), undefined)
  assert.deepEqual(marks(3, { tag: 3 }), { level: 'tag', at: 3 })
  assert.equal(marks(2.99, { tag: 3 }), undefined)
  assert.equal(marks(100, { reject: 5 }), undefined)
  const some = { tag: 3, domains: { 'x.test': { tag: 1 } } }
  assert.deepEqual(
    [marks(1, some, 'x.test')?.at, marks(3, some, 'y.test')?.at, marks(1, some, 'y.test')],
    [1, 3, undefined],
  )
})

test('what a domain does not say is as for all, and what is no domain fits nobody', () => {
  const thresholds = withNormalDomains({
    reject: 9,
    quarantine: 4,
    domains: { 'a.test': { reject: 2 }, 'no name': { reject: 1 } },
  })
  assert.deepEqual(thresholds, {
    reject: 9,
    quarantine: 4,
    domains: { 'a.test': { reject: 2 }, 'no name': { reject: 1 } },
  })
  assert.equal(judge(1, thresholds, 'a.test'), undefined)
  assert.equal(judge(4, { ...thresholds, domains: { 'a.test': {} } }, 'a.test')?.level, 'quarantine')
  assert.equal(judge(2, thresholds, 'toString'), undefined)
  assert.deepEqual(withNormalDomains({ reject: 1 }), { reject: 1 })
  assert.equal(
    quarantineLevel({ quarantine: 5, domains: { 'a.test': { quarantine: 3 }, 'b.test': { quarantine: 8 } } }),
    3,
  )
  assert.equal(quarantineLevel({ quarantine: 5 }), 5)
  assert.equal(quarantineLevel({}), undefined)
})

test('points are shown to a hundredth', () => {
  assert.deepEqual([1, 0.125, 2.994, -1.006].map(round), [1, 0.13, 2.99, -1.01])
})

test('the first decision for a recipient stays; of one wave the most severe that is about it', () => {
  const [a, b] = [recipient('a'), recipient('b')]
  const verdicts = new Verdicts([a, b])
  assert.ok(verdicts.none)
  assert.deepEqual(verdicts.undecided, [a, b])
  verdicts.take([])
  assert.ok(verdicts.none)
  verdicts.take([by(defer('1'), 'p'), by(reject('2', { for: [a.address] }), 'q'), by(accept(), 'r')])
  assert.ok(!verdicts.none)
  assert.deepEqual([verdicts.of(a)?.plugin, verdicts.of(b)?.plugin], ['q', 'p'])
  verdicts.decide(a, by(accept(), 'late'))
  assert.equal(verdicts.of(a)?.plugin, 'q')
  assert.deepEqual(verdicts.undecided, [])
  assert.deepEqual(verdicts.withKind('accept'), [])
})

test('whom an opinion is for is found by mailbox, not by object alone', () => {
  const a = recipient('a')
  const decides = (whom: readonly Address[]): boolean => {
    const verdicts = new Verdicts([a])
    verdicts.take([by(reject('no', { for: whom }))])
    return !verdicts.none
  }
  assert.ok(decides([a.address]))
  assert.ok(decides([address('a')]))
  assert.ok(!decides([address('b')]))
  assert.ok(!decides([{ ...address('a'), domain: 'y.test' }]))
  assert.ok(!decides([]))
})

test('a client that is named again is remembered a day from then on, and is not the oldest any more', () => {
  const clients = createSingleRecipientClients()
  assert.equal(clients.has('a', 0), false)
  clients.add('a', 0)
  assert.equal(clients.has('b', 0), false)
  clients.add('a', 1_000)
  assert.equal(clients.has('a', 86_400_000), true)
  assert.equal(clients.has('a', 86_401_000), false)
  for (let i = 0; i < 10_000; i++) clients.add(`client ${i}`, 0)
  clients.add('client 0', 0)
  assert.equal(clients.has('client 0', 1), true)
  clients.add('one more', 0)
  assert.deepEqual(
    ['client 0', 'client 1', 'client 2', 'one more'].map((client) => clients.has(client, 1)),
    [true, false, true, true],
  )
})
