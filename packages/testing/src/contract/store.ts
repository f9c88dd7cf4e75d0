/** What every `Store` must do, the embedded one and those of plugins alike. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Store } from '@postroad/plugin'

/** One place where services keep their state, with as many handles on it as a test wants. */
export interface Fixture<T> {
  /** Another handle on the same state, as another process would have. */
  open(): T & { close?(): void | Promise<void> }
  /** Lets time pass: of the fake clock, or really. */
  advance(ms: number): Promise<void>
  /** Somebody sets the wall clock, and no time passes. Absent: the clock is somebody else's, as that of a server. */
  step?(ms: number): Promise<void>
  /** Closes the handles and cleans up. */
  close(): Promise<void>
}

/** Makes a fresh, empty {@link Fixture} for each test. */
export type MakeFixture<T> = () => Promise<Fixture<T>>

/** Runs `use` on a fresh fixture and cleans up after it. */
export async function onFixture<T>(make: MakeFixture<T>, use: (fixture: Fixture<T>) => Promise<void>): Promise<void> {
  const fixture = await make()
  try {
    await use(fixture)
  } finally {
    await fixture.close()
  }
}

const TTL = 400
const HOUR = 3_600_000

/**
 * Registers the tests of the store contract.
 *
 * @example storeContract('embedded', async () => ({ open, advance, close }))
 */
export function storeContract(name: string, make: MakeFixture<Store>): void {
  const on = (use: (fixture: Fixture<Store>) => Promise<void>) => () => onFixture(make, use)
  describe(`store contract: ${name}`, () => {
    test('what is set is there, replaced by the next set, and gone after delete', on(setAndDelete))
    test('set replaces the expiry too', on(replacedExpiry))
    test('a value expires after its time, and not before', on(expiry))
    test('setIfAbsent keeps the first value, and takes the next once it expired', on(setIfAbsent))
    test('setIfAbsent of many at once: all see the same winner', on(oneWinner))
    test('increment counts from zero, keeps its first expiry, and starts again afterwards', on(increment))
    test('increments of several handles at once are all counted', on(atomicIncrements))
    test('increment refuses what is not an integer, and leaves it alone', on(noInteger))
    test('entries lists a prefix in key order, without the expired', on(entries))
    test('entries of more than a page lists each key once while others change', on(longEntries))
    test('another handle sees what was written, also after the writer closed', on(survives))
    test('foreign text is a key and a value like any other', on(foreignText))
    test('whoever sets the wall clock, a value expires after its time, and not before', on(steps))
    test('an aborted signal rejects and changes nothing', on(aborted))
  })
}

async function setAndDelete({ open }: Fixture<Store>): Promise<void> {
  const store = open()
  assert.equal(await store.get('a'), undefined)
  await store.set('a', '1')
  await store.set('a', '2')
  assert.equal(await store.get('a'), '2')
  assert.equal(await store.delete('a'), true)
  assert.equal(await store.delete('a'), false)
  assert.equal(await store.get('a'), undefined)
}

async function replacedExpiry({ open, advance }: Fixture<Store>): Promise<void> {
  const store = open()
  await store.set('a', '1', TTL)
  await store.set('a', '2')
  await store.set('b', '1')
  await store.set('b', '2', TTL)
  await advance(TTL + 100)
  assert.equal(await store.get('a'), '2')
  assert.equal(await store.get('b'), undefined)
}

async function expiry({ open, advance }: Fixture<Store>): Promise<void> {
  const store = open()
  await store.set('a', '1', TTL)
  await advance(TTL / 4)
  assert.equal(await store.get('a'), '1')
  await advance(TTL)
  assert.equal(await store.get('a'), undefined)
  assert.equal(await store.delete('a'), false)
}

async function setIfAbsent({ open, advance }: Fixture<Store>): Promise<void> {
  const store = open()
  assert.equal(await store.setIfAbsent('a', 'first', TTL), 'first')
  assert.equal(await store.setIfAbsent('a', 'second', 10 * TTL), 'first')
  await advance(TTL + 100)
  assert.equal(await store.setIfAbsent('a', 'third'), 'third')
}

async function oneWinner({ open }: Fixture<Store>): Promise<void> {
  const handles = [open(), open()]
  const seen = await Promise.all(
    Array.from({ length: 40 }, (_, i) => (handles[i % 2] ?? open()).setIfAbsent('a', String(i))),
  )
  assert.equal(new Set(seen).size, 1)
  assert.equal(await open().get('a'), seen[0])
}

