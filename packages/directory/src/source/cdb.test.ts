import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { Cdb } from './cdb.ts'

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'postroad-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Written by the description of the format alone: records, then 256 tables with twice as many slots as they need, then the header. */
function cdbOf(records: readonly (readonly [key: Uint8Array, data: Uint8Array])[]): Buffer {
  const hash = (key: Uint8Array) => {
    let value = 5_381n
    for (const octet of key) value = ((value * 33n) & 0xffff_ffffn) ^ BigInt(octet)
    return Number(value)
  }
  const parts: Buffer[] = []
  const slots: { hash: number; position: number }[][] = Array.from({ length: 256 }, () => [])
  let position = 2_048
  for (const [key, data] of records) {
    const lengths = Buffer.alloc(8)
    lengths.writeUInt32LE(key.length, 0)
    lengths.writeUInt32LE(data.length, 4)
    parts.push(lengths, Buffer.from(key), Buffer.from(data))
    const own = hash(key)
    slots[own % 256]?.push({ hash: own, position })
    position += 8 + key.length + data.length
  }
  const header = Buffer.alloc(2_048)
  for (const [at, entries] of slots.entries()) {
    const count = entries.length * 2
    const table = Buffer.alloc(count * 8)
    for (const { hash: own, position: record } of entries) {
      let slot = Math.floor(own / 256) % count
      while (table.readUInt32LE(slot * 8 + 4) !== 0) slot = (slot + 1) % count
      table.writeUInt32LE(own, slot * 8)
      table.writeUInt32LE(record, slot * 8 + 4)
    }
    header.writeUInt32LE(position, at * 8)
    header.writeUInt32LE(count, at * 8 + 4)
    parts.push(table)
    position += table.length
  }
  return Buffer.concat([header, ...parts])
}

test('all records of a key are found, in their order, and none of another key', async (t) => {
  const path = join(folderOf(t), 'x.cdb')
  const octets = fc.uint8Array({ maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(octets, octets), { maxLength: 60 }), octets, async (records, other) => {
      writeFileSync(path, cdbOf(records))
      const cdb = await Cdb.open(path)
      try {
        for (const key of [...records.map(([own]) => own), other]) {
          const expected = records.filter(([own]) => Buffer.from(own).equals(key)).map(([, data]) => Buffer.from(data))
          assert.deepEqual(await cdb.find(key), expected)
        }
      } finally {
        await cdb.close()
      }
    }),
    { numRuns: 60 },
  )
})

test('what is no cdb, or a damaged one, is an error and never an answer; nothing makes a look-up endless', async (t) => {
  const path = join(folderOf(t), 'x.cdb')
  const key = Buffer.from('alice')
  const whole = cdbOf([[key, Buffer.from('x'.repeat(100))]])
  for (const text of ['', 'alice bob\n', 'alice bob\n'.repeat(1_000)]) {
    writeFileSync(path, text)
    await assert.rejects(Cdb.open(path), /it is no cdb/)
  }
  writeFileSync(path, whole.subarray(0, -4))
  await assert.rejects(Cdb.open(path), /not all of one/)
  writeFileSync(path, whole)
  const cut = await Cdb.open(path)
  truncateSync(path, 2_060)
  await assert.rejects(cut.find(key), /it has become shorter/)
  await cut.close()
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 }), async (changes) => {
      const changed = Buffer.from(whole)
      for (const [at, octet] of changes) changed[at] = octet
      writeFileSync(path, changed)
      const cdb = await Cdb.open(path).catch(() => undefined)
      await cdb?.find(key).catch((error: unknown) => assert.match(String(error), /damaged|more than/))
      await cdb?.close()
    }),
    { numRuns: 200 },
  )
})
