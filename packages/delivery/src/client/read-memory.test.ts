import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReadMemory } from './read-memory.ts'

test('memory is lent again when what was read into it has been sent, and never before', () => {
  let isSent = true
  const memory = new ReadMemory(() => isSent)
  const first = memory.lend()
  assert.equal(memory.lend(), first)
  isSent = false
  const second = memory.lend()
  assert.notEqual(second, first)
  isSent = true
  assert.equal(memory.lend(), second)
  memory.release()
})

test('another message has the memory of one that ended; nobody has what was not sent, and nothing is kept when there is none', () => {
  const long = new ReadMemory(() => true)
  const [one, two] = [new ReadMemory(() => true), new ReadMemory(() => false)]
  const [whole, cut] = [one.lend(), two.lend()]
  assert.notEqual(whole, cut)
  one.release()
  two.release()
  const next = new ReadMemory(() => true)
  assert.equal(next.lend(), whole)
  assert.notEqual(long.lend(), cut)
  next.release()
  long.release()
  const later = new ReadMemory(() => true)
  assert.notEqual(later.lend(), whole)
  later.release()
})
