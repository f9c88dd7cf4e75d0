import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Asker, createDns, DnsMemo, zoneDns } from './index.ts'

const dns = zoneDns({
  'short.example': { TXT: ['one'], ttl: 60 },
  'long.example': { TXT: ['two'], A: ['192.0.2.1'], ttl: 600 },
  'down.example': 'SERVFAIL',
})

/** Learns by asking for the TXT records of some names, denials included. */
function learner(asked: Asker, memo = new DnsMemo<number>()) {
  let drawn = 0
  const ask = (witness: Asker, name: string) => witness.txt(name).catch(() => undefined)
  return {
    memo,
    learn: async (key: string, names: readonly string[], now: number) =>
      memo.get(key, now) ??
      (await memo.learn(key, {
        dns: asked,
        now,
        draw: async (witness) => {
          await Promise.all(names.map((name) => ask(witness, name)))
          return ++drawn
        },
      })),
  }
}

test('a conclusion is kept as long as the answer that expires first', async () => {
  const { learn } = learner(dns)
  assert.equal(await learn('a', ['short.example', 'long.example'], 1_000), 1)
  assert.equal(await learn('a', ['short.example', 'long.example'], 60_999), 1)
  assert.equal(await learn('a', ['short.example', 'long.example'], 61_000), 2)
})

test('a conclusion from a denial is kept as long as the denial', async () => {
  const now = Date.now()
  const { learn } = learner(dns)
  assert.equal(await learn('a', ['no.example'], now), 1)
  assert.equal(await learn('a', ['no.example'], now + 299_000), 1)
  assert.equal(await learn('a', ['no.example'], now + 310_000), 2)
})

test('nothing is kept of a failure, nor of what was not asked of DNS', async () => {
  const { learn } = learner(dns)
  for (const [index, names] of [['down.example', 'long.example'], ['down.example', 'long.example'], [], []].entries()) {
    assert.equal(await learn(`${names}`, names, 1_000), index + 1)
  }
})

test('nothing is kept of an answer that came too late, though the resolver goes on', async () => {
  const slow = zoneDns({ 'slow.example': { TXT: ['three'], delay: 20 } })
  const memo = new DnsMemo<string>()
  const draw = (witness: Asker) => witness.txt('slow.example', AbortSignal.timeout(1)).then(String, () => 'late')
  assert.equal(await memo.learn('a', { dns: slow, now: 1_000, draw }), 'late')
  assert.equal(memo.get('a', 1_000), undefined)
})

test('what does not hold for everybody is not kept, and the texts it rests on are shown', async () => {
  const memo = new DnsMemo<string>()
  const seen: (readonly string[])[] = []
  const draw = async (witness: Asker) => (await witness.txt('short.example')).records.join()
  const isCommon = (_: string, texts: readonly string[]) => {
    seen.push(texts)
    return false
  }
  await memo.learn('a', { dns, now: 1_000, draw, isCommon })
  assert.equal(memo.get('a', 1_000), undefined)
  assert.deepEqual(seen, [['one']])
})

test('the least recently used conclusion goes first', async () => {
  const { learn, memo } = learner(dns, new DnsMemo<number>(2))
  for (const key of ['a', 'b']) await learn(key, ['long.example'], 1_000)
  memo.get('a', 1_000)
  await learn('c', ['long.example'], 1_000)
  assert.deepEqual(
    ['a', 'b', 'c'].map((key) => memo.get(key, 1_000) !== undefined),
    [true, false, true],
  )
})

test('a resolver that is not of this package is asked each time', async () => {
  const foreign = { txt: async () => ({ records: ['x'], secure: false, ttl: 600 }) }
  const memo = new DnsMemo<string>()
  const learn = () =>
    memo.learn('a', { dns: foreign, now: 1_000, draw: async (asked) => (await asked.txt()).records.join() })
  assert.equal(await learn(), 'x')
  assert.equal(memo.get('a', 1_000), undefined)
})

test('a resolver says how long a denial may be kept, and nothing of the kind about a failure', async () => {
  const sleep = (_: number, signal?: AbortSignal) =>
    new Promise<void>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
  const clock = { now: () => 5_000, sleep }
  const replies = { 'no.example': 'NXDOMAIN', 'down.example': 'SERVFAIL' } as const
  const resolver = createDns({
    servers: ['192.0.2.53'],
    clock,
    exchange: async (_, query) => ({
      code: replies[query.name as keyof typeof replies],
      truncated: false,
      secure: false,
      records: [],
      ttl: 900,
      alias: false,
      canonical: query.name,
    }),
  })
  await assert.rejects(resolver.txt('no.example'), { code: 'NXDOMAIN', expires: 905_000 })
  await assert.rejects(resolver.txt('down.example'), { code: 'SERVFAIL', expires: undefined })
})
