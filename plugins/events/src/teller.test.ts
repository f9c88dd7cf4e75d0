import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '@postroad/testing'
import { memoryQueue } from '@postroad/testing/queue'
import type { Sent } from './body.ts'
import { CURSOR, deadPrefix } from './notes.ts'
import { options } from './options.ts'
import { parkPrefix } from './parked.ts'
import type { EventOutcome, EventSink } from './sink.ts'
import { Teller } from './teller.ts'

const OK: EventOutcome = { kind: 'ok' }
const BROKEN: EventOutcome = { kind: 'failed', why: 'HTTP 500' }
const HOUR = 3_600_000

const log = { debug() {}, info() {}, warn() {}, error() {} }
let made = 0

/** An event of a message, as a queue writes it. */
function eventOf(key: string, name = String(++made)): string {
  const data = { to: ['a@example.com'], message: key }
  const payload = { id: name, type: 'delivered', timestamp: '2026-01-01T00:00:00.000Z', data }
  return `${name} delivered ${key}\n${JSON.stringify(payload)}`
}

/** An endpoint that answers as it is told, and a teller for it that can die. */
function world(settings: object = {}) {
  const clock = fakeClock()
  const { outbox } = memoryQueue(clock.now).open()
  const told: string[] = []
  const requests: string[][] = []
  const state = { answer: (_: readonly string[]): EventOutcome | Promise<EventOutcome> => OK }
  const sink: EventSink = {
    async deliver(events: readonly Sent[]) {
      const ids = events.map(({ id }) => id)
      requests.push(ids)
      const outcome = await state.answer(ids)
      if (outcome.kind === 'ok') told.push(...ids)
      return outcome
    },
  }
  const parsed = options.parse({ endpoints: [{ name: 'one', deliver: () => {}, wait: 0, ...settings }] })
  const endpoint = parsed.endpoints[0]
  assert.ok(endpoint)
  const start = () => {
    const ends = new AbortController()
    const teller = new Teller({ endpoint, outbox, sink, clock, log, random: () => 0.5 })
    const running = teller.run(ends.signal)
    return {
      teller,
      async stop() {
        ends.abort()
        await clock.advance(0)
        await running
      },
    }
  }
  const write = async (...events: string[]): Promise<void> => outbox.append(events)
  const ids = async (prefix: string) =>
    (await outbox.notes(prefix)).map(([, value]) => value.replace(/^\{"event":"(\S+).*$/, '$1'))
  const until = async (holds: () => boolean | Promise<boolean>, step = 100): Promise<void> => {
    for (let turn = 0; !(await holds()); turn++) {
      assert.ok(turn < 5_000, `it never came true; told ${told}`)
      await clock.advance(step)
    }
  }
  return {
    clock,
    outbox,
    told,
    requests,
    state,
    start,
    write,
    until,
    parked: () => ids(parkPrefix('one')),
    dead: () => ids(deadPrefix('one')),
  }
}

test('events arrive once each, those of one message in their order, and the cursor follows', async () => {
  const { start, write, told, until, outbox } = world()
  const { stop } = start()
  await write(eventOf('m1', 'a1'), eventOf('m2', 'b1'), eventOf('m1', 'a2'))
  await write(eventOf('m1', 'a3'), eventOf('m2', 'b2'))
  await until(() => told.length === 5)
  await stop()
  assert.deepEqual(
    told.filter((id) => id.startsWith('a')),
    ['a1', 'a2', 'a3'],
  )
  assert.deepEqual(
    told.filter((id) => id.startsWith('b')),
    ['b1', 'b2'],
  )
  assert.deepEqual(await outbox.notes(CURSOR), [[`${CURSOR}one`, (await outbox.size()).last]])
  const again = start()
  await write(eventOf('m3', 'c1'))
  await until(() => told.length === 6)
  await again.stop()
  assert.equal(told.at(-1), 'c1')
})

test('no two requests at once are about one message, and no more are made than are allowed', async () => {
  const { start, write, state, until, told, clock } = world({ concurrency: 2 })
  const open: { readonly ids: readonly string[]; end(): void }[] = []
  state.answer = (ids) => new Promise((resolve) => open.push({ ids, end: () => resolve(OK) }))
  const { stop } = start()
  await write(eventOf('m1', 'a1'), eventOf('m1', 'a2'), eventOf('m2', 'b1'), eventOf('m3', 'c1'))
  await until(() => open.length === 2)
  await clock.advance(2_000)
  assert.deepEqual(
    open.map(({ ids }) => ids),
    [['a1'], ['b1']],
  )
  for (let ended = 0; told.length < 4; ended++) {
    await until(() => open.length > ended)
    open[ended]?.end()
    await clock.advance(10)
  }
  assert.deepEqual(
    told.filter((id) => id.startsWith('a')),
    ['a1', 'a2'],
  )
  await stop()
})

test('a batch has what there is, and waits for more only so long', async () => {
  const { start, write, requests, told, until, clock } = world({ batch: 10, wait: 1_000, concurrency: 1 })
  const { stop, teller } = start()
  const now = clock.now()
  await write(...Array.from({ length: 25 }, (_, at) => eventOf(`m${at % 7}`, `e${at}`)))
  teller.written()
  await until(() => told.length === 25)
  assert.deepEqual(
    requests.map(({ length }) => length),
    [10, 10, 5],
  )
  assert.ok(clock.now() - now < 3_000)
  await stop()
})

test('500 for an hour: the endpoint is asked now and then, and nothing is lost when it comes back', async () => {
  const { start, write, state, requests, told, until, clock, dead } = world()
  state.answer = () => BROKEN
  const { stop, teller } = start()
  for (let at = 0; at < 300; at++) await write(eventOf(`m${at % 20}`, `m${at % 20}-${at}`))
  const ends = clock.now() + HOUR
  await until(() => clock.now() >= ends, 1_000)
  assert.equal(teller.state, 'open')
  assert.ok(requests.length < 60, `${requests.length} requests in an hour`)
  assert.equal(told.length, 0)
  state.answer = () => OK
  await until(() => told.length === 300, 1_000)
  await stop()
  assert.equal(new Set(told).size, 300)
  for (let message = 0; message < 20; message++) {
    const own = told.filter((id) => id.startsWith(`m${message}-`)).map((id) => Number(id.split('-')[1]))
    assert.deepEqual(
      own,
      own.toSorted((a, b) => a - b),
    )
  }
  assert.deepEqual(await dead(), [])
})

test('an event that is refused is set aside with what follows of its message, and the others go on', async () => {
  const { start, write, state, told, until, parked, dead, clock } = world({ batch: 5 })
  state.answer = (ids) => (ids.includes('a1') ? { kind: 'refused', why: 'HTTP 422' } : OK)
  const { stop } = start()
  await write(eventOf('m1', 'a1'), eventOf('m2', 'b1'), eventOf('m1', 'a2'), eventOf('m3', 'c1'))
  await until(async () => told.length === 2 && (await parked()).length === 2)
  await write(eventOf('m1', 'a3'), eventOf('m2', 'b2'))
  await until(async () => told.length === 3 && (await parked()).length === 3)
  assert.deepEqual(told.toSorted(), ['b1', 'b2', 'c1'])
  // Another process goes on with what was written down.
  await stop()
  const again = start()
  await clock.advance(HOUR)
  assert.equal(told.length, 3)
  state.answer = () => OK
  await until(() => told.length === 6, 60_000)
  assert.deepEqual(
    told.filter((id) => id.startsWith('a')),
    ['a1', 'a2', 'a3'],
  )
  assert.deepEqual([await parked(), await dead()], [[], []])
  await again.stop()
})

test('an event that only fails does not hold up the others for ever, and is a dead letter after its life', async () => {
  const { start, write, state, told, until, dead, parked } = world({ life: HOUR })
  state.answer = (ids) => (ids.includes('a1') ? BROKEN : OK)
  const { stop, teller } = start()
  await write(eventOf('m1', 'a1'), eventOf('m2', 'b1'), eventOf('m1', 'a2'))
  await until(() => told.includes('b1'), 1_000)
  await until(async () => (await dead()).length === 1, 60_000)
  await until(() => told.includes('a2'), 60_000)
  assert.deepEqual([told, await dead(), await parked(), teller.counts.dead], [['b1', 'a2'], ['a1'], [], 1])
  await stop()
})

test('RFC 9110 §10.2.3: Retry-After is waited for', async () => {
  const { start, write, state, requests, told, until, clock } = world()
  state.answer = () => ({ kind: 'failed', why: 'HTTP 503', retryAfterMs: 120_000 })
  const { stop } = start()
  await write(eventOf('m1'))
  await until(() => requests.length === 1)
  await clock.advance(119_000)
  assert.equal(requests.length, 1)
  state.answer = () => OK
  await until(() => told.length === 1)
  await stop()
})

test('410 ends it: nothing is told any more, and it holds up nothing', async () => {
  const { start, write, state, requests, until, clock, outbox } = world()
  state.answer = () => ({ kind: 'gone', why: 'HTTP 410' })
  const { stop, teller } = start()
  await write(eventOf('m1'))
  await until(() => teller.state === 'off')
  await clock.advance(HOUR)
  await write(eventOf('m2'))
  await clock.advance(HOUR)
  assert.deepEqual([requests.length, teller.holds], [1, undefined])
  await stop()
  // A command lets it begin again, where it was.
  state.answer = () => OK
  await outbox.note([['ask:one', JSON.stringify({ enable: true })]])
  const again = start()
  await until(() => requests.length === 3)
  await again.stop()
})

test('what was told is told again since a time, in order', async () => {
  const { start, write, told, until, outbox } = world()
  const { stop } = start()
  await write(eventOf('m1', 'a1'), eventOf('m1', 'a2'))
  await until(() => told.length === 2)
  await outbox.note([['ask:one', JSON.stringify({ seek: '0-0' })]])
  await until(() => told.length === 4)
  assert.deepEqual(told, ['a1', 'a2', 'a1', 'a2'])
  await stop()
})

test('a death loses nothing: what the cursor has not passed is told again', async () => {
  const { start, write, state, told, until, clock } = world()
  let isDead = false
  state.answer = () => (isDead ? new Promise(() => {}) : OK)
  start()
  await write(eventOf('m1', 'a1'))
  await until(() => told.length === 1)
  await clock.advance(1_000)
  isDead = true
  await write(eventOf('m1', 'a2'), eventOf('m2', 'b1'))
  await clock.advance(1_000)
  // The process is gone, with two requests on their way; the next one begins.
  isDead = false
  start()
  await until(() => told.length === 3)
  assert.deepEqual(told.toSorted(), ['a1', 'a2', 'b1'])
})

test('only what an endpoint wants is told', async () => {
  const { start, write, told, until } = world({ kinds: ['bounced'], tenants: ['*.shop.test'], tags: ['order-*'] })
  const { stop } = start()
  const event = (id: string, kind: string, tenant: string, tags?: string[]): string =>
    `${id} ${kind} ${id}\n${JSON.stringify({ id, type: kind, timestamp: '', data: { to: [], tenant, tags } })}`
  await write(
    event('1', 'bounced', 'a.shop.test', ['x', 'order-7']),
    event('2', 'delivered', 'a.shop.test', ['order-7']),
    event('3', 'bounced', 'b.test', ['order-7']),
    event('4', 'bounced', 'a.shop.test'),
    event('5', 'bounced', 'a.shop.test', ['order-8']),
  )
  await until(() => told.length === 2)
  assert.deepEqual(told, ['1', '5'])
  await stop()
})
