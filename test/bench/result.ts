/** Figures as a table, and against the bars. */

import type { Bar } from './bar.ts'
import { type Figures, median, type Round } from './measure.ts'
import type { Scenario } from './scenario.ts'
import type { Work } from './target.ts'

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
  const rows = figures.map((row) => {
    const cpus = row.rounds.map(({ cpu }) => cpu)
    const rate = median(row.rounds.map((round) => round.rate))
    const timed = [
      rate.toFixed(rate < 100 ? 1 : 0),
      median(cpus).toFixed(4),
      `${Math.min(...cpus).toFixed(4)}–${Math.max(...cpus).toFixed(4)}`,
      base === undefined ? '' : `${ratio(row, base, 'cpu').toFixed(2)} ×`,
    ]
    const cells = row.rounds.length === 0 ? ['', '', '', ''] : timed
    const waits = row.rounds.flatMap(({ wait }) => wait ?? [])
    return [
      row.target,
      ...cells,
      ...(['p50', 'p99'] as const).map((part) =>
        waits.length === 0 ? '' : median(waits.map((wait) => wait[part])).toFixed(2),
      ),
      row.idle === undefined ? '' : (row.idle / 1000).toFixed(1),
      (row.peakRss / 1e6).toFixed(0),
    ]
  })
  const head = ['', 'msgs/s', 'CPU ms/msg', 'low–high', 'of the first', 'p50 ms', 'p99 ms', 'KB/session', 'peak RSS MB']
  const used = head.map((_, column) => column === 0 || rows.some((row) => row[column] !== ''))
  const table = [head, ...rows].map((row) => row.filter((_, column) => used[column]))
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? []
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
  return [`${scenario.name}: ${scenario.title}`, ...table.map((row) => `  ${line(row)}`), ...workLines(figures)].join(
    '\n',
  )
}

/** What the kernel was asked for, a message: figures that hold on a busy machine, too. */
function workLines(figures: readonly Figures[]): string[] {
  return figures.flatMap(({ target, rounds, calls }) => {
    const works = rounds.flatMap(({ work }) => work ?? [])
    if (works.length === 0) return []
    const each = (name: keyof Work): number => median(works.map((work) => work[name]))
    const cpu = median(rounds.map((round) => round.cpu))
    const kb = (octets: number): string => (octets / 1000).toFixed(1)
    const counted = calls === undefined ? '' : `, ${calls.calls.toFixed(1)} calls, ${calls.syncs.toFixed(2)} syncs`
    return [
      `  work per message, ${target}: ${cpu.toFixed(3)} ms CPU, ${each('writes').toFixed(2)} writes, ${each('reads').toFixed(2)} reads${counted}, ${kb(each('copied'))} KB copied, ${kb(each('stored'))} KB to the disk`,
    ]
  })
}

/** The bars of a scenario whose targets were all measured. */
export function judge(scenario: Scenario, figures: readonly Figures[], bars: readonly Bar[]): Judgement[] {
  const find = (name: string | undefined) => figures.find((row) => row.target === name)
  return bars
    .filter((bar) => bar.scenario === scenario.name)
    .flatMap(({ figure, target, against, atMost, atLeast, isDifference = false }) => {
      const own = find(target)
      const other = figure === 'wait' ? slowest(figures, against) : find(against)
      const value =
        figure === 'idle' || figure === 'peakRss'
          ? own && absolute(own, figure)
          : against === undefined
            ? own && median(own.rounds.map((round) => figureOf(round, figure)))
            : own && other && (isDifference ? difference : ratio)(own, other, figure)
      if (value === undefined) return []
      const limit = atMost ?? atLeast ?? Number.NaN
      const what = `${scenario.name}: ${figure} of ${target}${against === undefined ? '' : ` ${isDifference ? '−' : '/'} ${against}`} ${atMost === undefined ? '≥' : '≤'} ${limit}`
      return [{ bar: what, value, limit, isMet: atMost === undefined ? value >= limit : value <= limit }]
    })
}

/** A figure of this checkout against another one's, where each target ran from both; `most` is what it may be. */
export function compare(scenario: Scenario, figures: readonly Figures[], most: number): Judgement[] {
  return figures.flatMap((before) => {
    const own = figures.find(({ target }) => `${target}@before` === before.target)
    if (own === undefined) return []
    const what = `${scenario.name}: cpu of ${own.target}, now / before, median of ${own.rounds.length} pairs, ≤ ${most}`
    const value = own.idle === undefined ? ratio(own, before, 'cpu') : own.idle / (before.idle ?? Number.NaN)
    return [
      {
        bar: own.idle === undefined ? what : what.replace('cpu', 'memory of a session'),
        value,
        limit: most,
        isMet: value <= most,
      },
    ]
  })
}

function absolute({ idle, peakRss }: Figures, figure: Bar['figure']): number | undefined {
  return figure === 'idle' ? idle : peakRss / 1e6
}

type Timed = 'cpu' | 'rate' | 'wait' | 'wait99'

/** The median of the rounds' ratios: what ran one after the other met the same machine. */
function ratio(own: Figures, other: Figures, figure: Timed): number {
  return median(own.rounds.map((round, index) => figureOf(round, figure) / figureOf(other.rounds[index], figure)))
}

/** The median of the rounds' differences. */
function difference(own: Figures, other: Figures, figure: Timed): number {
  return median(own.rounds.map((round, index) => figureOf(round, figure) - figureOf(other.rounds[index], figure)))
}

function figureOf(round: Round | undefined, figure: Timed): number {
  if (figure === 'wait') return round?.wait?.p50 ?? Number.NaN
  return (figure === 'wait99' ? round?.wait?.p99 : round?.[figure]) ?? Number.NaN
}

/** Of those that are meant the one that takes longest. */
function slowest(figures: readonly Figures[], names = ''): Figures | undefined {
  const wait = ({ rounds }: Figures): number => median(rounds.map(({ wait }) => wait?.p50 ?? Number.NaN))
  return figures
    .filter(({ target }) => (names.endsWith('*') ? target.startsWith(names.slice(0, -1)) : target === names))
    .toSorted((a, b) => wait(b) - wait(a))[0]
}

/** One line a bar. */
export function formatJudgement({ bar, value, isMet }: Judgement): string {
  return `  ${isMet ? 'pass' : 'FAIL'}  ${bar}: ${value >= 100 ? value.toFixed(0) : value >= 0.01 ? value.toFixed(3) : value.toPrecision(2)}`
}
