/** What pictures are drawn of: series, summaries and plugins over a span of time, from the buckets. */
import type { ApiAnswer } from '@postroad/admin-api'
import { code, type SentencePart, text } from '../story/sentence.ts'
import { addBucket, type Bucket, emptyBucket, quantile, wouldHave } from './bucket.ts'
import { readBuckets, type Timed } from './keeper.ts'

type Answer<K extends 'series' | 'summary' | 'plugins'> = Omit<ApiAnswer<K>, 'generation' | 'workers'>
/** What is known of a plugin by its numbers; the rest the configuration says. */
export type PluginAnswer = Pick<
  Answer<'plugins'>['plugins'][number],
  'name' | 'runs' | 'opinions' | 'turnedAway' | 'turnedAwayShare' | 'wouldHave' | 'p50' | 'p99' | 'failures'
>

/** A span of time; milliseconds. */
export interface Span {
  readonly from: number
  readonly to: number
  readonly step: number
}

const MINUTE = 60_000
const TEN = 600_000
const STEPS = 48
/** Milliseconds that are drawn in minutes. */
const SHORT = 6 * 3_600_000

/** The span that ends now: whole steps, each of whole minutes, or of ten of them. */
export function spanOf(now: number, span: number, step?: number): Span {
  const grain = span <= SHORT ? MINUTE : TEN
  const size = Math.max(Math.round((step ?? span / STEPS) / grain), 1) * grain
  const to = Math.ceil((now + 1) / size) * size
  return { from: to - Math.max(Math.round(span / size), 1) * size, to, step: size }
}

async function bucketsOf(folder: string, { from, to }: Pick<Span, 'from' | 'to'>, grain: 'minutes' | 'tens') {
  return readBuckets(folder, from, to - 1, grain)
}

function grainOf({ from, to }: Pick<Span, 'from' | 'to'>): 'minutes' | 'tens' {
  return to - from <= SHORT + TEN ? 'minutes' : 'tens'
}

/** Sums of steps, the oldest first; those of which nothing is known are undefined. */
function steps(all: readonly Timed[], { from, to, step }: Span): readonly (Bucket | undefined)[] {
  const sums: (Bucket | undefined)[] = Array.from({ length: Math.round((to - from) / step) }, () => undefined)
  for (const [at, bucket] of all) {
    const place = Math.floor((at - from) / step)
    if (place < 0 || place >= sums.length) continue
    const sum = (sums[place] ??= emptyBucket())
    addBucket(sum, bucket)
  }
  return sums
}

function total(all: readonly Timed[]): Bucket {
  const sum = emptyBucket()
  for (const [, bucket] of all) addBucket(sum, bucket)
  return sum
}

const OUTCOMES = ['accepted', 'quarantined', 'discarded', 'deferred', 'refused', 'left'] as const

/**
 * Numbers over time. Names: the outcomes (`accepted`, …), `octets`, `delivered`, `bounced`, `away:PLUGIN`, `p50:PLUGIN`, `p99:PLUGIN`, `work` (milliseconds of the
 * processor a transaction). A name that is not known has no values.
 */
export async function seriesOf(folder: string, names: readonly string[], span: Span): Promise<Answer<'series'>> {
  const sums = steps(await bucketsOf(folder, span, grainOf(span)), span)
  return {
    from: span.from,
    stepMs: span.step,
    series: names.map((name) => ({ name, values: sums.map((sum) => (sum ? numberOf(sum, name) : null)) })),
  }
}

function numberOf(sum: Bucket, name: string): number | null {
  const [kind = '', plugin = ''] = name.split(/:(.*)/s)
  if (isOutcome(kind)) return sum.outcomes[kind] ?? 0
  if (kind === 'octets') return sum.octets
  if (kind === 'delivered' || kind === 'bounced') return sum.deliveries[kind] ?? 0
  if (kind === 'retried') return sum.deliveries['deferred'] ?? 0
  if (kind === 'work' || kind === 'cpuMs') return workOf(sum)?.cpuMs ?? null
  if (kind === 'away') return Object.values(sum.plugins[plugin]?.away ?? {}).reduce((all, count) => all + count, 0)
  if (kind === 'p50' || kind === 'p99')
    return quantile(sum.plugins[plugin]?.ms ?? {}, kind === 'p50' ? 0.5 : 0.99) ?? null
  return null
}

function isOutcome(name: string): name is (typeof OUTCOMES)[number] {
  return (OUTCOMES as readonly string[]).includes(name)
}

