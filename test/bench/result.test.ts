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
