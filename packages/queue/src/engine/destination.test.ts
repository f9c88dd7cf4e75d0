import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Destination } from './destination.ts'

test('fresh mail goes first, and old mail gets every fourth turn', () => {
  const it = new Destination<string>('smtp:example.com')
  it.fresh.push('f1', 'f2', 'f3', 'f4', 'f5')
  it.backlog.push('b1', 'b2')
  assert.deepEqual(
    Array.from({ length: 7 }, () => it.shift(true)),
    ['f1', 'f2', 'f3', 'b1', 'f4', 'f5', 'b2'],
  )
  it.backlog.push('b3')
  assert.equal(it.shift(false), undefined)
})
