import assert from 'node:assert/strict'
import { open, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { testFolder, transaction } from '../fixture.test.ts'
import type { StoredRecord } from '../record.ts'
import { openRecords } from '../records.ts'
import { outcomeOf } from '../story/outcome.ts'
import { RecordWriter } from './writer.ts'

function add(writer: RecordWriter, ...given: Parameters<typeof transaction>): void {
  const record = transaction(...given) as StoredRecord // of the shape that is known
  writer.add(record, { line: `${JSON.stringify(record)}\n` }, outcomeOf(record))
}

const COUNT = 64 * 40 + 17

/** A segment that has ended, of as many blocks as are turned. */
async function kept(t: TestContext) {
  const folder = await testFolder(t)
  const writer = new RecordWriter({
    folder,
    segment: () => 1e9,
    log: { warn: () => assert.fail('nothing is lost') },
    now: () => 0,
    onSegment: () => undefined,
  })
  for (let at = 0; at < COUNT; at++)
    add(writer, `T${at}.1`, at, { subject: `word${at % 300} of many`, from: `box${at}@client.test` })
  await writer.close()
  return { folder, ends: async () => (await readdir(folder)).map((name) => name.replace(/^[^.]+/, '')).sort() }
}

async function found(folder: string, q: string, more = {}) {
  const records = openRecords({ folder })
  const { items, kept } = await records.search({ q, limit: 5_000, ...more })
  await records.close()
  return { ids: items.map(({ id }) => id), kept }
}

test('the index of a segment that has ended is turned, and every record is found by it', async (t) => {
  const { folder, ends } = await kept(t)
  assert.deepEqual(await ends(), ['.bits', '.log'])
  const records = openRecords({ folder })
  for (let at = 0; at < COUNT; at += 37) {
    const { items } = await records.search({ q: `box${at}@client.test word${at % 300}` })
    assert.deepEqual(items.map(({ id }) => id), [`T${at}.1`]) // biome-ignore format: one line
  }
  assert.deepEqual((await records.search({ q: 'nobody@client.test' })).items, [])
  assert.equal((await records.search({ q: 'client.test', limit: 5_000 })).items.length, COUNT)
  assert.equal((await records.search({})).kept?.records, COUNT)
  const [newest] = (await records.search({ limit: 1 })).items
  const at = newest?.at ?? 0
  assert.deepEqual((await records.search({ from: at - 2_000, to: at - 1_000 })).items.map(({ id }) => id), [`T${COUNT - 2}.1`, `T${COUNT - 3}.1`]) // biome-ignore format: one line
  assert.deepEqual((await records.search({ from: at + 1 })).items, [])
  await records.close()
})

test('a turned index that is not whole, or ahead of its segment, hides nothing', async (t) => {
  const { folder } = await kept(t)
  const name = ((await readdir(folder)).find((one) => one.endsWith('.bits')) ?? '').slice(0, -5)
  const [bits, log] = [join(folder, `${name}.bits`), join(folder, `${name}.log`)]
  const { size } = await stat(log)
  await truncate(log, size - 20)
  const expected = COUNT - 1
  const spoil: readonly (() => Promise<unknown>)[] = [
    async () => undefined,
    async () => {
      const file = await open(bits, 'r+')
      await file.write(Buffer.alloc(200), 0, 200, 300)
      await file.close()
    },
    async () => truncate(bits, (await stat(bits)).size - 1),
    () => truncate(bits, 10),
    () => writeFile(bits, 'something else that is no index at all'),
    () => rm(bits),
  ]
  for (const [n, one] of spoil.entries()) {
    await one()
    assert.equal((await found(folder, 'client.test')).ids.length, expected, `spoilt ${n}`)
    assert.deepEqual((await found(folder, 'box3@client.test')).ids, ['T3.1'])
  }
})

test('who has a reader open while a segment ends misses nothing', async (t) => {
  const folder = await testFolder(t)
  const records = openRecords({ folder })
  const writer = new RecordWriter({
    folder,
    segment: () => 200_000,
    log: { warn: () => assert.fail('nothing is lost') },
    now: () => 0,
    onSegment: () => undefined,
  })
  let written = 0
  const looks: Promise<void>[] = []
  for (let round = 0; round < 40; round++) {
    for (let n = 0; n < 80; n++) add(writer, `T${written + n}.1`, written + n)
    const before = written
    written += 80
    looks.push(
      records.search({ q: 'client.test', limit: 5_000 }).then(({ items }) => assert.ok(items.length >= before)),
    )
    await writer.flush()
  }
  await Promise.all(looks)
  await writer.close()
  assert.equal((await records.search({ q: 'client.test', limit: 5_000 })).items.length, written)
  await records.close()
})
