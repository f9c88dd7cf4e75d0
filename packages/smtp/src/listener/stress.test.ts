/** Stress begins while it is measured, and has to end so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { start } from '../fixture.test.ts'
import { Stress } from './stress.ts'

/** Looked at every ten milliseconds, and only the number of connections matters. */
const QUICK = { connections: 2, handshakeTimeoutMs: 40 }
const STRESS = { connections: 1, loopDelayMs: 1e9, memory: 1e9 }

test('stress that began with many connections is over when they are gone, for the next one too', {
  timeout: 20_000,
}, async () => {
  await using fixture = await start({ limits: QUICK, stress: STRESS })
  for (let round = 0; round < 2; round++) {
    const clients = [await fixture.client(), await fixture.client()]
    for (const client of clients) await client.reply()
    const wires = fixture.records.slice(-2)
    while (!wires[0]?.wire.stress) await sleep(10)
    for (const client of clients) client.destroy()
    for (const { closed } of wires) await closed
    // Nobody is connected, and it is looked at all the same; timers that are due earlier run earlier.
    await sleep(300)
    const next = await fixture.client()
    await next.reply()
    assert.equal(fixture.records.at(-1)?.wire.stress, false)
    next.destroy()
    await fixture.records.at(-1)?.closed
  }
})

test('stress ends between short connections, none of which lasts until it is looked at', {
  timeout: 20_000,
}, async () => {
  await using fixture = await start({ limits: { connections: 2, handshakeTimeoutMs: 400 }, stress: STRESS })
  const clients = [await fixture.client(), await fixture.client()]
  for (const client of clients) await client.reply()
  while (!fixture.records[0]?.wire.stress) await sleep(10)
  for (const client of clients) client.destroy()
  for (const { closed } of fixture.records) await closed
  for (let i = 0; i < 100; i++) {
    const client = await fixture.client()
    await client.reply()
    client.destroy()
    await fixture.records.at(-1)?.closed
    if (!fixture.records.at(-1)?.wire.stress) return
    await sleep(20)
  }
  assert.fail('it never ends')
})

test('a server that is closed under stress is closed', { timeout: 20_000 }, async () => {
  const fixture = await start({ limits: QUICK, stress: STRESS })
  const clients = [await fixture.client(), await fixture.client()]
  for (const client of clients) await client.reply()
  while (!fixture.records[0]?.wire.stress) await sleep(10)
  await fixture[Symbol.asyncDispose]()
  assert.equal(fixture.listener.connections, 0)
})

test('where the memory cannot be measured, with no descriptors left, it is what it was', (context) => {
  const stress = new Stress({ connections: 1, loopDelayMs: 1e9, memory: 1e9 })
  context.mock.method(process.memoryUsage, 'rss', () => {
    throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })
  })
  stress.update({ connections: 2, loopDelayMs: 0 })
  assert.equal(stress.isOn, true)
  stress.update({ connections: 0, loopDelayMs: 0 })
  assert.equal(stress.isOn, false)
})
