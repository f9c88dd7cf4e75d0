import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { QueueTables } from './database.ts'
import { corrupt, finished } from './view.ts'

/** Tables of a file that can be opened anew: what was open before is closed. */
function reopening(keys: readonly string[]) {
  let generation = 0
  const open = () => {
    const mine = generation
    return {
      getRange({ start, limit }: { readonly start: string; readonly limit: number }) {
        if (mine !== generation) throw new Error('Can not read from a closed database')
        return keys
          .filter((key) => key > start)
          .slice(0, limit)
          .map((key) => ({ key, value: Buffer.from('{"format":1}') }))
      },
    }
  }
  let table = open()
  const reopen = (): void => {
    generation++
    table = open()
  }
  const look = { get: () => table }
  const tables = Object.defineProperties({}, { finished: look, corrupt: look }) as QueueTables // all that is read of it
  return { tables, reopen }
}

test('a list goes on when the file is opened anew between two of its pages', async () => {
  const keys = Array.from({ length: 500 }, (_, at) => String(at).padStart(4, '0'))
  for (const list of [finished, corrupt]) {
    const { tables, reopen } = reopening(keys)
    let count = 0
    for await (const _ of list(tables, {})) if (count++ % 150 === 0) reopen()
    assert.equal(count, 500)
  }
})
