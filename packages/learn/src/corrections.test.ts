import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Corrections } from './corrections.ts'
import { Model } from './model/model.ts'
import { Scanner } from './scan/scanner.ts'

const scanner = new Scanner()
const letter = (i: number) =>
  scanner.scan(
    Buffer.from(
      `From: news@shop.example\r\nSubject: Letter ${i}\r\n\r\nOur new shoes of week ${i}, with a discount for members\r\n`,
    ),
  )
const other = (i: number) =>
  scanner.scan(
    Buffer.from(`From: carol@example.net\r\nSubject: Lunch ${i}\r\n\r\nShall we meet at noon on day ${i}?\r\n`),
  )

test('what one user does not want goes for this user, and for nobody else', () => {
  const model = new Model({ bits: { grams: 14, words: 14, headers: 12 } })
  for (let i = 0; i < 10; i++) model.learn(letter(i), 'wanted')
  for (let i = 0; i < 10; i++) model.learn(other(i), 'wanted')
  const own = new Corrections()
  const before = model.score(letter(90)).rank
  const others = Array.from({ length: 8 }, (_, i) => other(i + 10))
  for (let i = 20; i < 25; i++) own.learn(letter(i), 'junk', model.score(letter(i), [own]).rank, others)
  assert.ok(before < 0)
  assert.equal(model.score(letter(90)).rank, before)
  assert.ok(model.score(letter(90), [own]).rank > 0)
  assert.ok(
    Math.abs(model.score(other(1), [own]).parts.corrections) < 0.3 * model.score(letter(90), [own]).parts.corrections,
  )
})

test('corrections of domain and user add up', () => {
  const [domain, user, model] = [new Corrections(), new Corrections(), new Model()]
  domain.learn(letter(1), 'junk', 0)
  user.learn(letter(1), 'junk', 0)
  const { parts } = model.score(letter(2), [domain, user])
  assert.ok(Math.abs(parts.corrections - domain.score(letter(2)) - user.score(letter(2))) < 1e-9)
  assert.ok(parts.corrections > domain.score(letter(2)))
})

test('a lesson taken back leaves what was before', () => {
  const own = new Corrections()
  own.learn(other(1), 'wanted', 0)
  const before = own.toSnapshot()
  const lesson = own.learn(letter(1), 'junk', -2)
  own.unlearn(letter(1), lesson)
  assert.deepEqual(own.toSnapshot(), before)
})

test('a message that is right by itself moves nothing', () => {
  const own = new Corrections()
  own.learn(letter(1), 'junk', 5)
  assert.equal(own.score(letter(1)), 0)
})

test('they take no more than 64 KB, in memory and written down, and come back as they were', () => {
  const own = new Corrections()
  for (let i = 0; i < 300; i++) own.learn(i % 2 ? letter(i) : other(i), i % 2 ? 'junk' : 'wanted', 0)
  assert.ok(own.octets <= 65_536)
  const snapshot = own.toSnapshot()
  const copy = Corrections.fromSnapshot(snapshot)
  assert.equal(copy.lessons, 300)
  assert.equal(copy.score(letter(400)), own.score(letter(400)))
  assert.deepEqual(copy.toSnapshot(), snapshot)
})

test('what is damaged is refused', () => {
  const own = new Corrections()
  own.learn(letter(1), 'junk', 0)
  const snapshot = own.toSnapshot()
  fc.assert(
    fc.property(fc.nat(snapshot.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = snapshot.slice()
      damaged[at] = (damaged[at] ?? 0) ^ change
      assert.throws(() => Corrections.fromSnapshot(damaged), { name: 'SnapshotError' })
    }),
    { numRuns: 100 },
  )
  assert.throws(() => Corrections.fromSnapshot(new Uint8Array(5)), { name: 'SnapshotError', reason: 'shape' })
})
