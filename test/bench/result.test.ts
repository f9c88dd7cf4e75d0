import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Figures, median } from './measure.ts'
import { compare, formatFigures, judge } from './result.ts'
import type { Scenario } from './scenario.ts'

const scenario: Scenario = {
  name: 's',
  title: 'a title',
  targets: ['floor', 'ours'],
  sessions: 1,
  octets: 1,
  messages: 1,
  warmUp: 1,
}
const figures = (target: string, ...cpus: number[]): Figures => ({
  target,
  rounds: cpus.map((cpu) => ({ cpu, rate: 1 / cpu })),
  peakRss: 1e6,
})

test('a ratio is the median of the rounds that ran one after the other, not a ratio of medians', () => {
  // The machine was three times slower in the second round, for both.
  const rows = [figures('floor', 1, 3, 1), figures('ours', 2, 6, 2)]
  const [judgement] = judge(scenario, rows, [
    { scenario: 's', figure: 'cpu', target: 'ours', against: 'floor', atMost: 2 },
  ])
  assert.deepEqual(judgement, { bar: 's: cpu of ours / floor ≤ 2', value: 2, limit: 2, isMet: true })
})

test('a bar that is not met says so, in both directions', () => {
  const rows = [figures('floor', 1), figures('ours', 2)]
  const bars = [
    { scenario: 's', figure: 'cpu', target: 'ours', against: 'floor', atMost: 1.9 },
    { scenario: 's', figure: 'rate', target: 'ours', against: 'floor', atLeast: 0.6 },
  ] as const
  assert.deepEqual(
    judge(scenario, rows, bars).map(({ isMet }) => isMet),
    [false, false],
  )
})

test('a bar of a target that was not measured is left out', () => {
  const bar = { scenario: 's', figure: 'cpu', target: 'ours', against: 'floor', atMost: 1 } as const
  assert.deepEqual(judge(scenario, [figures('floor', 1)], [bar]), [])
})

test('peak memory is held against a bar by itself, in MB', () => {
  const bar = { scenario: 's', figure: 'peakRss', target: 'ours', atMost: 600 } as const
  const [judgement] = judge(scenario, [{ target: 'ours', rounds: [], peakRss: 601e6 }], [bar])
  assert.deepEqual(judgement, { bar: 's: peakRss of ours ≤ 600', value: 601, limit: 600, isMet: false })
})

test('columns that nobody has a figure for are left out', () => {
  const text = formatFigures(scenario, [{ target: 'floor', rounds: [], idle: 2_500, peakRss: 3e6 }])
  assert.match(text, /KB\/session +peak RSS MB\n {2}floor +2\.5 +3/)
  assert.doesNotMatch(text, /msgs\/s/)
})

test('the median of an even number is the mean of the two in the middle', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.equal(median([9, 1, 5]), 5)
})

test('a target from two checkouts is held against itself, pair by pair', () => {
  const rows = [figures('ours', 1.1, 3, 1.06), figures('ours@before', 1, 3, 1), figures('alone', 1)]
  assert.deepEqual(compare(scenario, rows, 1.05), [
    { bar: 's: cpu of ours, now / before, median of 3 pairs, ≤ 1.05', value: 1.06, limit: 1.05, isMet: false },
  ])
})

test('CPU and waiting are held against a bar by themselves, in ms', () => {
  const rounds = [410, 390, 401].map((p50) => ({ cpu: 300, rate: 1, wait: { p50, p99: p50 } }))
  const bars = [
    { scenario: 's', figure: 'wait', target: 'ours', atMost: 400 },
    { scenario: 's', figure: 'cpu', target: 'ours', atMost: 350 },
  ] as const
  assert.deepEqual(judge(scenario, [{ target: 'ours', rounds, peakRss: 0 }], bars), [
    { bar: 's: wait of ours ≤ 400', value: 401, limit: 400, isMet: false },
    { bar: 's: cpu of ours ≤ 350', value: 300, limit: 350, isMet: true },
  ])
})

test('the work of a message: its CPU, what the kernel was asked for, and calls and syncs where they were counted', () => {
  const work = { reads: 6.5, writes: 8, copied: 20_000, stored: 30_000 }
  const ours = { target: 'ours', rounds: [{ cpu: 0.3, rate: 1, work }], peakRss: 1e6 }
  const text = formatFigures(scenario, [{ ...ours, calls: { calls: 16.9, syncs: 0.1 } }])
  const before = 'work per message, ours: 0.300 ms CPU, 8.00 writes, 6.50 reads'
  assert.ok(text.includes(`${before}, 16.9 calls, 0.10 syncs, 20.0 KB copied, 30.0 KB to the disk`), text)
  assert.ok(formatFigures(scenario, [ours]).includes(`${before}, 20.0 KB copied`))
})
