/** What has to be confirmed before 250: by replicas (`WAIT`) and by the disk (`WAITAOF`), of the server that has the message. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { QueueError } from '@postroad/queue-engine'
import type { RedisLink } from '@postroad/redis-link'
import { makeMessage, octetsOf, sourceOf } from '../../packages/testing/src/contract/queue-fixture.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import { inspect } from '../../plugins/redis-queue/src/durability.ts'
import { RedisStore, type RedisStoreOptions } from '../../plugins/redis-queue/src/store/redis-store.ts'
import { requires } from '../runner/requires.ts'
import { linkOptions, silent } from './link.ts'
import { fresh, startNode } from './queue-node.ts'
import { DURABLE, type RedisServer, startRedis } from './redis.ts'
import { requiresValkey } from './valkey.ts'

const skip = requires('redis-server')
const valkey = requiresValkey()
/** Long enough for a machine that is busy: what is there must not look as if it were away. */
const DEADLINE = 4_000

async function startPair(): Promise<{ primary: RedisServer; replica: RedisServer } & AsyncDisposable> {
  const primary = await startRedis(DURABLE)
  const replica = await startRedis({
    ...DURABLE,
    replicaof: `127.0.0.1 ${primary.port}`,
    'repl-diskless-sync-delay': '0',
  })
  await until(async () => String(await primary.command('info', 'replication')).includes('state=online'))
  return {
    primary,
    replica,
    async [Symbol.asyncDispose]() {
      await replica[Symbol.asyncDispose]()
      await primary[Symbol.asyncDispose]()
    },
  }
}

function open(url: string, options: Partial<RedisStoreOptions> = {}) {
  const link = new Link(linkOptions({ url, deadline: DEADLINE }), silent)
  const store = new RedisStore({ link, name: 'mail', ...options })
  const add = () => {
    const message = makeMessage()
    return { message, taken: store.add(message, sourceOf(octetsOf(message.size))) }
  }
  return {
    link,
    store,
    add,
    async [Symbol.asyncDispose]() {
      await store.close()
      await link.close()
    },
  }
}

test('a replica that is there has each message before it is taken; one that is silent: 451, and nothing is kept', {
  skip,
}, async () => {
  await using pair = await startPair()
  await using queue = open(pair.primary.url, { replicas: 1 })
  const first = queue.add()
  await first.taken
  assert.match(String(await pair.replica.command('exists', `{postroad:queue:mail}:e:${first.message.id}`)), /1/)
  pair.replica.freeze()
  const late = Array.from({ length: 5 }, () => queue.add())
  const started = performance.now()
  for (const { taken } of late) await assert.rejects(taken, /0 of 1 replicas/)
  assert.ok(performance.now() - started < 4 * DEADLINE, 'one question for many')
  // Nobody else is held up by a question that waits.
  const waiting = queue.add()
  await sleep(50)
  const asked = performance.now()
  await queue.store.stats()
  assert.ok(performance.now() - asked < DEADLINE / 4)
  await assert.rejects(waiting.taken)
  for (const { message } of late) assert.equal(await queue.store.get(message.id), undefined)
  pair.replica.thaw()
  await until(async () => String(await pair.primary.command('info', 'replication')).includes('state=online'))
  await queue.add().taken
})

test('what was refused because no replica has it is not told as accepted, and what was taken is', {
  skip,
}, async () => {
  await using pair = await startPair()
  await using queue = open(pair.primary.url, { replicas: 1 })
  const add = (name: string) => {
    const message = makeMessage()
    return queue.store.add(message, sourceOf(octetsOf(message.size)), [`${name} 1`, `${name} 2`])
  }
  const told = async () => (await queue.store.outbox.read({ limit: 100 })).map(({ event }) => event)
  await add('taken')
  pair.replica.freeze()
  await assert.rejects(add('refused'), /0 of 1 replicas/)
  await until(async () => (await told()).length === 2)
  assert.deepEqual(await told(), ['taken 1', 'taken 2'])
  pair.replica.thaw()
  await until(async () => String(await pair.primary.command('info', 'replication')).includes('state=online'))
  await add('later')
  assert.deepEqual(await told(), ['taken 1', 'taken 2', 'later 1', 'later 2'])
})

