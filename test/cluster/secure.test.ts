/** TLS, ACL users and passwords on one server, behind Sentinel and on a Cluster: services and queue work with the rights that are documented, and no others. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { limiterContract } from '../../packages/testing/src/contract/limiter.ts'
import { lockContract } from '../../packages/testing/src/contract/lock.ts'
import { queueContract } from '../../packages/testing/src/contract/queue.ts'
import { octetsOf, sourceOf } from '../../packages/testing/src/contract/queue-fixture.ts'
import { storeContract } from '../../packages/testing/src/contract/store.ts'
import { redisLimiter } from '../../plugins/redis/src/limiter.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import { redisLock } from '../../plugins/redis/src/lock.ts'
import { redisStore } from '../../plugins/redis/src/store.ts'
import { inspect } from '../../plugins/redis-queue/src/durability.ts'
import { requires } from '../runner/requires.ts'
import { makeCertificate, type TestCertificate } from './certificate.ts'
import { fixture } from './fixture.ts'
import { linkOptions, silent } from './link.ts'
import { openQueue } from './queue.ts'
import { fresh, startNode } from './queue-node.ts'
import {
  RULES,
  SENTINEL_RULES,
  type SecureRedis,
  startSecure,
  startSecureCluster,
  startSecureSentinel,
} from './secure.ts'

const skip = requires('redis-server', 'openssl')
const isLong = process.env['POSTROAD_CLUSTER'] === 'long'

let certificate: TestCertificate | undefined

const SHAPES = [
  ['one server with TLS and an ACL', startSecure],
  ['Sentinel with TLS and passwords', startSecureSentinel],
  ['a Cluster with TLS and an ACL', startSecureCluster],
] as const

if (skip === false) {
  certificate = makeCertificate()
  after(() => certificate?.[Symbol.dispose]())
  for (const [name, start] of SHAPES) contracts(name, start)
}

function contracts(name: string, start: (certificate: TestCertificate) => Promise<SecureRedis>): void {
  let redis: SecureRedis | undefined
  const options = (): object => redis?.options ?? {}
  before(async () => {
    redis = certificate && (await start(certificate))
  })
  after(() => redis?.[Symbol.asyncDispose]())
  storeContract(name, fixture(options, redisStore))
  lockContract(name, fixture(options, redisLock))
  if (isLong) limiterContract(name, fixture(options, redisLimiter))
  queueContract({ name, open: () => openQueue(options()), rounds: 5 })
  test(`${name}: deferred mail comes back by wake-up, with BullMQ as the same user`, async () => {
    let attempts = 0
    const { node, store, close } = await startNode(options(), 'only', {
      deliver: () => (++attempts === 1 ? 'deferred' : 'delivered'),
    })
    const message = fresh()
    await node.accept(message, sourceOf(octetsOf(message.size)))
    // Found by its time it would come ten seconds late.
    for (let turn = 0; turn < 160 && (await store.getFinished(message.id)) === undefined; turn++) await sleep(50)
    assert.equal(attempts, 2)
    await close()
  })
  test(`${name}: the settings can be read, and what is not ours cannot`, async () => {
    const link = new Link(linkOptions(options()), silent)
    assert.deepEqual((await inspect(link, 0)).dangers, [])
    assert.equal((await redisLimiter(link).take(randomUUID(), { amount: 1, perMs: 1_000 })).ok, true)
    for (const [command, ...args] of [
      ['get', 'another:key'],
      ['flushall'],
      ['config', 'set', 'appendonly', 'no'],
      ['keys', '*'],
      ['publish', 'a', 'b'],
    ] as const)
      await assert.rejects(link.send(command, args), /NOPERM/, command)
    await link.close()
  })
}

test('a certificate nobody vouches for, a wrong password and plain text are refused, and said so by their commands', {
  skip,
}, async () => {
  assert.ok(certificate)
  await using redis = await startSecure(certificate)
  const { ca } = certificate
  const good = redis.options
  const url = 'url' in good ? String(good.url) : ''
  for (const wrong of [
    { tls: true },
    { tls: { ca, servername: 'other.test' } },
    { password: 'wrong' },
    { url: url.replace('rediss', 'redis'), tls: false },
  ]) {
    const link = new Link(linkOptions({ ...good, ...wrong, deadline: 400 }), silent)
    await assert.rejects(redisStore(link).get('a'), JSON.stringify(Object.keys(wrong)))
    await link.close()
  }
  const link = new Link(linkOptions({ ...good, tls: { ca, servername: 'redis.test' } }), silent)
  assert.equal(await redisStore(link).get('a'), undefined)
  await link.close()
})

test('the rules that are tried here are the ones in the manual', () => {
  const manual = readFileSync(join(import.meta.dirname, '../../plugins/redis/README.md'), 'utf8')
  assert.ok(manual.includes(`user postroad on >PASSWORD ${RULES}`))
  assert.ok(manual.includes(`user postroad on >PASSWORD ${SENTINEL_RULES}`))
})
