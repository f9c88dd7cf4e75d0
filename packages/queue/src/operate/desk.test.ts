import assert from 'node:assert/strict'
import { test } from 'node:test'
import { calls } from '@postroad/admin-api/zod'
import { at, makeMessage, memoryStore, octetsOf, sourceOf } from '../../../../test/contracts/queue/messages.ts'
import { DestinationRules } from '../rule/destination-rules.ts'
import { queueDesk } from './desk.ts'

const base = { generation: 1, workers: { asked: 1, answered: 1 } }
const signal = new AbortController().signal

/** Two messages for `a.test`, one of them held, and one for `b.test`. */
async function filled() {
  const store = memoryStore()
  const ids: string[] = []
  for (const destination of ['smtp:a.test', 'smtp:a.test', 'smtp:b.test']) {
    const message = makeMessage({ destination, recipients: [['x', destination.slice(5)]] })
    ids.push(message.id)
    await store.release(await store.add(message, sourceOf(octetsOf(message.size))), { kind: 'scheduled', at: at(60) })
  }
  await store.operate(ids[1] ?? '', { kind: 'hold', reason: 'test' }, at(0))
  const desk = queueDesk('queue', {
    rules: new DestinationRules({ lanes: [], life: 1, warnAfter: 0, retryByClass: {} }),
    reporter: { hostname: 'mx.test', returnLimit: 0, route: async () => ({ via: 'smtp' }) },
    plan: { maxRecipients: 100 },
    now: () => at(0),
    store: async () => store,
  })
  return { store, desk, ids }
}

test('destinations are counted, and what is answered is what the schema says', async () => {
  const { desk } = await filled()
  const answer = calls.sites.answer.parse({ ...base, ...(await desk.sites(signal)) })
  assert.deepEqual(
    answer.sites.map(({ site, messages, held, domains }) => [site, messages, held, domains]),
    [
      ['smtp:a.test', 2, 1, ['a.test']],
      ['smtp:b.test', 1, 0, ['b.test']],
    ],
  )
  assert.ok(answer.complete)
})

test('a list goes on where it ended', async () => {
  const { desk, ids } = await filled()
  const first = await desk.list({}, { limit: 2, signal })
  assert.deepEqual([first.items.map(({ id }) => id), first.next], [ids.slice(0, 2), ids[1]])
  const rest = await desk.list({}, { limit: 2, signal, after: first.next })
  assert.deepEqual([rest.items.map(({ id }) => id), rest.next], [ids.slice(2), undefined])
  calls.messages.answer.parse({ ...base, ...first })
  const one = calls.message.answer.parse({ ...base, ...(await desk.get(ids[1] ?? '')) })
  assert.deepEqual([one.deliveries[0]?.state, one.deliveries[0]?.text], ['held', 'test'])
  assert.equal(await desk.get('../../etc/passwd'), undefined)
})

test('what an order would do is what it does; nothing is done before', async () => {
  const { desk, ids, store } = await filled()
  const order = { action: 'release', filter: { site: 'smtp:a.test' } } as const
  const forecast = await desk.foresee(order, signal)
  assert.deepEqual(
    [forecast.messages, forecast.deliveries, forecast.leftAlone],
    [1, 1, [{ count: 1, because: 'not held' }]],
  )
  assert.equal((await store.get(ids[1] ?? ''))?.states[0]?.status.kind, 'held')
  let changed = 0
  for await (const step of desk.carryOut(order, signal)) changed += step.changed
  assert.equal(changed, forecast.deliveries)
  assert.equal((await store.get(ids[1] ?? ''))?.states[0]?.status.kind, 'scheduled')
})

test('an order to nobody in particular changes nothing', async () => {
  const { desk } = await filled()
  let looked = 0
  for await (const _ of desk.carryOut({ action: 'delete', filter: {} }, signal)) looked++
  assert.equal(looked, 0)
})
