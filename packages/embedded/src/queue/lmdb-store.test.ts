import assert from 'node:assert/strict'
import { mkdtemp, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type MessageSource, readAll } from '@postroad/mail'
import { createContentWriter, createMessage } from '@postroad/message'
import type { QueueError } from '@postroad/queue-engine'
import { at, done, gateOpen, makeMessage, octetsOf, sourceOf } from '../../../../test/contracts/queue/messages.ts'
import { MIGRATIONS, type Migration, QueueDatabase } from './database.ts'
import { type LmdbStore, openLmdbStore } from './lmdb-store.ts'
import type { LmdbStoreOptions } from './store-options.ts'

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-store-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const spoolOf = (folder: string): string => join(folder, 'incoming')

async function openIn(folder: string, options: Partial<LmdbStoreOptions> = {}): Promise<LmdbStore> {
  return openLmdbStore({ folder, spool: spoolOf(folder), minFreeBytes: 0, ...options })
}

async function add(store: LmdbStore, size: number) {
  const message = makeMessage({ size })
  const leases = await store.add(message, sourceOf(octetsOf(size)))
  return { message, leases }
}

/** Changes octets where they stand in a file. */
async function damage(path: string, find: Buffer): Promise<void> {
  const content = await readFile(path)
  const found = content.indexOf(find)
  assert.ok(found >= 0, 'there is something to damage')
  const file = await open(path, 'r+')
  await file.write(Buffer.from('!!!!'), 0, 4, found + 2)
  await file.close()
}

test('what was added is there after the process has ended without closing', async (t) => {
  const folder = await makeFolder(t)
  const first = await openIn(folder)
  const { message } = await add(first, 100_000)
  const second = await openIn(folder)
  assert.equal((await readAll(second.content(message))).length, 100_000)
  await first.close()
  await second.close()
})

test('what is known of line ends is remembered with a file, and nothing else is believed', async (t) => {
  const folder = await makeFolder(t)
  const store = await openIn(folder)
  t.after(() => store.close())
  const known: (boolean | undefined)[] = []
  for (const hasOnlyCrlf of [true, false, undefined]) {
    const message = makeMessage({ size: 100_000 })
    const source = sourceOf(octetsOf(100_000))
    await store.add(message, { ...source, ...(hasOnlyCrlf !== undefined && { hasOnlyCrlf }) })
    known.push(store.content(message).hasOnlyCrlf)
  }
  assert.deepEqual(known, [true, false, false])
})

/** A message that has come into a file of the queue's, with a field on top and its own first field changed. */
async function arrived(t: TestContext, folder: string, body: string): Promise<MessageSource> {
  const writer = createContentWriter({ folder: spoolOf(folder), keepsName: true, memoryLimit: 0 })
  await writer.write(Buffer.from(`A: 1\r\nB: 2\r\n\r\n${body}`))
  const stored = await writer.finish(true)
  t.after(() => stored.dispose())
  return createMessage(stored, Buffer.from('Received: x\r\n')).withReplacedHeader('A', '9')
}

test('a message that is in a file of the queue already is not copied, and is read as it was changed', async (t) => {
  const folder = await makeFolder(t)
  const store = await openIn(folder)
  const body = 'line\r\n'.repeat(200_000)
  const whole = `Received: x\r\nA: 9\r\nB: 2\r\n\r\n${body}`
  const source = await arrived(t, folder, body)
  const incoming = spoolOf(folder)
  const [name = ''] = await readdir(incoming)
  const { ino } = await stat(join(incoming, name))
  const message = makeMessage({ size: source.size })
  await store.add(message, source)
  const path = join(folder, 'bodies', message.id.slice(-2), message.id)
  assert.equal((await stat(path)).ino, ino)
  assert.deepEqual(await readdir(incoming), [])
  assert.ok((await readAll(store.content(message))).equals(Buffer.from(whole)))
  // As another process finds it, or this one later.
  const other = await openIn(folder)
  const found = (await other.get(message.id))?.message ?? assert.fail('it is there')
  assert.ok((await readAll(other.content(found))).equals(Buffer.from(whole)))
  assert.equal(other.content(found).hasOnlyCrlf, true)
  const [memory, read] = [new Uint8Array(50_000), [] as Uint8Array[]]
  for await (const piece of other.content(found).raw(() => memory)) {
    assert.ok(read.length === 0 || piece.buffer === memory.buffer)
    read.push(piece.slice())
  }
  assert.ok(Buffer.concat(read).equals(Buffer.from(whole)))
  await damage(path, Buffer.from('line'))
  await assert.rejects(readAll(other.content(found)), { code: 'ERR_QUEUE_CORRUPT' })
  await store.close()
  await other.close()
})

