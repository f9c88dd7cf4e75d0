import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Unreachable } from './unreachable.ts'

test('an address is avoided for a minute, or until it answers', () => {
  let now = 0
  const unreachable = new Unreachable(() => now)
  unreachable.add('192.0.2.1')
  unreachable.add('192.0.2.2')
  unreachable.delete('192.0.2.2')
  assert.deepEqual([unreachable.has('192.0.2.1'), unreachable.has('192.0.2.2')], [true, false])
  now = 60_000
  assert.equal(unreachable.has('192.0.2.1'), false)
})

test('no more than a thousand addresses are remembered, the latest ones', () => {
  const unreachable = new Unreachable(() => 0)
  for (let i = 0; i <= 1000; i++) unreachable.add(`a${i}`)
  assert.deepEqual([unreachable.has('a0'), unreachable.has('a1'), unreachable.has('a1000')], [false, true, true])
})
