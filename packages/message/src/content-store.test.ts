import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { isQueueId } from '@postroad/mail'
import fc from 'fast-check'
import { type ContentWriterOptions, createContentWriter } from './content-store.ts'
import type { SpillFile } from './spill-file.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postroad-message-'))
})
after(() => rm(folder, { recursive: true }))

const LETTER = Buffer.from('Received: a\r\nSubject: x\r\n y\r\nreceived : b\r\n\r\nHello\r\n\r\nReceived: no\r\n')

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function store(chunks: Iterable<Uint8Array>, options: ContentWriterOptions = {}) {
  const writer = createContentWriter({ folder, ...options })
  for (const chunk of chunks) await writer.write(chunk)
  return writer.finish()
}

function* cut(bytes: Buffer, size: number): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size))
}

test('the header section is found and counted at every cut, in memory and on disk', async () => {
  for (const memoryLimit of [1000, 0]) {
    for (let size = 1; size <= LETTER.length; size++) {
      const stored = await store(cut(LETTER, size), { memoryLimit })
      const { headerSize, bodyStart, fieldCount, receivedCount } = stored
      assert.deepEqual(
        { headerSize, bodyStart, fieldCount, receivedCount },
        { headerSize: 43, bodyStart: 45, fieldCount: 3, receivedCount: 2 },
      )
      assert.equal(Buffer.from(stored.header).toString(), LETTER.toString('latin1', 0, 43))
      assert.deepEqual(await collect(stored.read()), LETTER)
      assert.equal((await collect(stored.read(bodyStart))).toString(), 'Hello\r\n\r\nReceived: no\r\n')
      assert.equal(stored.chunks() === undefined, memoryLimit === 0)
      await stored.dispose()
    }
  }
})

test('the end of the header section is found where a line is empty, by CRLF or LF, or not at all', async () => {
  const table: readonly (readonly [string, number, number])[] = [
    ['', 0, 0],
    ['\r\nbody', 0, 2],
    ['\nbody', 0, 1],
    ['A: b\n\nbody', 5, 6],
    ['A: b\r\n', 6, 6],
    ['A: b\r\n \r\n\r\n', 9, 11],
    ['A: b\r\n\rC: d\r\n\r\n', 13, 15],
  ]
  for (const [text, headerSize, bodyStart] of table) {
    const stored = await store([Buffer.from(text)])
    assert.deepEqual([stored.headerSize, stored.bodyStart], [headerSize, bodyStart], JSON.stringify(text))
  }
})

test('chunks in memory are neither copied nor kept alive by a large buffer behind a small slice', async () => {
  const own = Buffer.allocUnsafeSlow(2000).fill('x')
  assert.equal((await store([own])).chunks()?.[0], own)
  const slice = Buffer.allocUnsafeSlow(65_536).fill('x').subarray(0, 2000)
  const kept = (await store([slice])).chunks()?.[0]
  assert.equal(kept?.buffer.byteLength, 2000)
  const tiny = (await store(cut(Buffer.alloc(10_000, 'x'), 1))).chunks() ?? []
  assert.ok(tiny.length < 10, 'single octets are gathered')
})

test('RFC 5321 §6.3: limits that are exceeded are reported while writing, not thrown', async () => {
  const limits = { headerSize: 100, fields: 5, received: 2 }
  const writer = createContentWriter({ limits })
  await writer.write(Buffer.from('Received: x\r\n'.repeat(3)))
  assert.deepEqual(writer.excess, { headerSize: false, fields: false, received: true })
  await writer.write(Buffer.from('X: y\r\n'.repeat(30)))
  assert.deepEqual((await writer.finish()).excess, { headerSize: true, fields: true, received: true })
})

test('a header section too long to be kept is cut after a whole field, and all octets are still there', async () => {
  const text = Buffer.from('A: b\r\n c\r\n'.repeat(100))
  const stored = await store(cut(text, 33), { memoryLimit: 50, limits: { headerSize: 64 } })
  assert.ok(stored.header.length > 0 && stored.header.length < stored.headerSize && stored.header.length % 10 === 0)
  assert.deepEqual(await collect(stored.read()), text)
  await stored.dispose()
})

test('many readers read at once, and go on to the end when the message is disposed of', async () => {
  const bytes = Buffer.alloc(300_000, 'abcdefg')
  const stored = await store(cut(bytes, 10_000), { memoryLimit: 1000 })
  const slow = stored.read()[Symbol.asyncIterator]()
  const first = await slow.next()
  for (const copy of await Promise.all([collect(stored.read()), collect(stored.read()), collect(stored.read())]))
    assert.ok(copy.equals(bytes))
  await stored.dispose()
  await assert.rejects(collect(stored.read()), { code: 'ERR_BODY_DISPOSED' })
  const rest = await collect({ [Symbol.asyncIterator]: () => slow })
  assert.ok(Buffer.concat([first.value ?? '', rest]).equals(bytes))
})

test('nothing is left in the folder, not even while the file is open', async () => {
  const stored = await store([Buffer.alloc(5000)], { memoryLimit: 10, limits: { headerSize: 10 } })
  assert.deepEqual(await readdir(folder), [])
  await stored.dispose()
  const memory = await store([LETTER])
  memory.dispose()
  assert.throws(() => memory.chunks(), { code: 'ERR_BODY_DISPOSED' })
})