async function increment({ open, advance }: Fixture<Store>): Promise<void> {
  const store = open()
  assert.equal(await store.increment('n', undefined, TTL), 1)
  await advance(TTL / 2)
  assert.equal(await store.increment('n', 5, TTL), 6)
  assert.equal(await store.increment('n', -2), 4)
  assert.equal(await store.get('n'), '4')
  await advance(TTL / 2 + 100)
  assert.equal(await store.increment('n'), 1)
}

async function atomicIncrements({ open }: Fixture<Store>): Promise<void> {
  const handles = [open(), open(), open()]
  await Promise.all(Array.from({ length: 90 }, (_, i) => handles[i % 3]?.increment('n', 1)))
  assert.equal(await open().get('n'), '90')
}

async function noInteger({ open }: Fixture<Store>): Promise<void> {
  const store = open()
  await store.set('a', 'x')
  await assert.rejects(store.increment('a'))
  assert.equal(await store.get('a'), 'x')
}

async function entries({ open, advance }: Fixture<Store>): Promise<void> {
  const store = open()
  for (const key of ['p:b', 'p:a', 'p', 'q:a', 'p:ä', 'o:z']) await store.set(key, `value of ${key}`)
  await store.set('p:0', 'gone', TTL)
  await advance(TTL + 100)
  const listed = await collect(store.entries('p:'))
  assert.deepEqual(
    listed,
    ['p:a', 'p:b', 'p:ä'].map((key) => [key, `value of ${key}`]),
  )
  assert.deepEqual(await collect(store.entries('none')), [])
}

async function longEntries({ open }: Fixture<Store>): Promise<void> {
  const store = open()
  const keys = Array.from({ length: 600 }, (_, i) => `k:${String(i).padStart(4, '0')}`)
  await Promise.all(keys.map((key) => store.set(key, '')))
  const seen: string[] = []
  for await (const [key] of store.entries('k:')) {
    seen.push(key)
    if (key === 'k:0255') await store.delete(key)
  }
  assert.deepEqual(seen, keys)
}

async function survives({ open }: Fixture<Store>): Promise<void> {
  const writer = open()
  const reader = open()
  assert.equal(await reader.get('a'), undefined)
  await writer.set('a', 'kept')
  assert.equal(await reader.get('a'), 'kept')
  await writer.close?.()
  assert.equal(await reader.get('a'), 'kept')
  await reader.close?.()
  assert.equal(await open().get('a'), 'kept')
}

async function foreignText({ open }: Fixture<Store>): Promise<void> {
  const store = open()
  const texts = ['__proto__', 'constructor', 'a\0b', 'a b', '\r\n', 'пошта@приклад', '😀', 'x'.repeat(1_000)]
  for (const text of texts) await store.set(`f:${text}`, text)
  for (const text of texts) assert.equal(await store.get(`f:${text}`), text)
  await store.set('empty', '')
  assert.equal(await store.get('empty'), '')
}

async function steps({ open, advance, step }: Fixture<Store>): Promise<void> {
  if (!step) return
  for (const ms of [HOUR, -HOUR, -90, 90]) {
    const [store, other] = [open(), open()]
    await store.set('set', '1', TTL)
    await store.increment('counted', 1, TTL)
    await step(ms)
    // One that was opened before, and one that comes after.
    for (const each of [store, other, open()])
      assert.deepEqual([await each.get('set'), await each.get('counted')], ['1', '1'], `${ms} ms`)
    await advance(TTL + 1)
    for (const each of [store, other, open()])
      assert.deepEqual([await each.get('set'), await each.get('counted')], [undefined, undefined])
  }
}

async function aborted({ open }: Fixture<Store>): Promise<void> {
  const store = open()
  const signal = AbortSignal.abort()
  await assert.rejects(store.set('a', '1', undefined, signal))
  await assert.rejects(store.increment('a', 1, undefined, signal))
  await assert.rejects(store.setIfAbsent('a', '1', undefined, signal))
  await assert.rejects(store.get('a', signal))
  await assert.rejects(store.delete('a', signal))
  await assert.rejects(collect(store.entries('', signal)))
  assert.equal(await store.get('a'), undefined)
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
