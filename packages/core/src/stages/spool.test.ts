/** A large message is written where the queue that is asked first takes files over. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type QueueContext, reject } from '@postroad/plugin'
import { Client, codesOf, ground, handler } from '../fixture.test.ts'
import type { HookTable } from '../plan/hook-table.ts'

const LARGE = Buffer.alloc(500_000, 'Subject: x\r\n\r\nline\r\n')
const SMALL = Buffer.from('Subject: x\r\n\r\nline\r\n')

/** A queue that takes files over, and what it found in its folder when it was asked. */
async function open(t: TestContext, table: Partial<HookTable> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-spool-'))
  t.after(() => rm(folder, { recursive: true }))
  const [spool, other] = [join(folder, 'queue'), join(folder, 'other')]
  for (const each of [spool, other]) await mkdir(each)
  const found: (readonly [files: number, isFile: boolean])[] = []
  const carries = (via: string): boolean => via === 'own'
  const keep = async ({ message, deliveries }: QueueContext) => {
    if (!deliveries.every(({ route }) => carries(route.via))) return undefined
    const file = message.file?.()
    found.push([(await readdir(spool)).length, file !== undefined])
    await file?.moveTo(join(folder, 'kept'))
    return { id: '7' }
  }
  const route = [handler('route', ({ recipient }) => ({ via: recipient.local }))]
  const queue = [
    handler('queue', () => undefined, { spool: other, shadow: true }),
    handler('queue', keep, { spool, carries }),
    handler('queue', () => ({ id: '8' })),
  ]
  const made = ground({ route, queue, ...table }, { spool: other })
  const send = async (local: string, octets: Buffer): Promise<number> => {
    const client = new Client(made)
    await client.begin()
    await client.rcpt(`${local}@x.test`)
    const [code = 0] = codesOf(await client.data(octets.toString()))
    return code
  }
  const left = async (): Promise<readonly number[]> => [(await readdir(spool)).length, (await readdir(other)).length]
  return { send, found, left, made, kept: () => rename(join(folder, 'kept'), join(folder, 'seen')) }
}

test('a message that is too large for memory is a file of the queue before the queue is asked; a small one is none', async (t) => {
  const { send, found, left, kept } = await open(t)
  assert.equal(await send('own', LARGE), 250)
  assert.equal(await send('own', SMALL), 250)
  assert.deepEqual(found, [
    [1, true],
    [0, false],
  ])
  await kept()
  assert.deepEqual(await left(), [0, 0])
})

test('nothing is written there for mail that the queue does not carry, and what is refused or abandoned is gone', async (t) => {
  const { send, found, left } = await open(t)
  assert.equal(await send('foreign', LARGE), 250)
  assert.deepEqual([found, await left()], [[], [0, 0]])
  const refusing = await open(t, { message: [[handler('message', () => reject('No'))]] })
  assert.equal(await refusing.send('own', LARGE), 550)
  assert.deepEqual(await refusing.left(), [0, 0])
})

test('a client that leaves in the middle leaves no file', async (t) => {
  const { left, made } = await open(t)
  const client = new Client(made)
  await client.begin()
  await client.rcpt('own@x.test')
  await client.stages.data()
  const content = client.stages.content()
  await content.write(LARGE)
  assert.deepEqual(await left(), [1, 0])
  content.abort()
  while ((await left())[0] !== 0) await new Promise((resolve) => setImmediate(resolve))
})

test('what nobody listens to is freed once it is written; what a plugin has heard stays as it was', async (t) => {
  const heard: Uint8Array[] = []
  const receive = [handler('receive', () => ({ write: (chunk: Uint8Array) => void heard.push(chunk) }))]
  for (const table of [{}, { receive }]) {
    const { made, left } = await open(t, table)
    const client = new Client(made)
    await client.begin()
    await client.rcpt('own@x.test')
    await client.stages.data()
    const content = client.stages.content()
    const chunk = Buffer.from(new Uint8Array(LARGE).buffer)
    await content.write(chunk, true)
    assert.equal(chunk.length, table.receive ? LARGE.length : 0)
    content.abort()
    while ((await left())[0] !== 0) await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(Buffer.concat(heard).equals(LARGE))
})