test('a file that may be taken over has a name until it is moved or disposed of; readers go on', async () => {
  const incoming = join(folder, 'incoming')
  await mkdir(incoming)
  const bytes = Buffer.alloc(3_000_000, 'Subject: x\r\n\r\nabc\r\n')
  const options = { memoryLimit: 1000, folder: incoming, keepsName: true }
  const stored = await store(cut(bytes, 65_536), options)
  const [name = ''] = await readdir(incoming)
  assert.ok(isQueueId(name))
  const file = stored.file() ?? assert.fail('it can be taken over')
  assert.equal(file.crc, crc32(bytes))
  const reading = stored.read()[Symbol.asyncIterator]()
  const first = await reading.next()
  await file.moveTo(join(folder, 'taken'))
  assert.deepEqual(await readdir(incoming), [])
  await assert.rejects(file.moveTo(join(folder, 'again')), { code: 'ENOENT' })
  await stored.dispose()
  assert.equal(stored.file(), undefined)
  const rest = await collect({ [Symbol.asyncIterator]: () => reading })
  assert.ok(Buffer.concat([first.value ?? '', rest]).equals(bytes))
  assert.ok((await readFile(join(folder, 'taken'))).equals(bytes))
  // Nobody takes these: nothing stays.
  await (await store(cut(bytes, 65_536), options)).dispose()
  const aborted = createContentWriter(options)
  await aborted.write(bytes)
  await aborted.abort()
  assert.deepEqual(await readdir(incoming), [])
  assert.equal((await store([LETTER], options)).file(), undefined, 'what is in memory is no file')
  const nameless = await store([bytes], { memoryLimit: 10, limits: { headerSize: 10 } })
  assert.equal(nameless.file(), undefined)
  await nameless.dispose()
})

test('a full disk rejects write and finish with its code, and the file is closed', async () => {
  let closed = 0
  const full: SpillFile = {
    write: () => Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })),
    read: () => Promise.reject(new Error('never read')),
    close: async () => void closed++,
  }
  const options = { memoryLimit: 10, openFile: async () => full }
  const writer = createContentWriter(options)
  await assert.rejects(async () => writer.write(LETTER), { code: 'ENOSPC' })
  await assert.rejects(async () => writer.write(LETTER), { code: 'ENOSPC' })
  await assert.rejects(async () => writer.finish(), { code: 'ENOSPC' })
  assert.equal(closed, 1)
  const aborted = createContentWriter(options)
  aborted.write(LETTER)?.catch(() => undefined)
  await aborted.abort()
  assert.equal(closed, 2)
  await assert.rejects(async () => store([LETTER], { memoryLimit: 1, folder: join(folder, 'absent') }), {
    code: 'ENOENT',
  })
})

test('what is written without waiting comes out in order', async () => {
  const chunk = fc.uint8Array({ maxLength: 2000 })
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 20 }), fc.nat(5000), async (chunks, memoryLimit) => {
      const expected = Buffer.concat(chunks)
      const writer = createContentWriter({ folder, memoryLimit, limits: { headerSize: 1 } })
      for (const each of chunks) writer.write(each)?.catch(() => undefined)
      const stored = await writer.finish()
      assert.ok((await collect(stored.read())).equals(expected))
      await stored.dispose()
    }),
    { numRuns: 50 },
  )
})

test('the memory of chunks that are alone in it is freed once a file has them, and only then', async () => {
  const chunks = Array.from({ length: 40 }, (_, i) => Buffer.from(new ArrayBuffer(65_536)).fill(`${i} line\r\n`))
  const bytes = Buffer.concat(chunks)
  const shared = Buffer.from(new ArrayBuffer(70_000), 1000, 65_536).fill('not alone\r\n')
  for (const memoryLimit of [1000, 10_000_000]) {
    const own = chunks.map((chunk) => Buffer.from(new Uint8Array(chunk).buffer))
    const kept = Buffer.from(new Uint8Array(own[0] ?? []).buffer)
    const writer = createContentWriter({ folder, memoryLimit, limits: { headerSize: 10 } })
    for (const chunk of own) await writer.write(chunk, true)
    await writer.write(kept)
    await writer.write(shared, false)
    const stored = await writer.finish()
    const isFile = stored.chunks() === undefined
    assert.equal(isFile, memoryLimit === 1000)
    for (const { buffer } of own) assert.equal(buffer.byteLength, isFile ? 0 : 65_536)
    assert.deepEqual([kept.length, shared.buffer.byteLength], [65_536, 70_000])
    assert.ok((await collect(stored.read())).equals(Buffer.concat([bytes, kept, shared])))
    await stored.dispose()
  }
})

test('a file is read into the memory that is lent, as far as that goes; who lends none has pieces to keep', async () => {
  const bytes = Buffer.alloc(1_000_001, 'Subject: x\r\n\r\nabcdefg\r\n')
  const stored = await store(cut(bytes, 65_536), { memoryLimit: 1000 })
  const memory = new Uint8Array(99_999)
  const copies: Uint8Array[] = []
  for await (const piece of stored.read(7, () => memory)) {
    assert.equal(piece.buffer, memory.buffer)
    copies.push(piece.slice())
  }
  assert.ok(Buffer.concat(copies).equals(bytes.subarray(7)))
  assert.ok((await collect(stored.read())).equals(bytes))
  await stored.dispose()
})
