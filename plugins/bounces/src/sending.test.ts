import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeAddress } from '@postroad/mail'
import { TokenKeys } from '@postroad/options'
import type { DeliveryContext, Store } from '@postroad/plugin'
import { fakeClock, memoryStore } from '@postroad/testing'
import { options as schema } from './options.ts'
import { Sending } from './sending.ts'
import { findSent } from './sent.ts'
import { BounceAddress } from './token.ts'

const clock = fakeClock()
const log = { debug() {}, info() {}, warn() {}, error() {} }
const given = { address: 'bounce@b.test', senders: ['news@shop.test'] }

const delivery = (more: Partial<DeliveryContext> = {}): DeliveryContext => ({
  id: 'Q1',
  envelope: { id: 'T1', from: makeAddress('news', 'shop.test'), parameters: {} },
  route: { via: 'smtp', host: 'mx.x.test', settings: { tls: 'required' } },
  recipients: [{ address: makeAddress('a', 'x.test'), parameters: {} }],
  attempt: 1,
  queuedAt: 0,
  signal: new AbortController().signal,
  log,
  now: clock.now,
  ...more,
})

async function on(
  use: (mark: (one?: Partial<DeliveryContext>) => Promise<string | undefined>, address: BounceAddress) => Promise<void>,
  { store = memoryStore(), every = 1 }: { readonly store?: Store; readonly every?: number } = {},
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-sending-'))
  const address = new BounceAddress(given.address)
  const keys = new TokenKeys(async () => join(folder, 'keys'))
  const options = schema.parse({ ...given, every })
  const sending = new Sending({ options, address, keys, store, log, isSender: ({ local }) => local === 'news' })
  try {
    await use(async (one) => {
      const opinion = await sending.mark(delivery(one), clock.now())
      if (opinion === undefined) return undefined
      assert.ok(opinion.kind === 'reroute')
      const { reversePath, ...settings } = opinion.route.settings ?? {}
      assert.deepEqual({ ...opinion.route, settings }, delivery(one).route)
      return String(reversePath)
    }, address)
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('mail of a sender goes the same way with an address of its own, which the store knows', async () => {
  const store = memoryStore()
  await on(
    async (mark, address) => {
      const marked = (await mark()) ?? assert.fail()
      const serial = address.serialOf(makeAddress(marked.split('@')[0] ?? '', 'b.test'))
      assert.deepEqual(await findSent(store, serial), {
        transaction: 'T1',
        from: 'news@shop.test',
        recipients: ['a@x.test'],
      })
    },
    { store },
  )
})

test('other senders, notifications, other transports, and mail of an alias keep their reverse-path', () =>
  on(async (mark) => {
    const from = (local: string) => ({ envelope: { id: 'T1', from: makeAddress(local, 'shop.test'), parameters: {} } })
    assert.equal(await mark(from('ann')), undefined)
    assert.equal(await mark({ envelope: { id: 'T1', from: undefined, parameters: {} } }), undefined)
    assert.equal(await mark({ route: { via: 'lmtp' } }), undefined)
    assert.equal(await mark({ route: { via: 'smtp', settings: { reversePath: 'srs@shop.test' } } }), undefined)
  }))

test('of many messages every so manyth is marked, the same ones at each attempt', () =>
  on(
    async (mark) => {
      const marked = await Promise.all(Array.from({ length: 400 }, (_, at) => mark({ id: `Q${at}` })))
      const again = await Promise.all(Array.from({ length: 400 }, (_, at) => mark({ id: `Q${at}`, attempt: 2 })))
      const count = marked.filter((one) => one !== undefined).length
      assert.ok(count > 60 && count < 140, `${count} of 400`)
      assert.deepEqual(again, marked)
    },
    { every: 4 },
  ))

test('when the store is away mail is marked and sent all the same', () =>
  on(async (mark) => assert.match((await mark()) ?? '', /^bounce\+/), {
    store: { ...memoryStore(), set: () => Promise.reject(new Error('away')) },
  }))
