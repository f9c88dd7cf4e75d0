import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock, memoryLock, memoryStore } from '@postroad/testing'
import { ReportLedger, shareOf } from './ledger.ts'
import { type DueReport, ReportRounds, type RoundOutcome } from './rounds.ts'

const HOUR = 3_600_000
const log = { debug() {}, info() {}, warn() {}, error() {} }

function world(send: (due: DueReport) => RoundOutcome | Promise<RoundOutcome>) {
  const clock = fakeClock(Date.UTC(2026, 10, 29, 12))
  const store = memoryStore(clock)
  const lock = memoryLock()
  const sent: string[] = []
  const make = () => {
    const ledger = new ReportLedger({ name: 'x', store })
    const rounds = new ReportRounds({
      name: 'x',
      ledger,
      lock,
      clock,
      log,
      hostname: 'mx.test',
      spreadMs: 4 * HOUR,
      async send(due) {
        const outcome = await send(due)
        sent.push(`${due.domain} ${new Date(clock.now()).toISOString().slice(8, 13)} ${outcome}`)
        return outcome
      },
    })
    return { ledger, rounds }
  }
  return { clock, sent, make }
}

test('reports go out once, after the day has ended, spread over hours, whoever of several processes is first', async () => {
  const { clock, sent, make } = world(() => 'sent')
  const stop = new AbortController()
  const [one, other] = [make(), make()]
  for (let at = 0; at < 40; at++) {
    one.ledger.count(clock.now(), `d${at}.example`, { row: 'r' })
    other.ledger.count(clock.now(), `d${at}.example`, { row: 'r' })
  }
  const running = [one.rounds.run(stop.signal), other.rounds.run(stop.signal)]
  await clock.advance(12 * HOUR)
  assert.equal(sent.length, 0)
  await clock.advance(5 * HOUR)
  assert.equal(sent.length, 40)
  assert.equal(new Set(sent.map((line) => line.split(' ')[0])).size, 40)
  const hours = new Set(sent.map((line) => line.split(' ')[1]))
  assert.deepEqual([...hours].sort().slice(0, 4), ['30T00', '30T01', '30T02', '30T03'])
  await clock.advance(2 * HOUR)
  assert.equal(sent.length, 40)
  stop.abort()
  await Promise.all(running)
})

test('RFC 8460 §5.6: what could not be delivered is tried again for a day, and then given up', async () => {
  const { clock, sent, make } = world(() => 'later')
  const { ledger, rounds } = make()
  ledger.count(clock.now(), 'a.example', { row: 'r' })
  await ledger.flush()
  for (let round = 0; round < 6 * 50; round++) {
    await clock.advance(HOUR / 6)
    await rounds.round(new AbortController().signal)
  }
  assert.ok(sent.length > 40 && sent.length < 60, `${sent.length} attempts`)
  assert.deepEqual([...(await ledger.domain('2026-11-29', 'a.example')).rows], [])
})

test('a report that cannot be made stops no other', async () => {
  const { clock, sent, make } = world(({ domain }) => {
    if (domain === 'a.example') throw new Error('odd')
    return 'sent'
  })
  const { ledger, rounds } = make()
  for (const domain of ['a.example', 'b.example']) ledger.count(clock.now(), domain, { row: 'r' })
  await ledger.flush()
  await clock.advance(24 * HOUR)
  assert.equal(await rounds.round(new AbortController().signal), 1)
  assert.deepEqual(sent, ['b.example 30T12 sent'])
  assert.equal((await ledger.domain('2026-11-29', 'a.example')).rows.size, 1)
})

test('a domain whose web server never answers keeps no other waiting', async () => {
  const held: ((outcome: RoundOutcome) => void)[] = []
  const { clock, sent, make } = world(({ domain }) =>
    domain.startsWith('slow') ? new Promise((answer) => held.push(answer)) : 'sent',
  )
  const { ledger, rounds } = make()
  const neighbours = (name: string) =>
    Array.from({ length: 400 }, (_, at) => `${name}${at}.example`).filter((domain) => shareOf(domain) === 7)
  for (const domain of [...neighbours('slow').slice(0, 8), ...neighbours('d').slice(0, 8)])
    ledger.count(clock.now(), domain, { row: 'r' })
  await ledger.flush()
  await clock.advance(17 * HOUR)
  const round = rounds.round(new AbortController().signal)
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
  assert.deepEqual([held.length, sent.length], [8, 8])
  for (const answer of held) answer('later')
  assert.equal(await round, 8)
})
