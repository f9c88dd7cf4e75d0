import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from '@postroad/plugin'
import { fakeClock, memoryStore, storeContract } from '@postroad/testing'
import { overlayStore } from './overlay-store.ts'

storeContract('overlay', async () => {
  const clock = fakeClock()
  const store = overlayStore(memoryStore(clock), memoryStore(clock))
  return { open: () => store, advance: clock.advance, close: async () => undefined }
})

async function rowsOf(store: Store): Promise<readonly (readonly [string, string])[]> {
  const rows: (readonly [string, string])[] = []
  for await (const row of store.entries('')) rows.push(row)
  return rows
}

test('what is below is read and stays as it was, whatever is written, counted and deleted above', async () => {
  const clock = fakeClock()
  const real = memoryStore(clock)
  for (const [key, value] of [
    ['a', 'one'],
    ['c', '5'],
    ['e', 'gone'],
  ] as const)
    await real.set(key, value)
  const before = await rowsOf(real)
  const store = overlayStore(real, memoryStore(clock))
  assert.equal(await store.get('a'), 'one')
  assert.equal(await store.setIfAbsent('a', 'two'), 'one')
  assert.equal(await store.setIfAbsent('b', 'new', 1_000), 'new')
  assert.equal(await store.increment('c'), 6)
  assert.equal(await store.delete('e'), true)
  assert.equal(await store.delete('e'), false)
  assert.equal(await store.get('e'), undefined)
  await store.set('z', 'last')
  assert.deepEqual(await rowsOf(store), [
    ['a', 'one'],
    ['b', 'new'],
    ['c', '6'],
    ['z', 'last'],
  ])
  await clock.advance(1_000)
  assert.equal(await store.get('b'), undefined)
  assert.deepEqual(await rowsOf(real), before)
})

test('two at once count together', async () => {
  const real = memoryStore()
  await real.set('n', '1')
  const store = overlayStore(real, memoryStore())
  await Promise.all([
    store.increment('n'),
    store.increment('n'),
    store.setIfAbsent('m', 'x'),
    store.setIfAbsent('m', 'y'),
  ])
  assert.equal(await store.get('n'), '3')
})
