/** What an operator does to the queue in Redis, from a process that serves no mail: the same commands as on the embedded one, with the same output. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openLmdbStore } from '@postroad/embedded'
import { makeQueueId } from '@postroad/mail'
import type { CommandIo } from '@postroad/plugin'
import {
  type CommandedQueue,
  DEFAULT_BACKOFF,
  DestinationRules,
  type QueuedMessage,
  type QueueStore,
  queueCommands,
} from '@postroad/queue-engine'
import { deliveryOptions } from '@postroad/queue-engine/zod'
import { z } from 'zod'
import { at, gateOpen, makeMessage, octetsOf, sourceOf } from '../../packages/testing/src/contract/queue-fixture.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import { SharedSlots } from '../../plugins/redis-queue/src/slot/shared-slots.ts'
import { RedisStore } from '../../plugins/redis-queue/src/store/redis-store.ts'
import { requires } from '../runner/requires.ts'
import { linkOptions, silent } from './link.ts'
import { startRedis } from './redis.ts'

const skip = requires('redis-server')
const REFUSED = { code: 451, status: '4.4.1', text: 'Connection refused' } as const

/** Runs commands on a store; what they say, without what differs by chance. */
function commanding(t: TestContext, open: () => Promise<QueueStore>, json = false, reopen?: CommandedQueue['reopen']) {
  const commands = queueCommands({
    rules: new DestinationRules(z.strictObject(deliveryOptions).parse({})),
    reporter: { hostname: 'mx.test', returnLimit: 1_000, route: async () => ({ via: 'smtp' }) },
    plan: { maxRecipients: 100 },
    reopen,
    now: () => at(10),
    store: open,
  })
  return async (name: string, ...args: string[]) => {
    const rows: Record<string, unknown>[] = []
    const printed: string[] = []
    const io: CommandIo = {
      json,
      row: (row) => void rows.push({ ...row }),
      print: (line) => void printed.push(line),
      signal: t.signal,
    }
    const code = (await commands[name]?.run(args, io)) ?? 0
    return { rows, printed: printed.join('\n'), code }
  }
}

/** Closed at the end of its block, before the server is. */
function disposable<T extends { close(): Promise<void> }>(what: T): T & AsyncDisposable {
  return Object.assign(what, { [Symbol.asyncDispose]: () => what.close() })
}

async function fill(store: QueueStore, messages: readonly QueuedMessage[]): Promise<void> {
  for (const message of messages)
    await store.release(await store.add(message, sourceOf(octetsOf(message.size))), { kind: 'scheduled', at: at(60) })
}

test('every command says and does the same to both queues', { skip }, async (t) => {
  await using redis = await startRedis()
  const folder = await mkdtemp(join(tmpdir(), 'pr-commands-'))
  t.after(() => rm(folder, { recursive: true }))
  await using link = disposable(new Link(linkOptions({ url: redis.url }), silent))
  await using embedded = disposable(await openLmdbStore({ folder, minFreeBytes: 0 }))
  const stores = [new RedisStore({ link, name: 'mail' }), embedded]
  const [first, second, third] = [
    makeMessage({ recipients: [['a', 'example.com'], ['b', 'example.com']] }),
    makeMessage({ recipients: [['x', 'other.example']] }),
    { ...makeMessage({ deliveries: 2 }), from: undefined },
  ] as const // biome-ignore format: a table
  for (const store of stores) await fill(store, [first, second, third])
  const gone = makeQueueId(at(0))
  for (const [name, ...args] of [
    ['list'],
    ['list', '--limit', '2'],
    ['list', second.id, gone],
    ['list', '--from', '<>'],
    ['list', '--domain', 'OTHER.example', '--older', '5s', '--state', 'scheduled'],
    ['list', '--to', 'b@', '--reason', 'nothing'],
    ['list', '--older', 'soon'],
    ['list', '--state', 'gone'],
    ['list', second.id, '--all'],
    ['show', first.id],
    ['show', gone],
    ['show'],
    ['body', first.id],
    ['hold'],
    ['hold', first.id, '--text', 'asked for'],
    ['show', first.id],
    ['release', '--state', 'held'],
    ['retry', second.id],
    ['list'],
    ['bounce', third.id, '--text', 'No more'],
    ['show', third.id],
    ['delete', '--domain', 'other.example'],
    ['show', second.id],
    ['delete', '--domain', 'other.example'],
    ['suspend', 'Example.com', 'they', 'asked'],
    ['suspend'],
    ['resume', 'example.com'],
    ['resume', 'example.com'],
    ['corrupt'],
  ]) {
    for (const json of [false, true].slice(0, name === 'show' || name === 'list' ? 2 : 1)) {
      const [inRedis, embeddedOne] = await Promise.all(
        stores.map((store) => commanding(t, async () => store, json)(name ?? '', ...args)),
      )
      assert.deepEqual(inRedis, embeddedOne, [name, ...args].join(' '))
    }
  }
  const counts = await Promise.all(stores.map(async (store) => ({ ...(await store.stats()), freeBytes: undefined })))
  assert.deepEqual(counts[0], counts[1])
  assert.equal(counts[0]?.messages, 1)
})

