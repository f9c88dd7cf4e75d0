/** Steps of the queue that were done and whose answer never came: nothing is stuck, nothing that was refused is delivered. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { RedisLink } from '@postroad/redis-link'
import {
  at,
  done,
  gateOpen,
  makeMessage,
  octetsOf,
  sourceOf,
} from '../../packages/testing/src/contract/queue-fixture.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import { RedisStore } from '../../plugins/redis-queue/src/store/redis-store.ts'
import { ADD, RECORD, TAKE_DUE } from '../../plugins/redis-queue/src/store/scripts.ts'
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

/** A store behind a link that loses the answer of the next run of a script. */
function deafStore() {
  assert.ok(link)
  const whole: RedisLink = link
  let deafTo = ''
  const deaf: RedisLink = {
    prefix: whole.prefix,
    isCluster: false,
    deadline: 100,
    send: (...args) => whole.send(...args),
    scan: (...args) => whole.scan(...args),
    connect: (kind) => whole.connect(kind),
    async run(script, ...args) {
      const answer = await whole.run(script, ...args)
      if (script.sha !== deafTo) return answer
      deafTo = ''
      throw new Error('Command timed out')
    },
  }
  const name = randomUUID()
  const open = (through: RedisLink) => new RedisStore({ link: through, name })
  return { store: open(deaf), other: open(whole), deafen: (script: { sha: string }) => (deafTo = script.sha) }
}

test('a message whose sender heard 451 is not there, though Redis had taken it', { skip }, async () => {
  const { store, other, deafen } = deafStore()
  const message = makeMessage()
  deafen(ADD)
  await assert.rejects(store.add(message, sourceOf(octetsOf(message.size))), /timed out/)
  await store.beat(at(1))
  assert.equal(await other.get(message.id), undefined)
  assert.equal((await other.stats()).claimed, 0)
})

test('deliveries that were claimed without an answer go back to the schedule with the second look', {
  skip,
}, async () => {
  const { store, deafen } = deafStore()
  const message = makeMessage()
  const [lease] = await store.add(message, sourceOf(octetsOf(message.size)))
  assert.ok(lease)
  await store.release([lease], { kind: 'scheduled', at: at(1) })
  deafen(TAKE_DUE)
  await assert.rejects(store.claimDue({ now: at(2), limit: 9, gate: gateOpen }), /timed out/)
  assert.equal((await store.stats()).claimed, 1)
  await store.beat(at(3))
  await store.beat(at(4))
  assert.deepEqual((await store.get(message.id))?.states[0]?.status, { kind: 'scheduled', at: at(4) })
})

test('notifications of an end without an answer are delivered by whoever comes', { skip }, async () => {
  const { store, deafen } = deafStore()
  const message = makeMessage()
  const [lease] = await store.add(message, sourceOf(octetsOf(message.size)))
  assert.ok(lease)
  const report = { ...makeMessage(), from: undefined, reportOn: message.id }
  const end = {
    lease,
    state: done(lease),
    spawn: [{ message: report, source: sourceOf(octetsOf(report.size)) }],
    now: at(1),
  }
  deafen(RECORD)
  await assert.rejects(store.record(end), /timed out/)
  assert.equal(await store.record(end), 'lost', 'it was done the first time')
  await store.beat(at(2))
  await store.beat(at(3))
  const { leases } = await store.claimDue({ now: at(3), limit: 9, gate: gateOpen })
  assert.deepEqual(
    leases.map((each) => each.message.id),
    [report.id],
  )
})

test('leases that are being worked on are no strays', { skip }, async () => {
  const { store } = deafStore()
  const message = makeMessage({ deliveries: 3 })
  const [first] = await store.add(message, sourceOf(octetsOf(message.size)))
  assert.ok(first)
  for (const second of [1, 2, 3]) await store.beat(at(second))
  assert.equal((await store.stats()).claimed, 3)
  assert.equal(await store.record({ lease: first, state: done(first), now: at(4) }), 'recorded')
})
