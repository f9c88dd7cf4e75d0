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

/** In the text format of Prometheus. */
export function statsText(stats: JunkStats): string {
  const [day] = stats.lately
  const lines: [string, string, number | undefined][] = [
    ['junk_ready', 'gauge', stats.ready ? 1 : 0],
    ['junk_learning', 'gauge', stats.pausedAt === undefined ? 1 : 0],
    ['junk_lessons{label="spam"}', 'gauge', stats.spam],
    ['junk_lessons{label="ham"}', 'gauge', stats.ham],
    ['junk_users', 'gauge', stats.users],
    ['junk_threshold', 'gauge', stats.threshold],
    ['junk_today{label="spam",outcome="missed"}', 'gauge', day?.missed],
    ['junk_today{label="spam",outcome="all"}', 'gauge', day?.spam],
    ['junk_today{label="ham",outcome="lost"}', 'gauge', day?.lost],
    ['junk_today{label="ham",outcome="all"}', 'gauge', day?.ham],
    ['junk_today_log_loss', 'gauge', day?.loss],
    ['junk_journal_octets', 'gauge', stats.journalOctets],
  ]
  const seen = new Set<string>()
  return lines
    .filter(([, , value]) => value !== undefined)
    .map(([name, kind, value]) => {
      const base = `postroad_${name.replace(/\{.*/, '')}`
      const type = seen.has(base) ? '' : `# TYPE ${base} ${kind}\n`
      seen.add(base)
      return `${type}postroad_${name} ${value}\n`
    })
    .join('')
}
