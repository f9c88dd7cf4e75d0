/** The DNS answers that nodes share: what one has asked the others need not, and Redis is never in the way. On one server, behind Sentinel, on a Cluster. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { Asker, DnsError, forMessage, type Zone, zoneDns } from '@postroad/dns'
import type { DnsAnswer } from '@postroad/plugin'
import { Link } from '../../plugins/redis/src/link.ts'
import { SharedDns } from '../../plugins/redis/src/shared-dns.ts'
import { requires } from '../runner/requires.ts'
import { linkOptions, silent } from './link.ts'
import { startRedis } from './redis.ts'
import { startCluster } from './redis-cluster.ts'

const skip = requires('redis-server')
/** More than a question may wait for Redis, 50 ms. A busy machine is late for both alike: timers of a process fire in their order. */
const LATE_MS = 100

const ZONE: Zone = {
  'example.com': { MX: [[10, 'mx.example.com']], TXT: ['v=spf1 -all'], A: ['192.0.2.1'], secure: true, ttl: 600 }, // biome-ignore format: a table
  'short.example': { A: ['192.0.2.2'], ttl: 1 },
  'broken.example': 'SERVFAIL',
  '_25._tcp.mx.example.com': { TLSA: [{ usage: 3, selector: 1, matching: 1, data: Buffer.of(1) }] },
}

const SHAPES = {
  'one server': async () => {
    const server = await startRedis()
    return { options: { url: server.url }, close: () => server[Symbol.asyncDispose]() }
  },
  Sentinel: async () => {
    const server = await startRedis()
    const sentinel = await startRedis({ 'sentinel#1': `monitor mail 127.0.0.1 ${server.port} 1` })
    const close = async () => {
      await sentinel[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    }
    return { options: { sentinel: { name: 'mail', nodes: [{ host: '127.0.0.1', port: sentinel.port }] } }, close }
  },
  'a Cluster': async () => {
    const cluster = await startCluster()
    return { options: { cluster: cluster.nodes }, close: () => cluster[Symbol.asyncDispose]() }
  },
}

/** Nodes with the same Redis, each with a resolver of its own. */
function nodes(t: TestContext, options: object, count: number) {
  const prefix = `t-${randomUUID()}`
  return Array.from({ length: count }, () => {
    const link = new Link(linkOptions({ ...options, prefix, deadline: 10_000 }), silent)
    t.after(() => link.close())
    const inner = zoneDns(ZONE)
    return { link, inner, dns: new SharedDns(inner, link) }
  })
}

for (const [name, start] of Object.entries(SHAPES)) {
  test(`DNS answers are shared on ${name}, with their lives and whether they were validated`, { skip }, async (t) => {
    const redis = await start()
    t.after(redis.close)
    const [first, second] = nodes(t, redis.options, 2)
    assert.ok(first && second)
    for (const { link } of [first, second]) await link.send('get', ['warm'])
    const answer = await first.dns.mx('Example.com')
    await settled()
    const shared = await second.dns.mx('example.COM')
    assert.deepEqual(shared.records, [{ preference: 10, exchange: 'mx.example.com' }])
    assert.deepEqual([shared.records, shared.secure], [answer.records, true])
    assert.ok(shared.ttl > 590 && shared.ttl <= 600, `${shared.ttl}`)
    assert.deepEqual(second.inner.questions, [])
    await second.dns.txt('example.com')
    assert.deepEqual(second.inner.questions, ['TXT example.com'], 'another type is another question')

    await first.dns.a('short.example')
    await settled()
    await second.dns.a('short.example')
    await sleep(1_100)
    await second.dns.a('short.example')
    assert.deepEqual(second.inner.questions.slice(1), ['A short.example'], 'asked again when it had expired')
  })
}

test('failures and TLSA records are not shared: each node asks for itself', { skip }, async (t) => {
  await using redis = await startRedis()
  const [first, second] = nodes(t, { url: redis.url }, 2)
  assert.ok(first && second)
  for (const { dns } of [first, second]) {
    await assert.rejects(dns.a('broken.example'), DnsError)
    await assert.rejects(dns.a('nowhere.example'), { code: 'NXDOMAIN' })
    assert.equal((await dns.tlsa('_25._tcp.mx.example.com')).records.length, 1)
    await settled()
  }
  assert.equal(second.inner.questions.length, 3)
})

test('what others have found costs a message nothing; what is asked is counted as before', { skip }, async (t) => {
  await using redis = await startRedis()
  const [first, ...others] = nodes(t, { url: redis.url }, 20)
  assert.ok(first)
  await first.dns.a('example.com')
  await settled()
  const left: number[] = []
  // A node asks itself when Redis has not answered within 50 ms, as it may on a busy machine; one of many hears it in time.
  for (const { dns, link } of others) {
    await link.send('get', ['warm'])
    const budget = { left: 5 }
    await dns.limited(budget).a('example.com')
    left.push(budget.left)
    await dns.limited(budget).mx('example.com')
    assert.equal(budget.left, (left.at(-1) ?? 0) - 1)
    assert.ok(forMessage(dns, { session: {} }) instanceof Asker)
    if (left.at(-1) === 5) break
  }
  assert.equal(left.at(-1), 5, `left each time: ${left}`)
})

test('a Redis that is away, frozen or never there: the same answers, and no question waits longer than 50 ms for it', {
  skip,
}, async (t) => {
  await using redis = await startRedis()
  const [node] = nodes(t, { url: redis.url }, 1)
  const [lost] = nodes(t, { url: 'redis://127.0.0.1:1' }, 1)
  assert.ok(node && lost)
  await node.link.send('get', ['warm'])
  redis.freeze()
  await inTime(node.dns.a('example.com'))
  await redis.kill()
  await inTime(node.dns.mx('example.com'))
  for (const type of ['A', 'MX', 'TXT'] as const) {
    await inTime(lost.dns.ask(type, 'example.com'))
    await atOnce(lost.dns.ask(type, 'example.com'))
  }
  assert.deepEqual([node.inner.questions.length, lost.inner.questions.length], [2, 3])
})

/** Sharing is not waited for. */
async function settled(): Promise<void> {
  await sleep(100)
}

/** An answer before {@link LATE_MS} have passed. */
async function inTime(work: Promise<DnsAnswer<unknown>>): Promise<void> {
  const first = await Promise.race([work, sleep(LATE_MS)])
  assert.ok(first, `no answer within ${LATE_MS} ms`)
  assert.equal(first.records.length, 1)
}

/** An answer that is remembered here: nothing is waited for, neither a timer nor a socket. */
async function atOnce(work: Promise<DnsAnswer<unknown>>): Promise<void> {
  const first = await Promise.race([work, nextTurn()])
  assert.ok(first, 'it is remembered here all the same')
  assert.equal(first.records.length, 1)
}
