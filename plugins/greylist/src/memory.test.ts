import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAddress } from '@postroad/mail'
import type { Store } from '@postroad/plugin'
import { memoryStore } from '@postroad/testing'
import { Greylist } from './memory.ts'
import { options } from './options.ts'

const to = makeAddress('bob', 'example.com')
const from = makeAddress('ann', 'sender.example')
const MINUTE = 60_000
const { signal } = new AbortController()

/** A greylist of two minutes on a store of which some methods are others. */
function greylist(changed: (real: Store) => Partial<Store>) {
  const warnings: string[] = []
  const real = memoryStore()
  const store: Store = Object.assign(Object.create(real), changed(real))
  const log = { warn: (_: object, text: string) => void warnings.push(text) }
  const memory = new Greylist(store, options.parse({ delay: 2 * MINUTE }), log)
  const wait = (network: string, now: number) => memory.wait({ network, from, to }, now, signal)
  return { memory, warnings, wait }
}

test('who attempts first does not wait until it is written down, and the plugin closes when it is', async () => {
  const writes: (() => void)[] = []
  const { memory, wait } = greylist((real) => ({
    setIfAbsent: (...args) => new Promise((resolve) => writes.push(() => resolve(real.setIfAbsent(...args)))),
  }))
  assert.equal(await wait('192.0.2.0/24', 0), 2 * MINUTE)
  let isSettled = false
  const settled = memory.settled().then(() => (isSettled = true))
  await new Promise(setImmediate)
  assert.equal(isSettled, false)
  for (const write of writes) write()
  await settled
  assert.equal(await wait('192.0.2.0/24', MINUTE), MINUTE, 'counted from the first')
  assert.equal(await wait('192.0.2.0/24', 2 * MINUTE), 0)
})

test('after an attempt that could not be written down the next one hears of it, until one can be', async () => {
  let isFull = true
  const { warnings, wait } = greylist((real) => ({
    setIfAbsent: (...args) => (isFull ? Promise.reject(new Error('disk full')) : real.setIfAbsent(...args)),
  }))
  assert.equal(await wait('192.0.2.0/24', 0), 2 * MINUTE)
  await new Promise(setImmediate)
  assert.deepEqual(warnings, ['a first attempt could not be written down'])
  await assert.rejects(wait('198.51.100.0/24', 0), /disk full/)
  isFull = false
  assert.equal(await wait('198.51.100.0/24', 0), 2 * MINUTE)
  assert.equal(await wait('203.0.113.0/24', 0), 2 * MINUTE)
  assert.equal(warnings.length, 1)
})
