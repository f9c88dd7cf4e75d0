import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Scanner } from '../scan/scanner.ts'
import { Model } from './model.ts'
import { readingSnapshot, readSnapshot, snapshotSlices, writeSnapshot } from './snapshot.ts'

const SMALL = { bits: { grams: 14, words: 14, headers: 12 } }
const scanner = new Scanner()
const message = (from: string, text: string) =>
  scanner.scan(Buffer.from(`From: ${from}@example.com\r\nSubject: ${text.slice(0, 12)}\r\n\r\n${text}\r\n`))
const junk = (i: number) => message(`shop${i}`, `Claim your free prizes now, offer number ${i} ends today, click here`)
const wanted = (i: number) => message(`colleague${i}`, `The minutes of meeting ${i} are attached, see you on Monday`)

function trained(count: number): Model {
  const model = new Model(SMALL)
  for (let i = 0; i < count; i++) {
    model.learn(junk(i), 'junk')
    model.learn(wanted(i), 'wanted')
  }
  return model
}

test('it learns at once', () => {
  const model = trained(3)
  assert.ok(model.score(junk(99)).rank > 1)
  assert.ok(model.score(wanted(99)).rank < -1)
  assert.deepEqual(model.lessons, { junk: 3, wanted: 3 })
})

test('parts add up to the rank, and the verdict is never further from zero than its parts', () => {
  const { rank, verdict, parts, evidence } = trained(5).score(junk(1))
  assert.ok(Math.abs(parts.grams + parts.words + parts.headers - rank) < 1e-9)
  assert.ok(verdict > 0 && verdict < rank)
  for (const share of Object.values(evidence)) assert.ok(share >= 0 && share <= 1)
})

test('a message of which nothing is known has no evidence', () => {
  const score = trained(5).score(message('x', 'хлеб и вода'))
  assert.equal(new Model().score(junk(1)).verdict, 0)
  assert.ok(Math.abs(score.verdict) < 1)
})

test('the same lessons in the same order make the same weights, bit for bit', () => {
  assert.deepEqual(writeSnapshot(trained(20)), writeSnapshot(trained(20)))
})

test('a lesson taken back at once leaves nothing behind', () => {
  const model = new Model({ ...SMALL, replay: 0 })
  for (let i = 0; i < 5; i++) model.learn(i % 2 ? junk(i) : wanted(i), i % 2 ? 'junk' : 'wanted')
  const before = [junk(50), wanted(50)].map((features) => model.score(features).rank)
  const lesson = model.learn(wanted(51), 'junk')
  assert.ok(Math.abs(model.score(wanted(50)).rank - (before[1] ?? 0)) > 0.1)
  model.unlearn(wanted(51), lesson)
  for (const [i, features] of [junk(50), wanted(50)].entries())
    assert.ok(Math.abs(model.score(features).rank - (before[i] ?? 0)) < 1e-3)
  assert.deepEqual(model.lessons, { junk: 2, wanted: 3 })
})

test('a wrong lesson taken back later is nearly gone, and a relabelled one counts for the other side', () => {
  const model = trained(10)
  const odd = message('odd', 'An invitation to the summer garden festival with music')
  const lesson = model.learn(odd, 'junk')
  const wrong = model.score(odd).rank
  for (let i = 20; i < 30; i++) model.learn(wanted(i), 'wanted')
  model.relabel(odd, lesson, 'wanted')
  assert.ok(wrong > 0)
  assert.ok(model.score(odd).rank < 0)
  assert.deepEqual(model.lessons, { junk: 10, wanted: 21 })
})

test('what is not learned any more fades, what is learned stays', () => {
  const day = 86_400_000
  const model = new Model(SMALL)
  for (let i = 0; i < 5; i++) {
    model.learn(junk(i), 'junk', { at: 20_000 * day })
    model.learn(wanted(i), 'wanted', { at: 20_000 * day })
  }
  const before = model.score(junk(9)).rank
  model.decay(20_000 * day)
  model.decay(20_010 * day)
  assert.equal(model.score(junk(9)).rank, before)
  for (let at = 20_011; at < 20_200; at++) model.decay(at * day)
  const after = model.score(junk(9)).rank
  assert.ok(after < before / 2 && after > 0, `${before} ${after}`)
})

test('replay comes from both sides, and there is never more of it than fits', () => {
  const model = new Model({ ...SMALL, reservoir: 4 })
  for (let i = 0; i < 40; i++) model.learn(junk(i), 'junk')
  model.learn(wanted(1), 'wanted')
  assert.equal(model.reservoir.kept.junk.length, 4)
  assert.equal(model.reservoir.kept.wanted.length, 1)
})

test('a snapshot has everything: the model read from it goes on as the other does', () => {
  const model = trained(8)
  const copy = readSnapshot(writeSnapshot(model))
  for (const each of [model, copy]) for (let i = 30; i < 40; i++) each.learn(junk(i), i % 3 ? 'junk' : 'wanted')
  assert.deepEqual(copy.score(junk(77)), model.score(junk(77)))
  assert.deepEqual(copy.lessons, model.lessons)
})

test('a damaged snapshot is refused with its reason', () => {
  const snapshot = writeSnapshot(trained(2))
  const damaged = (change: (octets: Uint8Array) => Uint8Array | void) => {
    const copy = snapshot.slice()
    return change(copy) ?? copy
  }
  const cases: [string, Uint8Array][] = [
    ['shape', new Uint8Array(3)],
    ['shape', damaged((octets) => void (octets[0] = 0))],
    ['version', damaged((octets) => void (octets[4] = 9))],
    ['checksum', damaged((octets) => octets.slice(0, -1))],
    ['checksum', damaged((octets) => void (octets[octets.length - 5] = (octets[octets.length - 5] ?? 0) ^ 1))],
  ]
  for (const [reason, octets] of cases) assert.throws(() => readSnapshot(octets), { name: 'SnapshotError', reason })
})

test('a snapshot of the usual size is written and read in slices, none of which has much in it', () => {
  const model = new Model()
  for (let i = 0; i < 200; i++) model.learn(i % 2 ? junk(i) : wanted(i), i % 2 ? 'junk' : 'wanted')
  const slices = [...snapshotSlices(model)]
  assert.ok(slices.length > 20, `${slices.length} slices`)
  assert.ok(Math.max(...slices.map(({ length }) => length)) <= 131_072)
  assert.deepEqual(Buffer.concat(slices), Buffer.from(writeSnapshot(model)))
  const octets = writeSnapshot(model)
  let steps = 0
  const reading = readingSnapshot(octets)
  while (!reading.next().done) steps++
  assert.ok(steps > octets.length / 131_072 + 10, `${steps} steps`)
})
