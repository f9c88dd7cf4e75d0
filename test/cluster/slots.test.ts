/** Two nodes that pass slots on, with a real Redis: what one was well with, and what the other has found. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { DEFAULT_BACKOFF } from '../../packages/queue/src/engine/site.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import { SharedSlots } from '../../plugins/redis-queue/src/slot/shared-slots.ts'
import { requires } from '../runner/requires.ts'
import { linkOptions, silent } from './link.ts'
import { type RedisServer, startRedis } from './redis.ts'

const skip = requires('redis-server')
const LIMITS = { concurrency: 2 }
const UP = { health: 'up' } as const
const DOWN = { health: 'down' } as const
const BACKOFF = { ...DEFAULT_BACKOFF, failures: 2 }

let server: RedisServer
let link: Link
let one: SharedSlots
let other: SharedSlots

if (skip === false) {
  before(async () => {
    server = await startRedis()
  })
  beforeEach(() => {
    link = new Link(linkOptions({ url: server.url, prefix: `postroad:${randomUUID()}` }), silent)
    one = new SharedSlots(link, 'mail', BACKOFF)
    other = new SharedSlots(link, 'mail', BACKOFF)
  })
  afterEach(() => link.close())
  after(() => server?.[Symbol.asyncDispose]())
}

async function enter(slots: SharedSlots): Promise<string> {
  const entry = await slots.enter('mx.test', LIMITS)
  assert.ok(entry.kind === 'enter', entry.kind)
  return entry.slot
}

test('a slot that is kept counts: with those of the other node there are never more than allowed', {
  skip,
}, async () => {
  await one.leave('mx.test', await enter(one), UP)
  const [theirs, kept] = [await enter(other), await enter(one)]
  assert.notEqual(theirs, kept)
  assert.equal((await other.enter('mx.test', LIMITS)).kind, 'wait')
  await one.leave('mx.test', kept, UP)
  assert.equal((await other.enter('mx.test', LIMITS)).kind, 'wait')
  await one.close()
  await enter(other)
})

test('what was well resets failures that were counted, when the slot goes back', { skip }, async () => {
  await one.leave('mx.test', await enter(one), UP)
  await other.leave('mx.test', await enter(other), DOWN)
  await one.close()
  // The first that counts: the one before is forgotten.
  await other.leave('mx.test', await enter(other), DOWN)
  await enter(other)
})

test('what was well opens nothing that another node has closed since', { skip }, async () => {
  await one.leave('mx.test', await enter(one), UP)
  for (let failure = 0; failure < BACKOFF.failures; failure++) await other.leave('mx.test', await enter(other), DOWN)
  await one.close()
  assert.equal((await other.enter('mx.test', LIMITS)).kind, 'closed')
})

test('where failures are counted no slot is passed on', { skip }, async () => {
  await other.leave('mx.test', await enter(other), DOWN)
  const first = await enter(one)
  await one.leave('mx.test', first, UP)
  assert.notEqual(await enter(one), first)
})
