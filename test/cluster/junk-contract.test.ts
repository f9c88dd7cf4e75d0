/** The filter of several nodes keeps what every plugin must, and its journal in Redis what the one in a folder does. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { RedisLink } from '@postroad/redis-link'
import { pluginContract } from '@postroad/testing'
import { redisJunk } from '../../plugins/junk/src/index.ts'
import { fileJournal, type Journal } from '../../plugins/junk/src/journal.ts'
import { encodeRecord } from '../../plugins/junk/src/lesson.ts'
import { redisJournal } from '../../plugins/junk/src/redis-journal.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import { requires } from '../runner/requires.ts'
import { linkOptions, silent } from './link.ts'
import { startRedis } from './redis.ts'

const skip = requires('redis-server')
const server = skip === false ? await startRedis() : undefined
after(() => server?.[Symbol.asyncDispose]())

if (server) {
  const link = new Link(linkOptions({ url: server.url }), silent)
  after(() => link.close())
  pluginContract(redisJunk, {
    options: { addresses: { spam: 'spam@junk.local', ham: 'ham@junk.local' } },
    services: [[RedisLink, link]],
  })
}

interface Opened {
  /** Twice the same journal, as two processes or nodes have it. */
  readonly one: Journal
  readonly two: Journal
}

const OPEN: Readonly<Record<string, (t: TestContext) => Promise<Opened>>> = {
  'in a folder': async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'postroad-junk-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    // One record is large enough for a file: what is forgotten are whole files.
    return { one: fileJournal(folder, 1), two: fileJournal(folder, 1) }
  },
  'in Redis': async (t) => {
    const prefix = `t${process.pid}-${Math.random().toString(36).slice(2)}`
    const links = [1, 2].map(() => new Link(linkOptions({ url: server?.url, prefix }), silent))
    t.after(() => Promise.all(links.map((link) => link.close())))
    const [one, two] = links.map((link) => redisJournal(link)) as [Journal, Journal] // of two links
    return { one, two }
  },
}

for (const [where, open] of Object.entries(OPEN))
  describe(`the journal ${where}`, { skip }, () => {
    test('what is appended is read by all, in one order, from any place on', async (t) => {
      const { one, two } = await open(t)
      assert.deepEqual(await all(one), [])
      assert.equal(await two.octets(), 0)
      for (let at = 1; at <= 5; at++) await (at % 2 ? one : two).append(lesson(at))
      assert.deepEqual(await all(two), [1, 2, 3, 4, 5])
      const places = await placesOf(one)
      for (const [i, place] of places.entries()) {
        assert.deepEqual(
          await all(two, place),
          [1, 2, 3, 4, 5].slice(i + 1),
          'the place of one is a place of the other',
        )
        assert.equal(await two.hasMore(place), i < 4)
        assert.ok(one.isBefore('', place))
        for (const [j, other] of places.entries()) assert.equal(one.isBefore(place, other), i < j)
      }
      assert.ok((await one.octets()) > 0)
    })

    test('what is appended at once has one order for all', async (t) => {
      const { one, two } = await open(t)
      await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 ? one : two).append(lesson(i))))
      const order = await all(one)
      assert.deepEqual(await all(two), order)
      assert.deepEqual(
        [...new Set(order)].sort((a, b) => a - b),
        Array.from({ length: 40 }, (_, i) => i),
      )
    })

    test('a lesson that is blanked is read no more, and places of others stay', async (t) => {
      const { one, two } = await open(t)
      for (let at = 1; at <= 4; at++) await one.append(lesson(at))
      const [, second = ''] = await placesOf(one)
      const count = await two.blank(({ entry }) => entry.kind === 'lesson' && entry.at % 2 === 0)
      assert.equal(count, 2)
      assert.deepEqual(await all(one), [1, 3])
      assert.deepEqual(await all(one, second), [3])
      await two.append(lesson(9))
      assert.deepEqual(await all(one, second), [3, 9])
    })

    test('what is forgotten is gone, and what is behind it is not', async (t) => {
      const { one, two } = await open(t)
      for (let at = 1; at <= 6; at++) await one.append(lesson(at))
      const third = (await placesOf(one))[2] ?? ''
      await one.forget(third)
      assert.deepEqual(await all(two, third), [4, 5, 6])
      assert.ok(!(await all(two)).includes(1))
    })

    test('a base is replaced as a whole, however large; its first octets can be had alone', async (t) => {
      const { one, two } = await open(t)
      assert.equal(await one.readBase(), undefined)
      assert.equal(await one.peekBase(), undefined)
      for (const size of [3_000_000, 700]) {
        const octets = Buffer.alloc(size, String(size))
        const slices = Array.from({ length: Math.ceil(size / 1_000) }, (_, i) =>
          octets.subarray(i * 1_000, (i + 1) * 1_000),
        )
        await one.writeBase(slices)
        assert.ok((await two.readBase())?.equals(octets))
        assert.ok((await two.peekBase())?.equals(octets.subarray(0, 256)))
      }
    })
  })

function lesson(at: number): Buffer {
  const entry = {
    kind: 'lesson',
    id: `i${at}`,
    at,
    label: 'junk',
    key: `k${at}`,
    user: undefined,
    domain: undefined,
  } as const
  return encodeRecord({ entry: { ...entry, source: 'command' }, features: new Uint8Array(20) })
}

async function all(journal: Journal, after = ''): Promise<number[]> {
  const found: number[] = []
  for await (const { record } of journal.read(after)) if (record.entry.kind === 'lesson') found.push(record.entry.at)
  return found
}

async function placesOf(journal: Journal): Promise<string[]> {
  const places: string[] = []
  for await (const { position } of journal.read('')) places.push(position)
  return places
}