/** Numbers of a span and of the one before. */
export async function summaryOf(folder: string, span: Span): Promise<Answer<'summary'>> {
  const { from, to } = span
  const past = { from: from - (to - from), to: from }
  const [all, earlier] = await Promise.all([
    bucketsOf(folder, span, grainOf(span)),
    bucketsOf(folder, past, grainOf(span)),
  ])
  const [sum, before] = [total(all), total(earlier)]
  // A server that has begun within the span before has spent most of it on its start.
  const isWhole = (earlier[0]?.[0] ?? to) <= past.from + (to - from) / 2
  const [work, workBefore] = [workOf(sum), isWhole ? workOf(before) : undefined]
  return {
    from,
    to,
    sentence: [...summarySentence(sum)],
    totals: totalsOf(sum),
    ...(earlier.length > 0 && { before: totalsOf(before) }),
    turnedAway: Object.entries(sum.away)
      .map(([key, count]) => ({
        plugin: key.slice(0, key.lastIndexOf(' ')),
        outcome: key.slice(key.lastIndexOf(' ') + 1),
        count,
      }))
      .sort((one, other) => other.count - one.count),
    latency: Object.entries(sum.plugins)
      .flatMap(([plugin, { runs, ms }]) => {
        const [p50, p99] = [quantile(ms, 0.5), quantile(ms, 0.99)]
        return p50 === undefined || p99 === undefined ? [] : [{ plugin, runs, p50, p99 }]
      })
      .sort((one, other) => other.p99 - one.p99),
    tls: Object.entries(sum.tls).map(([key, count]) => {
      const [version = '', group] = key.split(' ')
      return { version, ...(group === undefined ? {} : { group }), count }
    }),
    ...(work && { work }),
    ...(workBefore && { workBefore }),
  }
}

function totalsOf({ outcomes, octets }: Bucket): Answer<'summary'>['totals'] {
  const { accepted = 0, quarantined = 0, discarded = 0, deferred = 0, refused = 0, left = 0 } = outcomes
  return { accepted, quarantined, discarded, deferred, refused, left, octets }
}

function transactionsOf({ outcomes }: Bucket): number {
  return Object.values(outcomes).reduce((sum, count) => sum + count, 0)
}

function workOf(sum: Bucket): { readonly cpuMs: number } | undefined {
  const count = transactionsOf(sum)
  return count === 0 || sum.cpuMs === 0 ? undefined : { cpuMs: Math.round((sum.cpuMs / count) * 1_000) / 1_000 }
}

const whole = new Intl.NumberFormat('en-US')
/** 12,345 */
const counted = (count: number): string => whole.format(count)

function summarySentence(sum: Bucket): readonly SentencePart[] {
  const count = transactionsOf(sum)
  if (count === 0) return [text('No mail has come in this time.')]
  const { accepted, quarantined, discarded, refused, deferred, left } = totalsOf(sum)
  const aside = quarantined > 0 ? `, ${counted(quarantined)} set aside` : ''
  const dropped = discarded > 0 ? `, ${counted(discarded)} discarded` : ''
  const gone = left > 0 ? `; ${counted(left)} the client left` : ''
  const [most] = Object.entries(sum.away).sort(([, one], [, other]) => other - one)
  const who = most?.[0].slice(0, most[0].lastIndexOf(' '))
  const by: readonly SentencePart[] =
    most && who !== '-' && who !== undefined
      ? [text('; most often by '), { kind: 'plugin', name: who }, text(` (${counted(most[1])})`)]
      : []
  return [
    text('Of '),
    code(counted(count)),
    text(
      ` transactions ${counted(accepted)} were accepted${aside}${dropped}, ${counted(refused)} refused and ${counted(deferred)} refused for now${gone}`,
    ),
    ...by,
    text('.'),
  ]
}

/** Each plugin that took part. */
export async function pluginNumbers(
  folder: string,
  span: Span,
): Promise<{
  readonly from: number
  readonly to: number
  readonly stepMs: number
  readonly plugins: readonly PluginAnswer[]
}> {
  const all = await bucketsOf(folder, span, grainOf(span))
  const sum = total(all)
  const sums = steps(all, span)
  const count = transactionsOf(sum)
  const plugins = Object.entries(sum.plugins).map(([name, own]): PluginAnswer => {
    const turnedAway = Object.values(own.away).reduce((whole, each) => whole + each, 0)
    const kinds = [...new Set([...Object.keys(own.said), ...Object.keys(own.shadow)])].sort()
    const [p50, p99] = [quantile(own.ms, 0.5), quantile(own.ms, 0.99)]
    return {
      name,
      runs: own.runs,
      opinions: {
        kinds,
        steps: sums.map((step) =>
          kinds.map((kind) => (step?.plugins[name]?.said[kind] ?? 0) + (step?.plugins[name]?.shadow[kind] ?? 0)),
        ),
      },
      turnedAway,
      turnedAwayShare: count === 0 ? 0 : turnedAway / count,
      wouldHave: wouldHave(own),
      ...(p50 === undefined ? {} : { p50 }),
      ...(p99 === undefined ? {} : { p99 }),
      failures: Object.entries(own.failed).map(([kind, failures]) => ({
        kind,
        count: failures,
        ...(own.text === undefined ? {} : { text: own.text }),
      })),
    }
  })
  return { from: span.from, to: span.to, stepMs: span.step, plugins }
}
