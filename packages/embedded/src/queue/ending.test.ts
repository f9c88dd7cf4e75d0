import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeMessage } from '../../../../test/contracts/queue/messages.ts'
import type { QueueTables } from './database.ts'
import { finish } from './ending.ts'
import { bornState } from './status-index.ts'

/** Tables in memory, and how often the finished messages were counted. */
function tablesOf(): { tables: QueueTables; finished: Map<string, Buffer>; counted(): number } {
  const finished = new Map<string, Buffer>()
  let counted = 0
  const ignored = { remove: () => undefined }
  const tables = {
    messages: ignored,
    states: ignored,
    claimed: ignored,
    finished: {
      put: (id: string, record: Buffer) => void finished.set(id, record),
      remove: (id: string) => finished.delete(id),
      getKeys: ({ limit }: { limit: number }) => [...finished.keys()].slice(0, limit),
      getStats: () => {
        counted++
        return { entryCount: finished.size }
      },
    },
  } as unknown as QueueTables // what ending a message asks of them
  return { tables, finished, counted: () => counted }
}

test('as many finished messages are remembered as were asked for, give or take a 256th, and they are seldom counted', () => {
  for (const [keep, spare] of [
    [3, 0],
    [1_024, 5],
    [20_000, 33],
  ] as const) {
    // biome-ignore format: a table
    const { tables, finished, counted } = tablesOf()
    const messages = keep + 1_000
    for (let i = 0; i < messages; i++) {
      const message = { ...makeMessage({ size: 1 }), id: `m${String(i).padStart(8, '0')}` }
      finish(tables, message, { states: [bornState(message, 0, 'me')], now: i, keep })
      assert.ok(finished.size <= keep + spare, `${keep}: ${finished.size}`)
    }
    assert.ok(finished.size >= keep, `${keep}: ${finished.size}`)
    assert.ok(counted() <= messages / Math.max(1, Math.min(33, keep >> 8)) + 2, `${keep}: ${counted()}`)
  }
})

test('a table that is to be smaller from now on shrinks, 64 at a time', () => {
  const { tables, finished } = tablesOf()
  for (let i = 0; i < 1_000; i++) finished.set(`a${String(i).padStart(8, '0')}`, Buffer.alloc(0))
  for (let i = 0; i < 20; i++) {
    const before = finished.size
    const message = { ...makeMessage({ size: 1 }), id: `m${String(i).padStart(8, '0')}` }
    finish(tables, message, { states: [bornState(message, 0, 'me')], now: i, keep: 100 })
    assert.ok(before - finished.size <= 64)
  }
  assert.equal(finished.size, 100)
})
