import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import { embeddedSpool } from './spool.ts'

async function onSpool(
  body: (spool: ReturnType<typeof embeddedSpool>, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  try {
    await body(embeddedSpool(folder), folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function octets(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

for (const [size, kind] of [
  [10, 'a small message'],
  [3_000_000, 'a message that does not stay in memory'],
] as const) {
  test(`${kind} comes back octet for octet, with what was known of it`, () =>
    onSpool(async (spool, folder) => {
      const bytes = Buffer.from(`Subject: kept\r\n\r\n${'0123456789'.repeat(size / 10)}\r\n`)
      await spool.put('01J.1', messageFromBytes(bytes), { reason: 'spam', points: 7 })
      const kept = await embeddedSpool(folder).get('01J.1')
      assert.deepEqual(kept?.meta, { reason: 'spam', points: 7 })
      assert.equal(kept.message.headers.get('subject'), 'kept')
      assert.equal(kept.message.size, bytes.length)
      const [first, second] = await Promise.all([octets(kept.message.raw()), octets(kept.message.raw())])
      assert.ok(first.equals(bytes) && second.equals(bytes))
    }))
}

test('ids are listed in order; what is deleted is gone, and deleting again says so', () =>
  onSpool(async (spool) => {
    for (const id of ['b', 'a', 'c']) await spool.put(id, messageFromBytes(Buffer.from('\r\n')), {})
    assert.equal(await spool.delete('b'), true)
    assert.equal(await spool.delete('b'), false)
    assert.equal(await spool.get('b'), undefined)
    const ids: string[] = []
    for await (const id of spool.list()) ids.push(id)
    assert.deepEqual(ids, ['a', 'c'])
  }))

test('a put that fails in the middle leaves nothing behind', () =>
  onSpool(async (spool, folder) => {
    const broken = {
      ...messageFromBytes(Buffer.from('\r\n')),
      async *raw() {
        yield Buffer.from('half')
        throw new Error('disk gone')
      },
    }
    await assert.rejects(spool.put('a', broken as never, {}), /disk gone/)
    assert.deepEqual(await readdir(folder), [])
  }))

test('octets without their meta are a message that never was', () =>
  onSpool(async (spool, folder) => {
    await writeFile(join(folder, 'half.eml'), 'x')
    assert.equal(await spool.get('half'), undefined)
    for await (const id of spool.list()) assert.fail(id)
  }))

test('what a crash left behind is removed a day later, what is being written is not', () =>
  onSpool(async (spool, folder) => {
    for (const name of ['.dead.tmp', '.alive.tmp', 'dead.eml', 'alive.eml']) await writeFile(join(folder, name), 'x')
    const yesterday = new Date(Date.now() - 90_000_000)
    for (const name of ['.dead.tmp', 'dead.eml']) await utimes(join(folder, name), yesterday, yesterday)
    await spool.put('a', messageFromBytes(Buffer.from('\r\n')), {})
    assert.deepEqual((await readdir(folder)).sort(), ['.alive.tmp', 'a.eml', 'a.json', 'alive.eml'])
  }))

test('an id is no path', () =>
  onSpool(async (spool) => {
    const message = messageFromBytes(Buffer.from('\r\n'))
    for (const id of ['', '.', '..', '../a', 'a/b', 'a\\b', 'a\0', '.hidden', 'x'.repeat(129)])
      await assert.rejects(spool.put(id, message, {}), TypeError)
    await assert.rejects(spool.get('../a'), TypeError)
    await assert.rejects(spool.delete('../a'), TypeError)
  }))