test('a bounce tells the sender, and what a command leaves behind is there for who delivers', { skip }, async (t) => {
  await using redis = await startRedis()
  await using link = disposable(new Link(linkOptions({ url: redis.url }), silent))
  const store = new RedisStore({ link, name: 'mail' })
  const message = makeMessage()
  await fill(store, [message])
  const run = commanding(t, async () => new RedisStore({ link, name: 'mail' }))
  assert.deepEqual(
    (await run('bounce', message.id)).rows.map(({ done }) => done),
    ['bounced'],
  )
  assert.equal((await store.getFinished(message.id))?.recipients[0]?.state.fate, 'cancelled')
  const [notification] = (await run('list')).rows
  assert.deepEqual(
    [notification?.['from'], notification?.['to'], notification?.['state']],
    ['<>', 'sender@example.org', 'scheduled'],
  )
})

test('what cannot be read is set aside, in nobody’s way, and shown', { skip }, async (t) => {
  await using redis = await startRedis()
  await using link = disposable(new Link(linkOptions({ url: redis.url }), silent))
  const store = new RedisStore({ link, name: 'mail' })
  const [damaged, whole] = [makeMessage(), makeMessage()]
  await fill(store, [damaged, whole])
  await link.send('set', [`{postroad:queue:mail}:e:${damaged.id}`, 'no envelope'])
  const { leases } = await store.claimDue({ now: at(99), limit: 9, gate: gateOpen })
  assert.deepEqual(
    leases.map(({ message }) => message.id),
    [whole.id],
  )
  const run = commanding(t, async () => store)
  assert.deepEqual((await run('corrupt')).rows, [{ id: damaged.id, size: 11 }])
  assert.equal((await store.stats()).corrupt, 1)
})

test('retry is tried at once, by whichever node: the operator knows that a destination is up again', {
  skip,
}, async (t) => {
  await using redis = await startRedis()
  await using link = disposable(new Link(linkOptions({ url: redis.url }), silent))
  const store = new RedisStore({ link, name: 'mail' })
  const slots = new SharedSlots(link, 'mail', DEFAULT_BACKOFF)
  t.after(() => slots.close())
  const message = makeMessage()
  await fill(store, [message])
  const [{ destination = '' } = {}] = message.deliveries
  const limits = { concurrency: 20 }
  const fails = async () => {
    const entry = await slots.enter(destination, limits)
    if (entry.kind === 'enter') await slots.leave(destination, entry.slot, { health: 'down', reply: REFUSED })
    return entry.kind
  }
  assert.deepEqual([await fails(), await fails(), await fails(), await fails()], ['enter', 'enter', 'enter', 'closed'])
  const reopened: string[] = []
  const run = commanding(
    t,
    async () => new RedisStore({ link, name: 'mail' }),
    false,
    async (deliveries) => {
      reopened.push(...deliveries.map((delivery) => delivery.destination))
      for (const name of reopened) await slots.reopen(name)
    },
  )
  await run('hold', message.id)
  assert.deepEqual(reopened, [])
  await run('retry', message.id)
  assert.deepEqual(reopened, [destination])
  const probe = await slots.enter(destination, limits)
  assert.equal(probe.kind, 'enter')
  // One at a time until it has shown that it is up, and one failure closes it again.
  assert.equal((await slots.enter(destination, limits)).kind, 'wait')
  if (probe.kind === 'enter') await slots.leave(destination, probe.slot, { health: 'down', reply: REFUSED })
  assert.equal((await slots.enter(destination, limits)).kind, 'closed')
  await slots.reopen(destination)
  const second = await slots.enter(destination, limits)
  if (second.kind === 'enter') await slots.leave(destination, second.slot, { health: 'up' })
  await slots.reopen('smtp:never.example')
  const all = await Promise.all([1, 2, 3].map(() => slots.enter(destination, limits)))
  assert.deepEqual(
    all.map(({ kind }) => kind),
    ['enter', 'enter', 'enter'],
  )
})
