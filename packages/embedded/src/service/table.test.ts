import assert from 'node:assert/strict'
import { mkdtemp, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { MAX_KEY, ServiceTable } from './table.ts'

async function onTable(body: (table: ServiceTable<string>, clock: { time: number }) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  const clock = { time: 1_000 }
  const table = new ServiceTable<string>({
    folder,
    name: 'test',
    clock: { now: () => clock.time, sleep: async () => undefined },
  })
  await table.open()
  await body(table, clock)
  await table.close()
  await rm(folder, { recursive: true })
}

test('expired rows are removed by later writes: the table does not grow without bound', () =>
  onTable(async (table, clock) => {
    for (let i = 0; i < 500; i++) {
      clock.time += 10
      await table.transact(() => table.write(`key ${i}`, 'v', clock.time + 100))
    }
    assert.ok(table.size() <= 25, `${table.size()} rows, 10 of them alive`)
  }))

test('a row that was prolonged is not removed at its first expiry', () =>
  onTable(async (table, clock) => {
    await table.transact(() => table.write('kept', 'v', clock.time + 100))
    await table.transact(() => table.write('kept', 'v', clock.time + 1_000))
    clock.time += 500
    for (let i = 0; i < 5; i++) await table.transact(() => table.write(`other ${i}`, 'v'))
    assert.equal(table.read('kept'), 'v')
    assert.equal(table.expiresAt('kept'), 2_000)
  }))

test('a transaction that throws leaves nothing behind', () =>
  onTable(async (table) => {
    const failing = table.transact(() => {
      table.write('a', 'v')
      throw new Error('changed my mind')
    })
    await assert.rejects(failing, /changed my mind/)
    assert.equal(table.read('a'), undefined)
  }))

test('the longest key fits with its expiry; one octet more is refused', () =>
  onTable(async (table, clock) => {
    const longest = 'é'.repeat(MAX_KEY / 2)
    await table.transact(() => table.write(longest, 'v', clock.time + 100))
    assert.equal(table.read(longest), 'v')
    assert.throws(() => table.read(`${longest}a`), RangeError)
  }))

test('a closed table says so', () =>
  onTable(async (table) => {
    await table.close()
    assert.throws(() => table.read('a'), /closed/)
  }))

test('a file that lost its end is an error with its path, or opens; it does not end the process', () =>
  onTable(async (table) => {
    for (let i = 0; i < 3; i++)
      await table.transact(() => {
        for (let j = 0; j < 200; j++) table.write(`key ${i} ${j}`, 'v'.repeat(100))
      })
    const { folder } = table
    await table.close()
    const path = join(folder, 'data.mdb')
    await truncate(path, 3 * 4_096)
    const again = new ServiceTable<string>({
      folder,
      name: 'test',
      clock: { now: () => 1_000, sleep: async () => undefined },
    })
    await assert.rejects(
      again.open(),
      (error: Error & { code?: string }) => error.code === 'ERR_EMBEDDED_DAMAGED' && error.message.includes(path),
    )
    await assert.rejects(
      again.transact(() => 0),
      { code: 'ERR_EMBEDDED_DAMAGED' },
    )
    await again.close()
  }))
