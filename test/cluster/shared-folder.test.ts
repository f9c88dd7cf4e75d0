/** Content in a folder that nodes share: there before the message is, gone after it, and never taken for lost or for litter by mistake. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { makeQueueId, readAll } from '@postroad/mail'
import type { RedisLink } from '@postroad/redis-link'
import { at, done, makeMessage, octetsOf, sourceOf } from '../../packages/testing/src/contract/queue-fixture.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import { RedisStore } from '../../plugins/redis-queue/src/store/redis-store.ts'
import { ADD, RECORD } from '../../plugins/redis-queue/src/store/scripts.ts'
import { requires } from '../runner/requires.ts'
import { linkOptions, silent } from './link.ts'
import { type RedisServer, startRedis } from './redis.ts'

const skip = requires('redis-server')
let server: RedisServer | undefined
let link: Link | undefined

before(async () => {
  if (skip !== false) return
  server = await startRedis()
  link = new Link(linkOptions({ url: server.url }), silent)
})
after(async () => {
  await link?.close()
  await server?.[Symbol.asyncDispose]()
})

/** A queue whose content above 1,000 octets is in files. */
async function inFolder(t: TestContext, through?: RedisLink) {
  const folder = await mkdtemp(join(tmpdir(), 'pr-bodies-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const name = randomBytes(6).toString('hex')
  const open = (minFree = 0) => {
    assert.ok(link)
    return new RedisStore({ link: through ?? link, name, files: { folder, inlineLimit: 1_000, minFree } })
  }
  const files = async () => (await readdir(folder, { recursive: true })).filter((path) => path.split('/').length === 3)
  const add = async (store: RedisStore, octets: Buffer) => {
    const message = makeMessage({ size: octets.length })
    return { message, leases: await store.add(message, sourceOf(octets)) }
  }
  return { folder, open, files, add }
}

test('large content is a file, small is not; both are read by another node, and both go with their message', {
  skip,
}, async (t) => {
  const { open, files, add } = await inFolder(t)
  const [one, other] = [open(), open()]
  const octets = randomBytes(200_000)
  const { message, leases } = await add(one, octets)
  await add(one, octetsOf(1_000))
  assert.equal((await files()).length, 1)
  const entry = await other.get(message.id)
  assert.ok(entry && (await readAll(other.content(entry.message))).equals(octets))
  const [lease] = leases
  assert.ok(lease)
  assert.equal(await one.record({ lease, state: done(lease), now: at(1) }), 'finished')
  await until(async () => (await files()).length === 0)
  const deleted = await add(one, octets)
  assert.equal(await other.operate(deleted.message.id, { kind: 'delete' }, at(2)), 1)
  await until(async () => (await files()).length === 0)
})

test('the file is whole before Redis hears of the message', { skip }, async (t) => {
  assert.ok(link)
  const whole: RedisLink = link
  let seen: number[] = []
  const watching: RedisLink = {
    prefix: whole.prefix,
    isCluster: false,
    deadline: whole.deadline,
    send: (...args) => whole.send(...args),
    scan: (...args) => whole.scan(...args),
    connect: (kind) => whole.connect(kind),
    async run(script, ...args) {
      if (script.sha === ADD.sha)
        seen = await Promise.all(
          (await world.files()).map(async (path) => (await readFile(join(world.folder, path))).length),
        )
      return whole.run(script, ...args)
    },
  }
  const world = await inFolder(t, watching)
  await world.add(world.open(), octetsOf(50_000))
  assert.deepEqual(seen, [50_000])
})

test('content that was changed, cut or lost is corrupt; a folder that is not mounted is no loss, and takes no mail', {
  skip,
}, async (t) => {
  const { folder, open, files, add } = await inFolder(t)
  const store = open()
  const fates = [
    (path: string) => writeFile(path, 'X', { flag: 'r+' }),
    (path: string) => truncate(path, 1_999),
    (path: string) => rm(path),
  ]
  for (const damage of fates) {
    const { message } = await add(store, octetsOf(2_000))
    const path = (await files()).find((each) => each.endsWith(message.id))
    assert.ok(path)
    await damage(join(folder, path))
    await assert.rejects(readAll(store.content(message)), { code: 'ERR_QUEUE_CORRUPT' })
  }
  const { message } = await add(store, octetsOf(2_000))
  await rename(folder, `${folder}.away`)
  await mkdir(folder)
  for (const each of [store, open()]) {
    await assert.rejects(readAll(each.content(message)), { code: 'ERR_QUEUE_IO' })
    await assert.rejects(add(each, octetsOf(2_000)))
  }
  assert.deepEqual(await readdir(folder), [], 'nothing is written beside the mount')
  await rm(folder, { recursive: true })
  await rename(`${folder}.away`, folder)
  assert.equal((await readAll(store.content(message))).length, 2_000)
  await add(store, octetsOf(2_000))
})

test('files whose message nobody knows are swept, and no others', { skip }, async (t) => {
  const { folder, open, files, add } = await inFolder(t)
  const store = open()
  const { message } = await add(store, octetsOf(2_000))
  const [path = ''] = await files()
  const orphan = makeQueueId(1)
  await writeFile(join(folder, path, '..', orphan), 'of a process that died before it said so')
  assert.equal(await store.sweep(), 0, 'it may be on its way')
  assert.equal(await store.sweep(-1_000), 1)
  assert.deepEqual(await files(), [path])
  assert.equal((await readAll(store.content(message))).length, 2_000)
})

test('a queue of another Redis in the same folder has files of its own', { skip }, async (t) => {
  await using second = await startRedis()
  const elsewhere = new Link(linkOptions({ url: second.url }), silent)
  t.after(() => elsewhere.close())
  const { folder, open, files, add } = await inFolder(t)
  await add(open(), octetsOf(2_000))
  const stranger = new RedisStore({ link: elsewhere, name: 'mail', files: { folder, inlineLimit: 0, minFree: 0 } })
  await add(stranger, octetsOf(2_000))
  assert.equal(await stranger.sweep(-1_000), 0)
  assert.equal((await files()).length, 2)
})

test('a step that is tried again does not write its file again, and loses none', { skip }, async (t) => {
  assert.ok(link)
  const whole: RedisLink = link
  let isDeaf = false
  const deaf: RedisLink = {
    prefix: whole.prefix,
    isCluster: false,
    deadline: 100,
    send: (...args) => whole.send(...args),
    scan: (...args) => whole.scan(...args),
    connect: (kind) => whole.connect(kind),
    async run(script, ...args) {
      const answer = await whole.run(script, ...args)
      if (!isDeaf || script.sha !== RECORD.sha) return answer
      isDeaf = false
      throw new Error('Command timed out')
    },
  }
  const { open, files, add } = await inFolder(t, deaf)
  const store = open()
  const { leases } = await add(store, octetsOf(2_000))
  const [lease] = leases
  assert.ok(lease)
  const report = { ...makeMessage({ size: 3_000 }), from: undefined }
  const end = { lease, state: done(lease), spawn: [{ message: report, source: sourceOf(octetsOf(3_000)) }], now: at(1) }
  isDeaf = true
  await assert.rejects(store.record(end), /timed out/)
  assert.equal(await store.record(end), 'lost', 'it was done the first time')
  assert.equal((await readAll(store.content(report))).length, 3_000)
  await store.sweep(-1_000)
  assert.equal(
    (await files()).length,
    1,
    'the file of the finished message was litter, that of the notification is not',
  )
})

test('a folder without room: 452 before anything is taken', { skip }, async (t) => {
  const { open, files } = await inFolder(t)
  const store = open(2 ** 52)
  store.admit(2_000)
  await until(async () => store.admit(2_000)?.code === 452)
  assert.equal(store.admit(1_000), undefined, 'small content is in Redis')
  assert.equal((await files()).length, 0)
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 200; turn++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.fail('it did not come about')
}
