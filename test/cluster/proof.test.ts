/** Nothing that was acknowledged is lost, whatever is killed; and no destination gets more than it may, of all nodes together. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { requires } from '../runner/requires.ts'
import type { Node } from './nodes.ts'
import { describe, type Proof, prove } from './proof.ts'
import { DURABLE, type RedisServer, startRedis } from './redis.ts'

const skip = requires('redis-server')

/** `POSTROAD_CLUSTER=long`: as many messages and as long outages as the release is judged by. */
const isLong = process.env['POSTROAD_CLUSTER'] === 'long'
const MESSAGES = isLong ? 20_000 : 1_000
const ROLE_MESSAGES = isLong ? 5_000 : 400
const DOMAINS = isLong ? 200 : 40
const FREEZE_MS = isLong ? 30_000 : 2_500
const DRAIN_MS = isLong ? 300_000 : 60_000

test('nodes and Redis are killed and stopped: nothing acknowledged is lost, limits hold between nodes', {
  skip,
}, async (t) => {
  await using redis = await startRedis(DURABLE)
  const proof = await prove({
    messages: MESSAGES,
    domains: DOMAINS,
    redis: { url: redis.url },
    concurrency: 3,
    drainMs: DRAIN_MS,
    chaos: async (nodes, signal) => {
      await Promise.all([killNodes(nodes, signal), hurtRedis(redis, signal)])
    },
  })
  check(t, proof, MESSAGES)
  assert.ok(proof.peak <= 3, `${proof.peak} transactions of one domain at once`)
})

test('roles apart, restarted in turn: nothing is lost, nothing is refused', { skip }, async (t) => {
  await using redis = await startRedis(DURABLE)
  const proof = await prove({
    messages: ROLE_MESSAGES,
    domains: DOMAINS,
    // Nothing is out of order here: a machine that is busy must not look like it.
    redis: { url: redis.url, deadline: 10_000 },
    roles: ['smtp', 'smtp', 'delivery', 'delivery'],
    concurrency: 3,
    drainMs: DRAIN_MS,
    chaos: async (nodes) => {
      for (const node of nodes) {
        await sleep(200)
        await node.stop()
        await node.start()
      }
    },
  })
  check(t, proof, ROLE_MESSAGES)
  assert.deepEqual(
    [...proof.sent.refusals.keys()].filter((reply) => !reply.startsWith('421')),
    [],
  )
})

test('content in a shared folder, nodes and Redis killed: nothing acknowledged is lost, and no file stays behind', {
  skip,
}, async (t) => {
  const bodyFolder = await mkdtemp(join(tmpdir(), 'pr-bodies-'))
  t.after(() => rm(bodyFolder, { recursive: true, force: true }))
  await using redis = await startRedis(DURABLE)
  const proof = await prove({
    messages: ROLE_MESSAGES,
    domains: DOMAINS,
    redis: { url: redis.url },
    bodyFolder,
    concurrency: 3,
    drainMs: DRAIN_MS,
    chaos: async (nodes, signal) => {
      await Promise.all([killNodes(nodes, signal), hurtRedis(redis, signal)])
    },
  })
  check(t, proof, ROLE_MESSAGES)
  assert.deepEqual(
    (await readdir(bodyFolder, { recursive: true })).filter((path) => path.split('/').length === 3),
    [],
  )
})

function check(t: TestContext, proof: Proof, messages: number): void {
  for (const line of describe(proof).split('\n')) t.diagnostic(line)
  assert.equal(proof.sent.acknowledged.size, messages, 'all of it was taken in the end')
  assert.deepEqual(proof.lost, [])
  assert.equal(proof.left, 0, 'messages still in the queue')
}

async function killNodes(nodes: readonly Node[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(1_500, undefined, { signal }).catch(() => {})
    const victim = nodes[Math.floor(Math.random() * nodes.length)]
    if (signal.aborted || !victim) return
    await victim.kill()
    await victim.start()
  }
}

async function hurtRedis(redis: RedisServer, signal: AbortSignal): Promise<void> {
  await sleep(1_000)
  await redis.kill()
  await sleep(500)
  await redis.start()
  await sleep(1_500, undefined, { signal }).catch(() => {})
  redis.freeze()
  await sleep(FREEZE_MS)
  redis.thaw()
}
