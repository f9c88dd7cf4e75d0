import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { zoneDns } from '@postroad/dns'
import { Dns, definePlugin } from '@postroad/plugin'
import { createSink, createTestServer, sessionOn } from '@postroad/testing'
import { queue } from './queue.ts'

const ZONE = {
  'one.test': { MX: [[10, 'one-test.mail.provider.test'], [20, 'elsewhere.test']] }, // biome-ignore format: a table
  'two.test': { MX: [[10, 'two-test.mail.provider.test']] },
  'three.test': { MX: [[10, 'mx.own.test']] },
  'one-test.mail.provider.test': { A: ['127.0.0.1'] },
  'two-test.mail.provider.test': { A: ['127.0.0.1'] },
  'mx.own.test': { A: ['127.0.0.1'] },
} as const

const routes = definePlugin({ name: 'test-route', hooks: { route: () => ({ via: 'smtp' }) } })

/** A next hop that holds every message until it is let go, and knows how many it has at once. */
async function startHop() {
  const held: (() => void)[] = []
  let most = 0
  const sink = await createSink({
    async script({ verb }) {
      if (verb !== 'DOT') return undefined
      const wait = new Promise<void>((resolve) => void held.push(resolve))
      most = Math.max(most, held.length)
      await wait
      return undefined
    },
  })
  const open = (): void => held.shift()?.()
  return { sink, open, held: () => held.length, most: () => most }
}

test('domains whose mail goes to one provider have its limit together, and others are not held up', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-queue-'))
  const hop = await startHop()
  const plugin = queue({
    folder,
    minFree: 0,
    smtp: { port: hop.sink.port },
    lanes: [{ mx: '*.mail.provider.test', concurrency: 2 }],
  })
  const server = await createTestServer([routes(), plugin], { services: [[Dns, zoneDns(ZONE)]] })
  const until = async (holds: () => boolean): Promise<void> => {
    for (let turn = 0; !holds(); turn++) {
      assert.ok(turn < 500, 'it never came true')
      await server.clock.advance(20)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
  try {
    const send = (domain: string) =>
      sessionOn(server).mail('s@client.test').rcpt(`a@${domain}`).data('Subject: x\n\nHi\n').expectCode(250)
    for (let count = 0; count < 4; count++) for (const domain of ['one.test', 'two.test']) await send(domain)
    await until(() => hop.held() === 2)
    await send('three.test')
    await until(() => hop.held() === 3)
    assert.equal(hop.sink.open, 3, 'connections')
    for (let left = 9; left > 0; left--) {
      await until(() => hop.held() > 0)
      assert.ok(hop.held() <= 3)
      hop.open()
    }
    await until(() => hop.sink.transactions.length === 9 && hop.held() === 0)
    assert.deepEqual([hop.most(), hop.sink.connections <= 5], [3, true])
  } finally {
    // First: an answer that is held back would be waited for.
    await hop.sink.close()
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
})