test('where the operator takes the risk, a message that no replica confirms is taken, and told of', {
  skip,
}, async () => {
  await using pair = await startPair()
  const problems: QueueError[] = []
  await using queue = open(pair.primary.url, {
    replicas: 1,
    takesUnconfirmed: true,
    onProblem: (problem) => problems.push(problem),
  })
  await pair.replica.kill()
  const { message, taken } = queue.add()
  await taken
  assert.ok(await queue.store.get(message.id))
  assert.match(problems.map((problem) => problem.message).join(), /0 of 1 replicas/)
})

test('a node whose replica is away refuses mail, or takes it, as the operator says; and takes it again when the replica is back', {
  skip,
}, async (t) => {
  await using pair = await startPair()
  const where = { url: pair.primary.url, deadline: DEADLINE }
  const strict = await startNode(where, 'strict', {
    role: 'smtp',
    deliver: () => 'delivered',
    options: { replicas: 1 },
  })
  const lax = await startNode(where, 'lax', {
    role: 'smtp',
    deliver: () => 'delivered',
    options: { replicas: 1, unsafe: 'warn', name: 'lax' },
  })
  t.after(async () => {
    await strict.close()
    await lax.close()
  })
  const send = (node: typeof strict.node) => {
    const message = fresh()
    return node.accept(message, sourceOf(octetsOf(message.size)))
  }
  await send(strict.node)
  await pair.replica.kill()
  await assert.rejects(send(strict.node))
  await send(lax.node)
  await pair.replica.start()
  await until(() => send(strict.node).then(() => true, () => false)) // biome-ignore format: two ends
})

test('a server that was promoted without the message confirms nothing, whatever its own replicas say', {
  skip,
}, async () => {
  await using old = await startRedis(DURABLE)
  await using promoted = await startPair()
  await using there = open(promoted.primary.url)
  const before = new Link(linkOptions({ url: old.url, deadline: DEADLINE }), silent)
  // The message was taken by one server; the question for replicas goes to the next.
  const switched: RedisLink = {
    prefix: before.prefix,
    isCluster: false,
    deadline: DEADLINE,
    send: (...args) => before.send(...args),
    scan: (...args) => before.scan(...args),
    run: (...args) => before.run(...args),
    connect: (kind) => there.link.connect(kind),
  }
  const store = new RedisStore({ link: switched, name: 'mail', replicas: 1 })
  const message = makeMessage()
  await assert.rejects(store.add(message, sourceOf(octetsOf(message.size))), /Another server is the primary now/)
  await store.close()
  await before.close()
})

test('WAITAOF: with a log once a second each message waits for the disk, and one that the disk has not is refused', {
  skip: valkey.skip,
}, async (t) => {
  await using server = await startRedis({ ...DURABLE, appendfsync: 'everysec' }, { program: valkey.program })
  await using queue = open(server.url)
  assert.deepEqual(await inspect(queue.link, 0), { dangers: [], asksDisk: true })
  queue.store.asksDisk = true
  const started = performance.now()
  await queue.add().taken
  t.diagnostic(`one message waited ${Math.round(performance.now() - started)} ms`)
  await Promise.all(Array.from({ length: 200 }, () => queue.add().taken))
  t.diagnostic(`201 messages waited ${Math.round(performance.now() - started)} ms`)
  // A disk that is never asked to sync confirms nothing.
  await server.command('config', 'set', 'appendfsync', 'no')
  const { message, taken } = queue.add()
  await assert.rejects(taken, /disk has not got the message/)
  assert.equal(await queue.store.get(message.id), undefined)
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 300; turn++) {
    if (await holds()) return
    await sleep(50)
  }
  assert.fail('it did not come about')
}
