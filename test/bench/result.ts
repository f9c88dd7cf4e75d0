/** Figures as a table, and against the bars. */
import type { Figures } from './measure.ts'
import type { Bar, Scenario } from './scenario.ts'

/** One bar, held against what was measured. */
export interface Judgement {
  readonly bar: string
  readonly value: number
  readonly limit: number
  readonly isMet: boolean
}

/** The scenario's figures as text, with ratios against its first target. */
export function formatFigures(scenario: Scenario, figures: readonly Figures[]): string {
  const base = figures.find(({ target }) => target === scenario.targets[0])
  const rows = figures.map((row) => [
    row.target,
    row.rate === undefined ? '' : row.rate.toFixed(row.rate < 100 ? 1 : 0),
    row.cpu === undefined ? '' : row.cpu.toFixed(4),
    row.cpuRange === undefined ? '' : row.cpuRange.map((value) => value.toFixed(4)).join('–'),
    row.cpu === undefined || base?.cpu === undefined ? '' : `${(row.cpu / base.cpu).toFixed(2)} ×`,
    row.idle === undefined ? '' : (row.idle / 1000).toFixed(1),
    (row.peakRss / 1e6).toFixed(0),
  ])
  const head = ['', 'msgs/s', 'CPU ms/msg', 'low–high', 'of the first', 'KB/session', 'peak RSS MB']
  const used = head.map((_, column) => column === 0 || rows.some((row) => row[column] !== ''))
  const table = [head, ...rows].map((row) => row.filter((_, column) => used[column]))
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? []
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')
  return `${scenario.name}: ${scenario.title}\n${table.map((row) => `  ${line(row)}`).join('\n')}`
}

/** The bars of a scenario whose targets were all measured. */
export function judge(scenario: Scenario, figures: readonly Figures[], bars: readonly Bar[]): Judgement[] {
  const value = (target: string, figure: Bar['figure']) => figures.find((row) => row.target === target)?.[figure]
  return bars
    .filter((bar) => bar.scenario === scenario.name)
    .flatMap(({ figure, target, against, atMost, atLeast }) => {
      const own = value(target, figure)
      const other = against === undefined ? 1 : value(against, figure)
      if (own === undefined || other === undefined) return []
      const ratio = own / other
      const limit = atMost ?? atLeast ?? Number.NaN
      const what = `${scenario.name}: ${figure} of ${target}${against === undefined ? '' : ` / ${against}`} ${atMost === undefined ? '≥' : '≤'} ${limit}`
      return [{ bar: what, value: ratio, limit, isMet: atMost === undefined ? ratio >= limit : ratio <= limit }]
    })
}

/** One line a bar. */
export function formatJudgement({ bar, value, isMet }: Judgement): string {
  return `  ${isMet ? 'pass' : 'FAIL'}  ${bar}: ${value >= 100 ? value.toFixed(0) : value.toFixed(2)}`
}
