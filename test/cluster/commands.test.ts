/** What an operator does to the queue in Redis, from a process that serves no mail. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CommandIo } from '@postroad/plugin'
import { at, makeMessage, octetsOf, sourceOf } from '../../packages/queue/src/contract-fixture.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import { queueCommands } from '../../plugins/redis-queue/src/commands.ts'
import { RedisStore } from '../../plugins/redis-queue/src/store/redis-store.ts'
import { requires } from '../runner/requires.ts'
import { linkOptions, silent } from './link.ts'
import { startRedis } from './redis.ts'

const skip = requires('redis-server')

test('list, show, hold, release, retry, bounce, delete, suspend and resume do what they say', { skip }, async (t) => {
  await using redis = await startRedis()
  const link = new Link(linkOptions({ url: redis.url }), silent)
  t.after(() => link.close())
  const store = new RedisStore({ link, name: 'mail' })
  const [first, second] = [makeMessage(), makeMessage({ recipients: [['x', 'other.example']] })]
  for (const message of [first, second])
    await store.release(await store.add(message, sourceOf(octetsOf(message.size))), { kind: 'scheduled', at: at(60) })

  const reporter = { hostname: 'mx.test', returnLimit: 1_000, route: async () => ({ via: 'smtp' }) }
  const commands = queueCommands(() => {
    const own = new RedisStore({ link, name: 'mail' })
    return { store: own, reporter, now: () => at(10), close: () => own.close() }
  })
  const run = async (name: string, ...args: string[]) => {
    const rows: Record<string, unknown>[] = []
    const printed: string[] = []
    const io: CommandIo = { json: false, row: (row) => void rows.push(row), print: (line) => void printed.push(line), signal: t.signal }
    const code = (await commands[name]?.run(args, io)) ?? 0
    return { rows, printed: printed.join('\n'), code }
  }
  const place = async (id: string) => (await store.get(id))?.states[0]?.place

  assert.deepEqual(
    (await run('list')).rows.map(({ id }) => id),
    [first.id, second.id],
  )
  assert.deepEqual(
    (await run('list', '--domain', 'other.example')).rows.map(({ id }) => id),
    [second.id],
  )
  assert.match((await run('show', first.id)).printed, /rcpt@example\.com/)
  assert.equal((await run('hold')).code, 2, 'nothing named is a mistake, not everything')
  assert.equal((await run('hold', first.id)).code, 0)
  assert.equal((await place(first.id))?.kind, 'held')
  assert.equal((await run('release', '--state', 'held')).rows.length, 1)
  assert.deepEqual(await place(first.id), { kind: 'scheduled', at: at(10) })
  assert.equal((await run('retry', second.id)).code, 0)
  assert.deepEqual(await place(second.id), { kind: 'scheduled', at: at(10) })

  assert.deepEqual(
    (await run('bounce', first.id)).rows.map(({ done }) => done),
    ['bounced'],
  )
  assert.equal((await store.getFinished(first.id))?.recipients[0]?.state.fate, 'cancelled')
  const [, notification] = (await run('list')).rows
  assert.deepEqual([notification?.['from'], notification?.['to'], notification?.['state']], ['<>', 'sender@example.org', 'scheduled'])

  assert.equal((await run('delete', '--all')).rows.length, 2)
  assert.equal((await store.stats()).messages, 0)
  assert.equal((await run('delete', '--all')).code, 1)
  await run('suspend', 'Example.com', 'they', 'asked')
  assert.deepEqual(
    (await run('suspend')).rows.map(({ target, reason }) => [target, reason]),
    [['example.com', 'they asked']],
  )
  assert.deepEqual([(await run('resume', 'example.com')).code, (await run('resume', 'example.com')).code], [0, 1])
})
