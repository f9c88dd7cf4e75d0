import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryStore } from '@postroad/testing'
import type { StsFetched, StsPolicy } from '@postroad/tls-policy'
import { PolicyCache, type PolicySource } from './policy-cache.ts'

const DAY = 86_400_000
const policy: StsPolicy = { mode: 'enforce', mx: ['mx.example.com'], maxAge: 7 * 86_400 }
const FAILED: StsFetched = { failure: 'sts-policy-fetch-error', reason: 'no answer' }

interface World {
  now: number
  texts: readonly string[] | undefined
  fetched: StsFetched
  readonly asked: string[]
}

/** A domain that publishes what the test says, and a cache that looks at it. */
function world(store = memoryStore()) {
  const state: World = { now: 1_000_000, texts: ['v=STSv1; id=1'], fetched: { policy }, asked: [] }
  const source: PolicySource = {
    async record() {
      state.asked.push('record')
      if (state.texts === undefined) throw Object.assign(new Error('silent'), { code: 'TIMEOUT' })
      return { texts: state.texts, ttl: 3_600 }
    },
    async fetch() {
      state.asked.push('policy')
      return state.fetched
    },
  }
  const open = () => new PolicyCache(source, { store, now: () => state.now, random: () => 1 })
  return { state, open, cache: open() }
}

test('what is known is known without a question, until the TTL of the record has passed', async () => {
  const { state, cache } = world()
  assert.equal(cache.fresh('example.com'), undefined)
  await cache.look('example.com')
  assert.deepEqual(state.asked, ['record', 'policy'])
  assert.equal(cache.fresh('example.com')?.kept?.policy.mode, 'enforce')
  state.now += 3_599_000
  assert.ok(cache.fresh('example.com'))
  state.now += 1_000
  assert.equal(cache.fresh('example.com'), undefined)
  await cache.look('example.com')
  assert.deepEqual(state.asked, ['record', 'policy', 'record'], 'the id is the same')
})

test('RFC 8461 §3.1: another id means another policy', async () => {
  const { state, cache } = world()
  await cache.look('example.com')
  state.now += DAY
  state.texts = ['v=STSv1; id=2']
  state.fetched = { policy: { ...policy, mode: 'none' } }
  assert.equal((await cache.look('example.com')).kept?.policy.mode, 'none')
})

test('RFC 8461 §5.1: a policy outlives DNS that does not answer, a web server that is gone and a record that was taken away, until its time is up', async () => {
  for (const spoil of [
    (state: World) => void (state.texts = undefined),
    (state: World) => void Object.assign(state, { texts: ['v=STSv1; id=2'], fetched: FAILED }),
    (state: World) => void (state.texts = []),
  ]) {
    const { state, cache } = world()
    await cache.look('example.com')
    spoil(state)
    state.now += 6 * DAY
    assert.equal((await cache.look('example.com')).kept?.policy.mode, 'enforce')
    state.now += DAY
    assert.equal((await cache.look('example.com')).kept, undefined)
  }
})

test('a policy survives a restart, and whoever shares the store need not fetch it', async () => {
  const { state, cache, open } = world()
  await cache.look('example.com')
  state.fetched = FAILED
  const known = await open().look('example.com')
  assert.deepEqual([known.kept?.policy, state.asked], [policy, ['record', 'policy', 'record']])
})

test('RFC 8461 §10.2: a policy whose id stays is fetched anew in the second half of its life, once a day at most', async () => {
  const { state, cache } = world()
  const fetches = () => state.asked.filter((one) => one === 'policy').length
  await cache.look('example.com')
  for (let day = 1; day <= 3; day++) {
    state.now += DAY
    await cache.look('example.com')
  }
  assert.equal(fetches(), 1)
  state.now += DAY
  await cache.look('example.com')
  assert.equal(fetches(), 2)
  await cache.look('example.com')
  assert.equal(fetches(), 2)
})

test('RFC 8461 §3.3: what could not be had is not asked for again for five minutes', async () => {
  const { state, cache } = world()
  state.fetched = FAILED
  const { kept, trouble } = await cache.look('example.com')
  assert.deepEqual([kept, trouble], [undefined, FAILED])
  state.now += 299_000
  assert.ok(cache.fresh('example.com'))
  state.now += 1_000
  assert.equal(cache.fresh('example.com'), undefined)
})

test('all who ask at the same time wait for one answer', async () => {
  const { state, cache } = world()
  await Promise.all([cache.look('example.com'), cache.look('example.com'), cache.look('example.com')])
  assert.deepEqual(state.asked, ['record', 'policy'])
})

test('a store that is away, or has nonsense, changes nothing', async () => {
  const away = {
    ...memoryStore(),
    get: () => Promise.reject(new Error('away')),
    set: () => Promise.reject(new Error('away')),
  }
  assert.ok((await world(away).cache.look('example.com')).kept)
  const odd = { ...memoryStore(), get: async () => '{"id":1}' }
  assert.ok((await world(odd).cache.look('example.com')).kept)
})
