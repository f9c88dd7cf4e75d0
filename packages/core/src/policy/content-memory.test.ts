import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createContentMemory } from './content-memory.ts'

test('while few messages come in at once each may keep much in memory, and later ones little', () => {
  const memory = createContentMemory(undefined)
  const first = Array.from({ length: 16 }, () => memory.open())
  assert.deepEqual(new Set(first), new Set([16_777_216]))
  assert.equal(memory.open(), 1_048_576)
  memory.close()
  memory.close()
  assert.equal(memory.open(), 16_777_216)
})

test('ten thousand messages at once may keep little more than a gigabyte in all', () => {
  const memory = createContentMemory(undefined)
  const sum = Array.from({ length: 10_000 }, () => memory.open()).reduce((a, b) => a + b)
  assert.ok(sum < 1.2e9, `${sum}`)
})

test('what the operator says holds for all', () => {
  const memory = createContentMemory(10)
  assert.deepEqual(
    Array.from({ length: 20 }, () => memory.open()),
    Array(20).fill(10),
  )
})

test('where few become some, and some become many, each may keep less', () => {
  const memory = createContentMemory(undefined)
  const given = Array.from({ length: 258 }, () => memory.open())
  assert.deepEqual(
    [15, 16, 255, 256, 257].map((index) => given[index]),
    [16_777_216, 1_048_576, 1_048_576, 65_536, 65_536],
  )
})

test('of what becomes a file in any case little is kept, but as much as the operator says', () => {
  const memory = createContentMemory(undefined)
  assert.equal(memory.open(true), 2 * 1_048_576)
  assert.equal(memory.open(), 16 * 1_048_576)
  for (let count = 2; count < 256; count++) memory.open(true)
  assert.deepEqual([memory.open(true), createContentMemory(10).open(true)], [65_536, 10])
})