test('a file that cannot be taken over is copied; one that cannot be synced is refused, and nothing stays', async (t) => {
  const folder = await makeFolder(t)
  const store = await openIn(folder)
  t.after(() => store.close())
  const body = 'x\r\n'.repeat(50_000)
  const source = await arrived(t, folder, body)
  const expected = await readAll(source)
  const failing = (code: string): MessageSource => {
    const file = source.file?.() ?? assert.fail('it is a file')
    const moveTo = () => Promise.reject(Object.assign(new Error(code), { code }))
    return { size: source.size, raw: () => source.raw(), file: () => ({ ...file, moveTo }) }
  }
  const refused = makeMessage({ size: source.size })
  await assert.rejects(store.add(refused, failing('EIO')), { code: 'EIO' })
  assert.equal(await store.get(refused.id), undefined)
  const [first, second, third] = Array.from({ length: 3 }, () => makeMessage({ size: source.size }))
  assert.ok(first && second && third)
  await store.add(first, failing('EXDEV'))
  await store.add(second, source)
  // Taken already: by another queue, say.
  await store.add(third, source)
  for (const message of [first, second, third]) assert.ok((await readAll(store.content(message))).equals(expected))
})

test('what a crash left of mail that was coming in is swept when it is old', async (t) => {
  const folder = await makeFolder(t)
  const store = await openIn(folder)
  t.after(() => store.close())
  const incoming = spoolOf(folder)
  await arrived(t, folder, 'of a process that died')
  const [old = ''] = await readdir(incoming)
  await utimes(join(incoming, old), 0, 0)
  await arrived(t, folder, 'coming in')
  assert.equal(await store.sweep(), 1)
  const left = await readdir(incoming)
  assert.ok(left.length === 1 && !left.includes(old))
})

test('an I/O error is a rejection, nothing of the message is there, and the store goes on', async (t) => {
  const folder = await makeFolder(t)
  let isBroken = false
  const store = await openIn(folder, {
    onStep: (point) => {
      if (isBroken && point === 'commit:open') throw new Error('EIO')
    },
  })
  isBroken = true
  for (const size of [100, 100_000]) await assert.rejects(add(store, size), { code: 'ERR_QUEUE_IO' })
  isBroken = false
  const { leases } = await add(store, 100)
  assert.equal((await store.stats()).messages, 1)
  assert.equal(leases.length, 1)
  await store.close()
})

test('an end whose commit failed is tried again with a notification that has its file already', async (t) => {
  const folder = await makeFolder(t)
  let failures = 0
  const store = await openIn(folder, {
    onStep: (point) => {
      if (point === 'commit:open' && failures-- > 0) throw new Error('EIO')
    },
  })
  const { leases } = await add(store, 100)
  const [lease] = leases
  assert.ok(lease)
  const spawn = [{ message: makeMessage({ size: 100_000 }), source: sourceOf(octetsOf(100_000)) }]
  const end = { lease, state: done(lease), spawn, now: at(1) }
  failures = 2
  for (let round = 0; round < 2; round++) await assert.rejects(store.record(end), /could not be written/)
  assert.equal(await store.record(end), 'finished')
  for (const { message } of spawn) assert.deepEqual(await readAll(store.content(message)), octetsOf(100_000))
  await store.close()
})

test('without room on the disk mail is refused with 452 before it is taken', async (t) => {
  const folder = await makeFolder(t)
  const store = await openIn(folder, { minFreeBytes: Number.MAX_SAFE_INTEGER })
  assert.deepEqual([store.admit(1)?.code, store.admit(1)?.status], [452, '4.3.1'])
  await store.close()
})

test("a damaged entry is set aside, told of, and in nobody's way", async (t) => {
  const folder = await makeFolder(t)
  const store = await openIn(folder)
  const { message, leases } = await add(store, 300)
  const healthy = await add(store, 300)
  await store.release([...leases, ...healthy.leases], { kind: 'scheduled', at: at(0) })
  await store.close()
  await damage(join(folder, 'data.mdb'), Buffer.from(`"q":${message.queuedAt}`))
  const problems: QueueError[] = []
  const again = await openIn(folder, { onProblem: (problem) => problems.push(problem) })
  for (let round = 0; round < 3; round++) {
    const { leases: due } = await again.claimDue({ now: at(1), limit: 10, gate: gateOpen })
    if (round === 0) assert.equal(due.length, 1)
  }
  const corrupt: string[] = []
  for await (const { id } of again.corrupt()) corrupt.push(id)
  assert.equal(corrupt.length, 1)
  assert.deepEqual(
    problems.map(({ code }) => code),
    ['ERR_QUEUE_CORRUPT'],
  )
  assert.equal((await again.stats()).messages, 1)
  await again.close()
})

