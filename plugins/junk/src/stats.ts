/** What a filter is like now, in numbers: for `postroad junk stats`, the interface and metrics. */
import type { Keeper } from './keeper.ts'
import type { JunkOptions } from './options.ts'

const DAY = 86_400_000

/** Numbers of a filter. */
export interface JunkStats {
  readonly ready: boolean
  readonly missing: readonly string[]
  readonly trouble: string | undefined
  readonly spam: number
  readonly ham: number
  readonly users: number
  /** Users and domains with corrections of their own. */
  readonly corrected: number
  readonly budget: number
  readonly threshold: number | undefined
  readonly unsure: number | undefined
  /** Milliseconds since the epoch; undefined: it learns. */
  readonly pausedAt: number | undefined
  /** What was said right before it was learned, of the last days. */
  readonly lately: readonly {
    readonly days: number
    readonly spam: number
    readonly missed: number
    readonly ham: number
    readonly lost: number
    readonly loss: number | undefined
  }[]
  readonly outcomes: Readonly<Record<string, number>>
  readonly journalOctets: number
  readonly modelOctets: number
}

/** Looks at a filter. */
export async function statsOf(keeper: Keeper, options: JunkOptions, now: number): Promise<JunkStats> {
  const { mind } = keeper
  const { isReady, missing } = mind.readiness()
  const { junk, unsure } = mind.thresholds
  const { lessons } = mind.model
  return {
    ready: isReady,
    missing,
    trouble: keeper.trouble,
    spam: lessons.junk,
    ham: lessons.wanted,
    users: mind.trust.users,
    corrected: mind.circles.size,
    budget: options.budget,
    threshold: finite(junk),
    unsure: finite(unsure),
    pausedAt: mind.counts.pausedAt,
    lately: [1, 7, 30].map((days) => {
      const { loss, ...sums } = mind.tally.since(now - (days - 1) * DAY)
      const count = sums.spam + sums.ham
      return { days, ...sums, loss: count === 0 ? undefined : loss / count }
    }),
    outcomes: { ...mind.counts.outcomes },
    journalOctets: await keeper.octets(),
    modelOctets: mind.model.octets,
  }
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined
}

/** As rows of two columns. */
export async function statsRows(
  keeper: Keeper,
  options: JunkOptions,
  now: number,
): Promise<readonly Readonly<Record<string, string | number>>[]> {
  const stats = await statsOf(keeper, options, now)
  const rows: [string, string | number][] = [
    [
      'state',
      stats.trouble ?? (stats.ready ? 'ready: junk is treated as the options say' : 'shadow mode: nothing is done yet'),
    ],
    ...stats.missing.map((text): [string, string] => ['needs', text]),
    [
      'learned',
      `${stats.spam} spam, ${stats.ham} ham, ${stats.users} users, ${stats.corrected} with corrections of their own`,
    ],
    [
      'budget',
      `1 in ${stats.budget}: ${stats.threshold === undefined ? 'no threshold yet' : `junk from ${stats.threshold.toFixed(2)}, unsure from ${stats.unsure?.toFixed(2) ?? '-'}`}`,
    ],
    [
      'learning',
      stats.pausedAt === undefined
        ? 'yes'
        : `stopped by canaries at ${new Date(stats.pausedAt).toISOString()}: look, undo, then "postroad junk resume"`,
    ],
    ...stats.lately.map(({ days, spam, missed, ham, lost, loss }): [string, string] => [
      `last ${days} d`,
      `before it was told: ${missed} of ${spam} spam missed, ${lost} of ${ham} ham lost${loss === undefined ? '' : `, log loss ${loss.toFixed(4)}`}`,
    ]),
    [
      'lessons',
      Object.entries(stats.outcomes)
        .map(([outcome, count]) => `${count} ${outcome}`)
        .join(', ') || 'none',
    ],
    ['octets', `journal ${stats.journalOctets}, model ${stats.modelOctets}`],
  ]
  return rows.map(([what, value]) => ({ what, value }))
}

/** One number of a filter, as metrics have it. */
export interface JunkSample {
  /** Behind `postroad_junk_`. */
  readonly name: string
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** The numbers of a filter; what is not known is left out. */
export function samplesOf(stats: JunkStats): readonly JunkSample[] {
  const [day] = stats.lately
  const { paused = 0 } = stats.outcomes
  const samples: [string, Readonly<Record<string, string>> | undefined, number | undefined][] = [
    ['ready', undefined, stats.ready ? 1 : 0],
    ['learning', undefined, stats.pausedAt === undefined ? 1 : 0],
    ['trouble', undefined, stats.trouble === undefined ? 0 : 1],
    ['lessons', { label: 'spam' }, stats.spam],
    ['lessons', { label: 'ham' }, stats.ham],
    ['lessons_paused', undefined, paused],
    ['users', undefined, stats.users],
    ['threshold', undefined, stats.threshold],
    ['today', { label: 'spam', outcome: 'missed' }, day?.missed],
    ['today', { label: 'spam', outcome: 'all' }, day?.spam],
    ['today', { label: 'ham', outcome: 'lost' }, day?.lost],
    ['today', { label: 'ham', outcome: 'all' }, day?.ham],
    ['today_log_loss', undefined, day?.loss],
    ['journal_octets', undefined, stats.journalOctets],
  ]
  return samples.flatMap(([name, labels, value]) =>
    value === undefined ? [] : [{ name, value, ...(labels && { labels }) }],
  )
}

/** In the text format of Prometheus. */
export function statsText(stats: JunkStats): string {
  const seen = new Set<string>()
  return samplesOf(stats)
    .map(({ name, labels, value }) => {
      const base = `postroad_junk_${name}`
      const type = seen.has(base) ? '' : `# TYPE ${base} gauge\n`
      seen.add(base)
      const inner = Object.entries(labels ?? {}).map(([label, text]) => `${label}="${text}"`)
      return `${type}${base}${inner.length > 0 ? `{${inner.join()}}` : ''} ${value}\n`
    })
    .join('')
}
