/** Numbers of one stretch of time, added up as records come; buckets of several workers, or of a longer time, are added to each other. */
import { AGAINST, type MailOutcome } from '../story/outcome.ts'

type Counts = Record<string, number>

/** Of one plugin. */
export interface PluginNumbers {
  /** Transactions that it took part in. */
  runs: number
  /** Transactions by the class of its milliseconds: see {@link classOf}. */
  ms: Counts
  /** Opinions by kind, obeyed and not. */
  said: Counts
  shadow: Counts
  /** Mail it turned away, by outcome. */
  away: Counts
  /** Failures by kind, and the text of the last. */
  failed: Counts
  text?: string
}

/** Of a minute, or of more. */
export interface Bucket {
  outcomes: Partial<Record<MailOutcome, number>>
  octets: number
  plugins: Record<string, PluginNumbers>
  /** By who turned it away, or `-`, and outcome, with a blank between. */
  away: Counts
  /** By version and group, with a blank between; `none` is in the clear. */
  tls: Counts
  /** Deliveries by event. */
  deliveries: Counts
  /** Milliseconds of the processor that the process has used. */
  cpuMs: number
}

/** One in which nothing has happened. */
export function emptyBucket(): Bucket {
  return { outcomes: {}, octets: 0, plugins: {}, away: {}, tls: {}, deliveries: {}, cpuMs: 0 }
}

/** Adds the numbers of another bucket. */
export function addBucket(sum: Bucket, other: Bucket): void {
  addCounts(sum.outcomes as Counts, other.outcomes as Counts)
  addCounts(sum.away, other.away)
  addCounts(sum.tls, other.tls)
  addCounts(sum.deliveries, other.deliveries)
  sum.octets += other.octets
  sum.cpuMs += other.cpuMs
  for (const [name, from] of Object.entries(other.plugins)) {
    const own = numbersOf(sum, name)
    own.runs += from.runs
    for (const key of ['ms', 'said', 'shadow', 'away', 'failed'] as const) addCounts(own[key], from[key])
    if (from.text !== undefined) own.text = from.text
  }
}

/** How many would have been turned away by opinions in shadow. */
export function wouldHave({ shadow }: PluginNumbers): number {
  return Object.entries(shadow).reduce((sum, [kind, count]) => sum + (AGAINST.has(kind) ? count : 0), 0)
}

const SMALLEST = 0.01
const STEP = 1.3
const LOG_STEP = Math.log(STEP)
/** As many {@link classOf} tells apart. */
export const CLASSES = 91

/** Classes of durations: each begins a third above the one before, from a hundredth of a millisecond on. */
export function classOf(ms: number): number {
  return ms <= SMALLEST ? 0 : Math.min(Math.ceil(Math.log(ms / SMALLEST) / LOG_STEP), CLASSES - 1)
}

/** Milliseconds that a share of all did not exceed: the upper end of their class. */
export function quantile(classes: Counts, share: number): number | undefined {
  const list = Object.entries(classes).map(([key, count]) => [Number(key), count] as const)
  const total = list.reduce((sum, [, count]) => sum + count, 0)
  if (total === 0) return undefined
  let rest = Math.max(Math.ceil(total * share), 1)
  for (const [key, count] of list.sort(([one], [other]) => one - other)) {
    rest -= count
    if (rest <= 0) return Math.round(SMALLEST * STEP ** key * 100) / 100
  }
  return undefined
}

function numbersOf({ plugins }: Bucket, name: string): PluginNumbers {
  return (plugins[name] ??= { runs: 0, ms: {}, said: {}, shadow: {}, away: {}, failed: {} })
}

function addCounts(sum: Counts, other: Counts): void {
  for (const [key, count] of Object.entries(other)) sum[key] = (sum[key] ?? 0) + count
}
