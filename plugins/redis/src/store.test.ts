import assert from 'node:assert/strict'
import { test } from 'node:test'
import { script } from '@postroad/redis-link'
import fc from 'fast-check'
import { retryAfter } from './client.ts'
import { options } from './options.ts'
import { escapeGlob } from './store.ts'

/** Redis's own matching (util.c, stringmatchlen) for patterns without sets and stars: an escape, `?`, or the character itself. */
function matches(pattern: string, text: string): boolean {
  let at = 0
  for (let p = 0; p < pattern.length; p++, at++) {
    const isEscape = pattern[p] === '\\' && p + 1 < pattern.length
    if (!isEscape && '*?['.includes(pattern[p] ?? '')) return false
    if (isEscape) p++
    if (pattern[p] !== text[at]) return false
  }
  return at === text.length
}

test('a prefix as a pattern matches itself and has no wildcard left, whatever it is', () => {
  for (const text of ['a*b', 'a?b', '[a-z]', '\\', '^x', 'пошта', '']) assert.ok(matches(escapeGlob(text), text), text)
  fc.assert(fc.property(fc.string(), (text) => matches(escapeGlob(text), text)))
})

test('reconnecting begins soon and never pauses for more than two seconds, for ever', () => {
  assert.deepEqual([1, 2, 3].map(retryAfter), [50, 100, 200])
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), (times) => retryAfter(times) >= 50 && retryAfter(times) <= 2_000),
  )
})

test('a script is named as EVALSHA names it', () => {
  assert.equal(script('return 1').sha, 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db')
})

test('options: a server, Sentinel or Cluster; other schemes and unknown keys are mistakes', () => {
  assert.equal(options.parse({}).prefix, 'postroad')
  assert.equal(options.parse({ cluster: [{ host: 'a' }] }).cluster?.[0]?.port, 6_379)
  for (const wrong of [{ url: 'http://a' }, { prefix: 'a{b}' }, { cluster: [] }, { host: 'a' }])
    assert.equal(options.safeParse(wrong).success, false)
})
