import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DEFAULT_BACKOFF } from '@postroad/queue-engine'
import type { Argument, RedisLink, Script } from '@postroad/redis-link'
import { SharedSlots } from './shared-slots.ts'

const UP = { health: 'up' } as const
const DOWN = { health: 'down' } as const

/** What Redis is asked, by the number of arguments of the scripts; `state` says whether something is known against the destination. */
function fakeLink(state = 0): { readonly link: RedisLink; readonly asked: string[] } {
  const asked: string[] = []
  const run = async (_script: Script, _keys: readonly string[], args: readonly Argument[]): Promise<unknown> => {
    if (args.length === 3) {
      asked.push('enter')
      return ['enter', state, '']
    }
    asked.push(`leave ${args[1]}${args[7] === 1 ? ', well' : ''}`)
    return 0
  }
  return { link: { prefix: 'p', run } as unknown as RedisLink, asked } // only what slots need
}

async function enter(slots: SharedSlots, limits: { concurrency: number; perSecond?: number } = { concurrency: 2 }) {
  const entry = await slots.enter('mx.test', limits)
  assert.ok(entry.kind === 'enter')
  return entry.slot
}

test('a slot goes from one transaction to the next without asking, and is given back when nobody wants it', async () => {
  const { link, asked } = fakeLink()
  const slots = new SharedSlots(link, 'mail', DEFAULT_BACKOFF)
  const first = await enter(slots)
  await slots.leave('mx.test', first, UP)
  assert.equal(await enter(slots), first)
  const second = await enter(slots)
  assert.notEqual(second, first)
  await slots.leave('mx.test', first, UP)
  await slots.leave('mx.test', second, UP)
  assert.deepEqual(asked, ['enter', 'enter'])
  while (asked.length < 4) await sleep(10)
  assert.deepEqual(asked.slice(2), ['leave none, well', 'leave none'])
  await slots.close()
})

test('it is given back after a while all the same, and then it is said that the destination is well', async (t) => {
  t.mock.method(performance, 'now', () => now)
  let now = 1_000
  const { link, asked } = fakeLink()
  const slots = new SharedSlots(link, 'mail', DEFAULT_BACKOFF)
  for (const slot = await enter(slots); asked.length < 2; now += 60) {
    await slots.leave('mx.test', slot, UP)
    if (asked.length < 2) assert.equal(await enter(slots), slot)
  }
  assert.ok(now > 1_250, String(now))
  assert.deepEqual(asked, ['enter', 'leave up, well'])
  await slots.close()
})

test('a failure is told at once, after what was well before it, and nothing is kept', async () => {
  const { link, asked } = fakeLink()
  const slots = new SharedSlots(link, 'mail', DEFAULT_BACKOFF)
  const [first, second] = [await enter(slots), await enter(slots)]
  await slots.leave('mx.test', first, UP)
  await slots.leave('mx.test', second, DOWN)
  assert.deepEqual(asked, ['enter', 'enter', 'leave none, well', 'leave down'])
  await enter(slots)
  assert.equal(asked.at(-1), 'enter')
  await slots.close()
})

test('where something is known against a destination, and where starts are counted, each transaction asks', async () => {
  for (const [state, limits] of [
    [1, { concurrency: 2 }],
    [0, { concurrency: 2, perSecond: 9 }],
  ] as const) {
    const { link, asked } = fakeLink(state)
    const slots = new SharedSlots(link, 'mail', DEFAULT_BACKOFF)
    await slots.leave('mx.test', await enter(slots, limits), UP)
    await slots.leave('mx.test', await enter(slots, limits), UP)
    assert.deepEqual(asked, ['enter', 'leave up', 'enter', 'leave up'])
    await slots.close()
  }
})

test('who closes gives back what is kept', async () => {
  const { link, asked } = fakeLink()
  const slots = new SharedSlots(link, 'mail', DEFAULT_BACKOFF)
  await slots.leave('mx.test', await enter(slots), UP)
  await slots.close()
  assert.deepEqual(asked, ['enter', 'leave none, well'])
})
