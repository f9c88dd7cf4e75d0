/** The list of suppressed recipients over both stores, as two processes have it: on a real Redis, and on the embedded one. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Store, Suppression } from '@postroad/plugin'
import { redisStore } from '../../plugins/redis/src/store.ts'
import { SuppressionList } from '../../plugins/suppression/src/list.ts'
import { options as schema } from '../../plugins/suppression/src/options.ts'
import { embedded } from '../contracts/embedded.ts'
import { embeddedStore } from '../contracts/services.ts'
import { requires } from '../runner/requires.ts'
import { fixture } from './fixture.ts'
import { type RedisServer, startRedis } from './redis.ts'

const skip = requires('redis-server')

let server: RedisServer | undefined
before(async () => {
  if (skip === false) server = await startRedis()
})
after(() => server?.[Symbol.asyncDispose]())

const listOn = (store: Store) =>
  new SuppressionList({ options: schema.parse({ tenant: 'domain', mailbox: { days: 2 } }), store, clock: Date })

async function entriesOf(list: SuppressionList, tenant?: string): Promise<string[]> {
  const entries: Suppression[] = []
  for await (const entry of list.list(tenant)) entries.push(entry)
  return entries.map(({ address, tenant: own, reason }) => `${own || '*'} ${address} ${reason}`)
}

for (const [name, make] of [
  ['embedded', embedded(embeddedStore)],
  ['redis', fixture(() => ({ url: server?.url }), redisStore)],
] as const)
  test(`${name}: what one process has learned the other knows, for each tenant, foreign text and all`, {
    skip: name === 'redis' && skip,
  }, async () => {
    const { open, close } = await make()
    try {
      const [one, other] = [listOn(open()), listOn(open())]
      await one.add({ address: 'A@x.test', tenant: 'shop.test', reason: 'address', detail: '550 5.1.1 gone' })
      await one.add({ address: 'пошта*?{a}@x.test', tenant: '', reason: 'manual' })
      await one.add({ address: '"a:b"@x.test', tenant: 'shop.test.org', reason: 'complaint' })
      assert.equal((await other.find('a@X.test', 'news@shop.test'))?.detail, '550 5.1.1 gone')
      assert.equal(await other.find('a@x.test', 'news@shop.test.org'), undefined)
      assert.equal((await other.find('ПОШТА*?{A}@x.test', 'news@shop.test'))?.reason, 'manual')
      // A graver reason stays, a lighter one is replaced; of many at once one is there.
      await Promise.all(Array.from({ length: 20 }, (_, at) => (at % 2 ? one : other).add({ address: 'a@x.test', tenant: 'shop.test', reason: 'complaint' }))) // biome-ignore format: short
      await other.add({ address: 'a@x.test', tenant: 'shop.test', reason: 'mailbox' })
      assert.deepEqual(await entriesOf(one, 'shop.test'), ['shop.test a@x.test complaint'])
      assert.deepEqual((await entriesOf(other)).sort(), [
        '* пошта*?{a}@x.test manual',
        'shop.test a@x.test complaint',
        'shop.test.org "a:b"@x.test complaint',
      ])
      assert.equal(await other.remove('A@x.test', 'shop.test'), true)
      assert.equal(await one.find('a@x.test', 'news@shop.test'), undefined)
    } finally {
      await close()
    }
  })
