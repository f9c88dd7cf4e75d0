/** What the policy plugins know survives a restart, with the embedded services on disk. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { greylist } from '@postroad/greylist'
import {
  type CommandIo,
  definePlugin,
  Limiter,
  type Service,
  Spool,
  Store,
  quarantine as setAside,
} from '@postroad/plugin'
import { quarantine } from '@postroad/quarantine'
import { rateLimit } from '@postroad/rate-limit'
import { createTestServer, fakeClock, sessionOn, type TestServer } from '@postroad/testing'
import { embeddedLimiter, embeddedSpool, embeddedStore } from '../contracts/services.ts'

const clock = fakeClock()
const strict = definePlugin({
  name: 'strict',
  hooks: { message: ({ message }) => (message.headers.has('x-bad') ? setAside('bad') : undefined) },
})

/** A server on that folder, for as long as `body` runs. */
async function running(folder: string, body: (server: TestServer) => Promise<void>): Promise<void> {
  const [store, limiter, spool] = [
    embeddedStore(join(folder, 'store'), clock),
    embeddedLimiter(join(folder, 'limiter'), clock),
    embeddedSpool(join(folder, 'spool')),
  ]
  const services: (readonly [Service<unknown>, unknown])[] = [
    [Store, store],
    [Limiter, limiter],
    [Spool, spool],
  ]
  const limits = rateLimit({ limits: [{ of: 'messages', by: 'from', limit: '2/d' }] })
  const server = await createTestServer([strict(), greylist({ spared: ['hurry@'] }), limits, quarantine()], {
    clock,
    services,
  })
  try {
    await body(server)
  } finally {
    await server.close()
    await Promise.all([store.close(), limiter.close(), spool.close()])
  }
}

test('greylisting, limits and the quarantine go on where they were', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  await running(folder, async (server) => {
    await sessionOn(server).mail('a@b.test').rcpt('x@mx.test').expectRefusal('4.7.1')
    for (const _ of [1, 2]) await sessionOn(server).mail('c@d.test').rcpt('hurry@mx.test').data().expectAccepted()
    await sessionOn(server)
      .mail('e@f.test')
      .rcpt('hurry@mx.test')
      .data({ 'X-Bad': '1', Subject: 'kept' })
      .expectAccepted()
  })
  await clock.advance(300_000)
  await running(folder, async (server) => {
    await sessionOn(server).mail('a@b.test').rcpt('x@mx.test').expectAccepted()
    await sessionOn(server).mail('c@d.test').rcpt('hurry@mx.test').data().expectRefusal('4.7.28')
    const rows: Record<string, unknown>[] = []
    const io: CommandIo = {
      json: true,
      row: (fields) => rows.push(fields),
      print: () => undefined,
      signal: new AbortController().signal,
    }
    await server.server.commands.get('quarantine')?.['list']?.run([], io)
    assert.deepEqual(
      rows.map((row) => row['subject']),
      ['kept'],
    )
  })
  await rm(folder, { recursive: true })
})
