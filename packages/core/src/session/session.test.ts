import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeSessionId } from '@postroad/mail'
import { defineFact } from '@postroad/plugin'
import { DecisionLog } from './decision-log.ts'
import { FactStore } from './fact-store.ts'
import { Lifetime } from './lifetime.ts'

test('session ids are 17 characters that sort by time and do not repeat', () => {
  const now = Date.UTC(2026, 10, 22)
  const ids = Array.from({ length: 1_000 }, () => makeSessionId(now))
  assert.equal(new Set(ids).size, 1_000)
  for (const id of ids) assert.match(id, /^[0-9A-HJKMNP-TV-Z]{17}$/)
  assert.ok(makeSessionId(now) < makeSessionId(now + 1))
  assert.ok(makeSessionId(0) < makeSessionId(32 ** 9 - 1))
})

test('a fact is written once, and can be forgotten', () => {
  const facts = new FactStore()
  const fact = defineFact<string>('__proto__')
  assert.equal(facts.find(fact), undefined)
  facts.set(fact, 'x')
  assert.equal(facts.find(fact), 'x')
  assert.throws(() => facts.set(fact, 'y'), /written once per transaction/)
  facts.delete(fact.name)
  assert.ok(!facts.has(fact))
})

test('of several who watch a lifetime any may leave', () => {
  for (const leaving of [0, 1, 2]) {
    const lifetime = new Lifetime()
    const heard: number[] = []
    const watchers = [0, 1, 2].map((index) => () => void heard.push(index))
    for (const watcher of watchers) lifetime.watch(watcher)
    lifetime.unwatch(watchers[leaving] ?? assert.fail())
    lifetime.unwatch(() => assert.fail('nobody watches with this'))
    lifetime.end(new Error('over'))
    assert.deepEqual(
      heard.sort(),
      [0, 1, 2].filter((index) => index !== leaving),
    )
  }
})

test('a lifetime ends once, tells those who watch, and nobody who left', () => {
  const lifetime = new Lifetime()
  const heard: string[] = []
  const gone = (): void => void heard.push('gone')
  lifetime.watch((reason) => heard.push(reason.message))
  lifetime.watch(gone)
  lifetime.unwatch(gone)
  lifetime.end(new Error('first'))
  lifetime.end(new Error('second'))
  assert.deepEqual(heard, ['first'])
  assert.equal(lifetime.ended?.message, 'first')
})

test('a decision log keeps 200 entries and counts the rest; times add up by plugin', () => {
  const decisions = new DecisionLog(['a', 'b'])
  for (let i = 0; i < 250; i++)
    decisions.add({
      plugin: 'a',
      hook: 'rcpt',
      shadow: false,
      outcome: { kind: 'suspect', points: 1, reason: 'x' },
      recipient: 'a@b',
    })
  assert.equal(decisions.entries.length, 200)
  assert.equal(decisions.dropped, 50)
  assert.equal(decisions.times(), undefined)
  decisions.spent(1, 1.234)
  decisions.spent(1, 1)
  assert.deepEqual(decisions.times(), { b: 2.23 })
})
