/** The filter of several nodes: one journal in Redis, a mind on each. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeSnapshot } from '@postroad/learn'
import { memoryLock } from '../../packages/testing/src/memory-store.ts'
import { Keeper } from '../../plugins/junk/src/keeper.ts'
import { newId } from '../../plugins/junk/src/lesson.ts'
import { mailOf } from '../../plugins/junk/src/mail-fixture.test.ts'
import { redisJournal, redisSecret } from '../../plugins/junk/src/redis-journal.ts'
import { Teacher } from '../../plugins/junk/src/teacher.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import { requires } from '../runner/requires.ts'
import { linkOptions, silent } from './link.ts'
import { startRedis } from './redis.ts'

const skip = requires('redis-server')
const DAY = 86_400_000

test('what one node is taught all know, bit for bit; undone, deleted and let go on all', { skip }, async (t) => {
  await using server = await startRedis()
  const clock = { at: 20_000 * DAY }
  const node = (folder?: string) => startNode(t, server.url, { clock, folder })
  const [one, two] = [await node(), await node()]
  assert.equal(one.teacher.secret.seed, two.teacher.secret.seed)
  for (let id = 0; id < 12; id++) await (id % 3 ? one : two).teach(id % 2 ? 'spam' : 'ham', id)
  await Promise.all([one, two].map(({ keeper }) => keeper.catchUp()))
  assert.equal(one.keeper.mind.counts.lessons, 12)
  assert.equal(one.weights(), two.weights())

  clock.at += 1
  await one.teach('spam', 20)
  await two.keeper.submit({ kind: 'undo', id: newId(), at: clock.at, since: clock.at, user: undefined })
  await one.keeper.catchUp()
  assert.equal(one.keeper.mind.counts.lessons, 12)
  assert.equal(one.weights(), two.weights())

  await one.keeper.save()
  clock.at += 200 * DAY
  await two.teach('spam', 21, 'alice@example.com')
  await two.keeper.compact()
  const late = await node(one.folder)
  const fresh = await node()
  for (const { weights, keeper } of [late, fresh]) {
    assert.equal(weights(), two.weights())
    assert.equal(keeper.mind.model.lessons.junk, 7)
  }
  await fresh.keeper.erase(fresh.teacher.secret.person('alice@example.com'), { id: newId(), at: clock.at })
  await two.keeper.catchUp()
  assert.equal(two.weights(), fresh.weights())
  assert.equal(await two.keeper.count(({ user }) => user !== undefined), 0)
})

test('a Redis that is away: who teaches is told, and scores go on', { skip }, async (t) => {
  await using server = await startRedis({ appendonly: 'yes', appendfsync: 'always' })
  const one = await startNode(t, server.url, { clock: { at: 20_000 * DAY } })
  await one.teach('spam', 1)
  await server.kill()
  await assert.rejects(one.teach('spam', 2))
  assert.equal(one.keeper.mind.model.lessons.junk, 1)
  await server.start()
  // The link finds it again by itself.
  let outcome: string | undefined
  for (const end = performance.now() + 60_000; outcome === undefined && performance.now() < end; )
    outcome = await one.teach('spam', 3).catch(async () => void (await sleep(50)))
  assert.ok(outcome === 'learned' || outcome === 'known', outcome)
  assert.equal(one.keeper.trouble, undefined)
})

async function startNode(
  t: TestContext,
  url: string,
  { clock, folder }: { readonly clock: { readonly at: number }; readonly folder?: string | undefined },
) {
  const own = folder ?? (await mkdtemp(join(tmpdir(), 'postroad-junk-')))
  const link = new Link(linkOptions({ url }), silent)
  const now = (): number => clock.at
  const keeper = new Keeper({
    folder: own,
    journal: redisJournal(link),
    options: { oneIn: 2_000, perDay: 200, minimum: { spam: 200, ham: 200, users: 3 } },
    keep: 180 * DAY,
    clock: { now },
    lock: memoryLock(),
    log: silent,
  })
  const teacher = new Teacher({ keeper, secret: await redisSecret(link), clock: { now }, hosts: [] })
  await keeper.load()
  t.after(async () => {
    await keeper.close()
    await link.close()
    await rm(own, { recursive: true, force: true })
  })
  const teach = (kind: 'spam' | 'ham', id: number, user?: string) =>
    teacher.teach(Buffer.from(mailOf(kind, id)), {
      label: kind === 'spam' ? 'junk' : 'wanted',
      source: 'command',
      user,
    })
  const weights = () => Buffer.from(writeSnapshot(keeper.mind.model)).toString('base64')
  return { keeper, teacher, teach, weights, folder: own }
}
