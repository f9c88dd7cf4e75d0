import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock, memoryStore } from '@postroad/testing'
import { dayOf } from './day.ts'
import { ReportLedger, SHARES, shareOf } from './ledger.ts'

const NOON = Date.UTC(2026, 10, 29, 12)
const DAY = dayOf(NOON)

async function domainsOf(ledger: ReportLedger, day = DAY): Promise<readonly (readonly [string, string])[]> {
  const found: [string, string][] = []
  for (let share = 0; share < SHARES; share++)
    for (const [domain, { about }] of await ledger.read(day, share)) found.push([domain, about])
  return found.sort()
}

async function rowsOf(ledger: ReportLedger, day: string, domain: string): Promise<ReadonlyMap<string, number>> {
  return (await ledger.domain(day, domain)).rows
}

test('rows are added up over processes and restarts, each day and domain by itself', async () => {
  const store = memoryStore(fakeClock(NOON))
  const [one, other] = [new ReportLedger({ name: 'x', store }), new ReportLedger({ name: 'x', store })]
  for (let i = 0; i < 3; i++) one.count(NOON, 'a.example', { row: 'r', about: 'first' })
  one.count(NOON, 'a.example.b', { row: 'r' })
  one.count(NOON + 43_200_000, 'a.example', { row: 'r' })
  other.count(NOON, 'a.example', { row: 'r', about: 'last' })
  other.count(NOON, 'a.example', { row: 's', about: 'last' })
  await one.flush()
  await other.flush()
  one.count(NOON, 'a.example', { row: 'r', about: 'last' })
  await one.flush()
  const later = new ReportLedger({ name: 'x', store })
  assert.deepEqual([...(await rowsOf(later, DAY, 'a.example'))], [['r', 5], ['s', 1]]) // biome-ignore format: a table
  assert.deepEqual(await domainsOf(later), [
    ['a.example', 'last'],
    ['a.example.b', ''],
  ])
  assert.deepEqual([...(await rowsOf(later, '2026-11-30', 'a.example'))], [['r', 1]])
  assert.equal(await later.isSettled(DAY, 'a.example'), false)
  await later.settle(DAY, 'a.example')
  assert.deepEqual(
    [await one.isSettled(DAY, 'a.example'), await one.isSettled('2026-11-30', 'a.example')],
    [true, false],
  )
  await later.forget(DAY, shareOf('a.example'))
  assert.deepEqual([...(await rowsOf(later, DAY, 'a.example'))], [])
  assert.deepEqual(await domainsOf(later), [['a.example.b', '']])
})

test('a domain with too many rows has coarse ones, and never more than twice its share', async () => {
  const store = memoryStore(fakeClock(NOON))
  const warnings: unknown[] = []
  const log = { debug() {}, info() {}, error() {}, warn: (fields: object) => void warnings.push(fields) }
  const ledger = new ReportLedger({ name: 'x', store, log, maxRows: 10, coarsen: (row) => row.slice(0, 2) })
  for (let i = 0; i < 1_000; i++) ledger.count(NOON, 'a.example', { row: `${10 + (i % 50)}-${i}` })
  await ledger.flush()
  await ledger.flush()
  const rows = await rowsOf(ledger, DAY, 'a.example')
  assert.equal(rows.size, 20)
  const counted = [...rows.values()].reduce((sum, count) => sum + count, 0)
  assert.deepEqual(warnings, [{ lost: 1_000 - counted }])
})

test('a store that is away loses nothing: what could not be written waits', async () => {
  const store = memoryStore(fakeClock(NOON))
  let isAway = true
  const set: typeof store.set = (...given) => (isAway ? Promise.reject(new Error('away')) : store.set(...given))
  const ledger = new ReportLedger({ name: 'x', store: { ...store, set } })
  for (let i = 0; i < 2_500; i++) ledger.count(NOON, 'a.example', { row: `r${i}` })
  await ledger.flush()
  ledger.count(NOON, 'a.example', { row: 'r0' })
  isAway = false
  await ledger.flush()
  const rows = await rowsOf(ledger, DAY, 'a.example')
  assert.deepEqual([rows.size, rows.get('r0'), rows.get('r1')], [2_500, 2, 1])
})

test('what is no domain is not counted, and nothing of another version can stop a report', async () => {
  const store = memoryStore(fakeClock(NOON))
  const ledger = new ReportLedger({ name: 'x', store })
  for (const domain of ['', 'a:b', 'a..b', 'A.example', 'x'.repeat(300), 'a\n.example'])
    ledger.count(NOON, domain, { row: 'r' })
  await ledger.flush()
  assert.deepEqual(await domainsOf(ledger), [])
  const odd = [
    '{}',
    'no',
    '\n\n \n',
    '3 r\n@a.example',
    '@a.example \n1.5 r\n-1 r\nNaN r\n 4\n[["a.example","",[["r",1]]]]\n7 r\n1 ',
  ]
  for (const [at, value] of odd.entries()) await store.set(`x:rows:${DAY}:${shareOf('a.example')}:${at}`, value)
  assert.deepEqual([...(await rowsOf(ledger, DAY, 'a.example'))], [['r', 7]])
})

test('few rows are written each minute, many after five minutes or four thousand rows', async () => {
  const store = memoryStore(fakeClock(NOON))
  let writes = 0
  const set: typeof store.set = (...given) => {
    writes++
    return store.set(...given)
  }
  const ledger = new ReportLedger({ name: 'x', store: { ...store, set } })
  const written: number[] = []
  let row = 0
  for (const [minute, rows] of [[1, 200], [2, 201], [3, 3_000], [4, 900], [5, 201], [6, 300], [7, 1_000], [8, 0], [9, 200], [10, 0], [11, 0]] as const) {
    for (let i = 0; i < rows; i++) ledger.count(NOON, 'a.example', { row: `r${row++}` })
    await ledger.flushAt(minute)
    written.push(writes)
  } // biome-ignore format: a table
  assert.deepEqual(written, [1, 1, 1, 6, 7, 7, 7, 7, 7, 9, 9])
})
