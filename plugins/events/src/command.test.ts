/** The commands as docs/events.md has them, on an outbox with events of two messages. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventWriter } from '@postroad/queue-engine'
import { fakeClock } from '@postroad/testing'
import { memoryQueue } from '@postroad/testing/queue'
import { eventCommands } from './command.ts'
import { ASKED, CURSOR, deadPrefix, OFF } from './notes.ts'
import { options } from './options.ts'
import { parkPrefix, sortable } from './parked.ts'
import { parseSecret } from './signature.ts'

const HOUR = 3_600_000

/** What a command said, and its exit code. */
interface Said {
  readonly code: number
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  readonly text: string
}

async function world() {
  const clock = fakeClock()
  const { outbox } = memoryQueue(clock.now).open()
  const writer = new EventWriter(async () => outbox, clock.now)
  const parsed = options.parse({ endpoints: ['shop', 'other'].map((name) => ({ name, deliver: () => undefined })) })
  const commands = eventCommands({ options: parsed, outbox: writer, now: clock.now })
  writer.subscribers.add({ kinds: new Set(['bounced', 'quarantined']) })
  const reply = { code: 550, status: '5.1.1', text: 'No such user' }
  const from = 'a@shop.test'
  await writer.publish({ kind: 'bounced', message: 'm1', transaction: 'T1', from, to: ['gone@x.test'], detail: { reply } }) // biome-ignore format: one event
  await clock.advance(3 * HOUR)
  await writer.publish({ kind: 'quarantined', transaction: 'T2', from, to: ['b@x.test'] })
  const entries = await outbox.read({ limit: 10 })
  const run = async (name: string, ...args: string[]): Promise<Said> => {
    const rows: Record<string, unknown>[] = []
    const said: string[] = []
    const signal = new AbortController().signal
    const io = { json: true, signal, row: (row: Record<string, unknown>) => void rows.push(row), print: (line: string) => void said.push(line) } // biome-ignore format: one thought
    const code = (await commands[name]?.run(args, io)) ?? 0
    return { code, rows, text: said.join('\n') }
  }
  const places = entries.map(({ position, event }) => ({ position, event, id: event.split(' ')[0] ?? '' }))
  const [first, second] = places
  assert.ok(first && second && places.length === 2)
  return { outbox, run, first, second, now: clock.now() }
}

test('list: all, since a time, of one kind, of one message or transaction, and no more than wanted', async () => {
  const { run, first, second } = await world()
  const ids = async (...args: string[]) => (await run('list', ...args)).rows.map(({ id }) => id)
  assert.deepEqual(await ids(), [first.id, second.id])
  assert.deepEqual(await ids('--since', '2 h'), [second.id])
  assert.deepEqual(await ids('--since', '2026-01-01T00:00:00Z'), [first.id, second.id])
  assert.deepEqual(await ids('--kind', 'bounced'), [first.id])
  for (const name of ['m1', 'T1']) assert.deepEqual(await ids('--message', name), [first.id])
  assert.deepEqual(await ids('--message', 'T2'), [second.id])
  assert.deepEqual(await ids('--message', 'none'), [])
  const [row] = (await run('list', '--message', 'm1')).rows
  assert.deepEqual([row?.['to'], row?.['reply'], row?.['message']], ['gone@x.test', '550 No such user', 'm1'])
  const cut = await run('list', '--limit=1')
  assert.deepEqual([cut.rows.length, cut.text], [1, 'There are more: --limit 10'])
  const wrong = await run('list', '--kind', 'bouncd')
  assert.equal(wrong.code, 64)
})

test('status: who was told nothing was told never; who is off says why', async () => {
  const { run, outbox, first } = await world()
  await outbox.note([[`${CURSOR}other`, '0-0']])
  const before = await run('status')
  assert.deepEqual(
    before.rows.map(({ endpoint, state, told, behind }) => [endpoint, state, told, behind]),
    [
      ['shop', 'new', 'never', '0 s'],
      ['other', 'on', 'never', '10800 s'],
    ],
  )
  await outbox.note([[`${CURSOR}shop`, first.position], [`${OFF}shop`, JSON.stringify({ since: 1, why: 'HTTP 410' })]]) // biome-ignore format: one change
  const { rows, text } = await run('status', 'shop')
  assert.deepEqual(rows, [
    { endpoint: 'shop', state: 'off: HTTP 410', told: '2026-01-01T00:00:00.000Z', behind: '0 s', parked: 0, dead: 0 },
  ])
  assert.match(text, /^2 events in \d+ octets, since 2026-01-01T00:00:00\.000Z$/)
})

test('dead and retry: one by its id, or all; what is no dead letter is said', async () => {
  const { run, outbox, first, second, now } = await world()
  const dead = ({ position, event }: typeof first): [string, string] => [
    deadPrefix('shop') + sortable(position),
    JSON.stringify({ event, attempts: 7, since: now, why: 'HTTP 400: no' }),
  ]
  await outbox.note([dead(first), dead(second)])
  const { rows } = await run('dead')
  assert.deepEqual(
    rows.map(({ endpoint, id, attempts, why }) => [endpoint, id, attempts, why]),
    [first, second].map(({ id }) => ['shop', id, 7, 'HTTP 400: no']),
  )
  assert.equal((await run('retry')).code, 64)
  assert.deepEqual(await run('retry', '--event', 'evt_none'), {
    code: 1,
    rows: [{ retried: 0 }],
    text: 'There is no such dead letter',
  })
  assert.deepEqual((await run('retry', '--event', second.id)).rows, [{ retried: 1 }])
  const left = async () => [await outbox.notes(deadPrefix('shop')), await outbox.notes(parkPrefix('shop'))].map((notes) => notes.map(([, note]) => JSON.parse(note).event)) // biome-ignore format: one question
  assert.deepEqual(await left(), [[first.event], [second.event]])
  assert.deepEqual((await run('retry', 'shop', '--all')).rows, [{ retried: 1 }])
  assert.deepEqual(await left(), [[], [first.event, second.event]])
  assert.deepEqual(await outbox.notes(ASKED), [[`${ASKED}shop`, '{"reload":true}']])
})

test('replay and enable are asked of whoever tells, together; who is on needs no enabling', async () => {
  const { run, outbox } = await world()
  assert.equal((await run('replay', 'shop')).code, 64)
  const early = await run('replay', 'shop', '--since', '2025-11-30T12:00:00Z')
  assert.equal(early.text, 'Nothing is kept from before 2026-01-01T00:00:00.000Z: it begins there')
  assert.deepEqual(early.rows, [{ endpoint: 'shop', since: '2025-11-30T12:00:00.000Z' }])
  assert.deepEqual(await run('enable', 'shop'), { code: 1, rows: [{ endpoint: 'shop', enabled: false }], text: '' })
  await outbox.note([[`${OFF}shop`, JSON.stringify({ since: 1, why: 'HTTP 410' })]])
  assert.deepEqual((await run('enable', 'shop')).rows, [{ endpoint: 'shop', enabled: true }])
  const [[, wish] = []] = await outbox.notes(`${ASKED}shop`)
  const seek = `${Date.UTC(2025, 10, 30, 12) - 1}-999999999`
  assert.deepEqual(JSON.parse(wish ?? ''), { seek, enable: true })
  const unknown = await run('enable', 'shp')
  assert.deepEqual([unknown.code, unknown.text], [64, 'There is no endpoint "shp"; there are shop, other. Did you mean "shop"?']) // biome-ignore format: one answer
})

test('new-secret makes one that is taken', async () => {
  const { run } = await world()
  assert.ok(parseSecret((await run('new-secret')).text))
})