test('a content file that is not what was written is never read to its end', async (t) => {
  const folder = await makeFolder(t)
  const store = await openIn(folder)
  const { message } = await add(store, 600_000)
  const path = join(folder, 'bodies', message.id.slice(-2), message.id)
  await damage(path, Buffer.from('Subject'))
  let read = 0
  await assert.rejects(
    async () => {
      for await (const chunk of store.content(message).raw()) read += chunk.length
    },
    { code: 'ERR_QUEUE_CORRUPT' },
  )
  assert.ok(read < 600_000)
  await rm(path)
  await assert.rejects(readAll(store.content(message)), { code: 'ERR_QUEUE_CORRUPT' })
  await store.close()
})

test('a file that is no database is refused with a sentence, and left as it is', async (t) => {
  const folder = await makeFolder(t)
  await writeFile(join(folder, 'data.mdb'), Buffer.alloc(16_384, 'no'))
  for (let round = 0; round < 2; round++) await assert.rejects(openIn(folder), { code: 'ERR_QUEUE_UNSAFE' })
  assert.equal((await readFile(join(folder, 'data.mdb'), 'latin1')).slice(0, 4), 'nono')
})

test('a file that lost its end is completed before it is mapped, and what is whole is still there', async (t) => {
  const folder = await makeFolder(t)
  const store = await openIn(folder)
  await Promise.all(Array.from({ length: 50 }, () => add(store, 3_000)))
  await store.close()
  const path = join(folder, 'data.mdb')
  const content = await readFile(path)
  // Behind what is in it the file has zeros, in reserve.
  const end = content.findLastIndex((octet) => octet !== 0)
  await writeFile(path, content.subarray(0, end - 40_000))
  const outcome = await openIn(folder).then(
    async (again) => {
      let readable = 0
      for await (const _ of again.list()) readable++
      await again.close()
      return readable
    },
    (error: QueueError) => error,
  )
  assert.ok(outcome instanceof Error || outcome < 50, 'damage is told, one way or the other')
})

test('an older format is migrated in one step, a newer one is left alone', async (t) => {
  const folder = await makeFolder(t)
  await (await QueueDatabase.open({ folder })).close()
  const migrations: Migration[] = [...MIGRATIONS, (tables) => void tables.meta.put('migrated', Buffer.from('yes'))]
  const newer = await QueueDatabase.open({ folder, migrations })
  assert.equal(newer.tables.meta.get('migrated')?.toString(), 'yes')
  await newer.close()
  await assert.rejects(QueueDatabase.open({ folder }), { code: 'ERR_QUEUE_FORMAT' })
})

test('content without a message is swept when it is old; others stay', async (t) => {
  const folder = await makeFolder(t)
  const store = await openIn(folder)
  const { message } = await add(store, 100_000)
  const shelf = join(folder, 'bodies', message.id.slice(-2))
  // Beside the message's own, whatever chance has made of it.
  const [old = '', young = ''] = ['xx', 'yy', 'zz']
    .map((chance) => `${message.id.slice(0, -4)}${chance}${message.id.slice(-2)}`)
    .filter((id) => id !== message.id)
  await writeFile(join(shelf, old), 'litter')
  await utimes(join(shelf, old), 0, 0)
  await writeFile(join(shelf, young), 'being written')
  assert.equal(await store.sweep(), 1)
  assert.equal((await readdir(shelf)).length, 2)
  await store.close()
})

test('a clock that is set forth makes no content old that is being written', async (t) => {
  const folder = await makeFolder(t)
  let step = 0
  const store = await openIn(folder, { now: () => Date.now() + step })
  const { message } = await add(store, 100_000)
  const shelf = join(folder, 'bodies', message.id.slice(-2))
  const other = `${message.id.slice(0, 16)}${message.id.slice(16, 18) === 'xx' ? 'yy' : 'xx'}${message.id.slice(-2)}`
  await writeFile(join(shelf, other), 'being written')
  step = 365 * 86_400_000
  assert.equal(await store.sweep(), 0)
  await store.close()
})

test('finished messages are remembered up to a number, then the oldest go', async (t) => {
  const folder = await makeFolder(t)
  const store = await openIn(folder, { keepFinished: 3 })
  for (let count = 0; count < 6; count++) {
    const { leases } = await add(store, 10)
    for (const lease of leases) assert.equal(await store.record({ lease, state: done(lease), now: at(1) }), 'finished')
  }
  let kept = 0
  for await (const _ of store.finished()) kept++
  assert.equal(kept, 3)
  await store.close()
})

test('a closed store says so', async (t) => {
  const store = await openIn(await makeFolder(t))
  await store.close()
  await assert.rejects(add(store, 10), { code: 'ERR_QUEUE_CLOSED' })
})
