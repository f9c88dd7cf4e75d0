/** Overview: one look, and whether all is well. A card is drawn for what the server knows, and for nothing else. */
import type { ApiAnswer } from '@postroad/admin-api'
import { Bars, Range, rangeInWords, Share } from '../part/bars.tsx'
import { Line } from '../part/mirror.tsx'
import { Segments, SPANS } from '../part/segments.tsx'
import { Sentence } from '../part/sentence.tsx'
import { Empty, Trouble, Waiting } from '../part/state.tsx'
import { Volume, type VolumeSeries } from '../part/volume.tsx'
import { useAsked } from '../state/asked.ts'
import { go, place } from '../state/route.ts'
import { ageOf, number, percent, plural } from '../word.ts'

type Summary = ApiAnswer<'summary'>

/** Milliseconds between two questions. */
const EVERY_MS = 30_000
const NAMES = ['accepted', 'quarantined', 'discarded', 'deferred', 'refused', 'left', 'work']

/** The screen. */
export function Overview() {
  const span = SPANS.find(([key]) => key === place.value.values['span'])?.[0] ?? '86400000'
  const summary = useAsked<Summary>(`v1/summary?span=${span}`, EVERY_MS)
  const series = useAsked<ApiAnswer<'series'>>(`v1/series?names=${NAMES.join(',')}&span=${span}`, EVERY_MS)
  const { answer } = summary
  return (
    <section class="screen page" aria-labelledby="h-overview">
      <Trouble problem={summary.problem} again={summary.again} />
      <header class="lede">
        <h1 id="h-overview">{answer === undefined ? 'Overview' : <Sentence parts={answer.sentence} />}</h1>
        <Segments label="Span" options={SPANS} value={span} choose={(key) => go('overview', { span: key }, true)} />
      </header>
      {answer === undefined ? (
        summary.isAsking && <Waiting />
      ) : (
        <Cards summary={answer} series={series.answer} span={Number(span)} />
      )}
    </section>
  )
}

function Cards({ summary, series, span }: { summary: Summary; series: ApiAnswer<'series'> | undefined; span: number }) {
  const { totals, turnedAway, latency, queue, tls } = summary
  const all = totals.accepted + totals.quarantined + totals.discarded + totals.deferred + totals.refused
  if (all === 0 && latency.length === 0)
    return (
      <Empty icon="i-overview" title="No mail in this span.">
        <p>
          When there is some, this is where its volume, what was turned away by whose word, and what it cost will stand.
        </p>
      </Empty>
    )
  return (
    <div class="cards">
      {series !== undefined && <VolumeCard series={series} totals={totals} span={span} />}
      {turnedAway.length > 0 && (
        <article class="card">
          <h2>Turned away, by whose word</h2>
          <Bars
            caption="Refusals and deferrals by plugin"
            rows={turnedAway.slice(0, 9).map(({ plugin, outcome, count }) => ({
              word: plugin === '-' ? 'the server' : plugin,
              count,
              kind: outcome === 'deferred' ? 'defer' : 'reject',
            }))}
          />
        </article>
      )}
      {latency.length > 0 && (
        <article class="card">
          <h2>
            Plugins <small>p50 to p99, ms</small>
          </h2>
          <table class="ranges">
            <caption class="vh">Latency of plugins, milliseconds</caption>
            <tbody>
              {latency
                .toSorted((a, b) => b.p99 - a.p99)
                .slice(0, 8)
                .map(({ plugin, p50, p99 }) => (
                  <tr>
                    <th scope="row">{plugin}</th>
                    <td>
                      <Range p50={p50} p99={p99} />
                    </td>
                    <td class="num">{rangeInWords(p50, p99)}</td>
                  </tr>
                ))}
            </tbody>
          </table>
        </article>
      )}
      {queue !== undefined && <QueueCard queue={queue} now={summary.to} />}
      {tls.length > 0 && <TlsCard tls={tls} />}
      <WorkCard summary={summary} series={series} />
    </div>
  )
}

function VolumeCard({
  series,
  totals,
  span,
}: {
  series: ApiAnswer<'series'>
  totals: Summary['totals']
  span: number
}) {
  const values = (name: string): readonly (number | null)[] =>
    series.series.find((one) => one.name === name)?.values ?? []
  const kinds: VolumeSeries[] = [
    { word: 'Accepted', kind: 'ok', isAbove: true, values: values('accepted'), total: totals.accepted },
    {
      word: 'Quarantined',
      kind: 'quarantine',
      isAbove: true,
      values: values('quarantined'),
      total: totals.quarantined,
    },
    { word: 'Deferred', kind: 'defer', isAbove: false, values: values('deferred'), total: totals.deferred },
    { word: 'Refused', kind: 'reject', isAbove: false, values: values('refused'), total: totals.refused },
  ]
  return (
    <article class="card wide">
      <h2>
        Volume <small>{ageOf(series.stepMs)} a bar; above the road: went on, below: turned away</small>
      </h2>
      <Volume series={kinds} from={series.from} stepMs={series.stepMs} spanMs={span} />
    </article>
  )
}

/** `under 5 min`, …, `older`. */
export function agesInWords(bounds: readonly number[], prefix = 'under '): string[] {
  return [...bounds.map((ms) => `${prefix}${ageOf(ms)}`), 'older']
}

function QueueCard({ queue: { ages, bounds, oldestAt }, now }: { queue: NonNullable<Summary['queue']>; now: number }) {
  const waiting = ages.reduce((a, b) => a + b, 0)
  return (
    <article class="card">
      <h2>Queue, by age</h2>
      <p class="figure">
        <b>{number(waiting)}</b> {plural(waiting, 'waits', 'wait')}
        {oldestAt !== undefined && <span>oldest {ageOf(now - oldestAt)}</span>}
      </p>
      <Bars caption="Messages by age" rows={agesInWords(bounds).map((word, n) => ({ word, count: ages[n] ?? 0 }))} />
    </article>
  )
}

function TlsCard({ tls }: { tls: Summary['tls'] }) {
  const sum = tls.reduce((total, { count }) => total + count, 0)
  const isQuantum = (group: string | undefined): boolean => group !== undefined && /MLKEM/i.test(group)
  const quantum = tls.filter(({ group }) => isQuantum(group)).reduce((total, { count }) => total + count, 0)
  const wordOf = ({ version, group }: Summary['tls'][number]): string =>
    version === 'none'
      ? 'none, in the clear'
      : `${version.replace('TLSv', 'TLS ')}${group === undefined ? '' : `, ${group}`}`
  // In the clear stands last, whatever its share: the hatched end of the bar.
  const kinds = tls.toSorted((a, b) => Number(a.version === 'none') - Number(b.version === 'none') || b.count - a.count)
  const named = kinds.filter(({ version }) => version !== 'none').slice(0, 3)
  const clear = kinds.filter(({ version }) => version === 'none')
  const shown = [...named.map((one, n) => ({ one, css: n + 1 })), ...clear.map((one) => ({ one, css: 4 }))]
  return (
    <article class="card">
      <h2>How it came in</h2>
      <p class="figure">
        <b>{percent(quantum / sum)}</b> post-quantum
      </p>
      <Share
        label={shown.map(({ one }) => `${wordOf(one)} ${percent(one.count / sum)}`).join(', ')}
        css="seg"
        parts={shown.map(({ one, css }) => ({ share: one.count / sum, css }))}
      />
      <ul class="legend col">
        {shown.map(({ one, css }) => (
          <li>
            <i class={`k a${css}`} />
            {wordOf(one)} <b>{percent(one.count / sum)}</b>
          </li>
        ))}
      </ul>
    </article>
  )
}

/** What a message costs: the figure that is wanted small. */
function WorkCard({
  summary: { work, workBefore },
  series,
}: {
  summary: Summary
  series: ApiAnswer<'series'> | undefined
}) {
  if (work === undefined) return null
  const cpu =
    series?.series.find(({ name }) => name === 'work')?.values.filter((value): value is number => value !== null) ?? []
  return (
    <article class="card">
      <h2>Work a message</h2>
      <dl class="work">
        <Figure word="CPU" unit=" ms" now={work.cpuMs} before={workBefore?.cpuMs} />
        <Figure word="Writes" now={work.writes} before={workBefore?.writes} />
        <Figure word="Syncs" now={work.syncs} before={workBefore?.syncs} />
      </dl>
      {cpu.length > 2 && (
        <div
          class="chart"
          role="img"
          aria-label={`CPU milliseconds a message, between ${Math.min(...cpu).toFixed(1)} and ${Math.max(...cpu).toFixed(1)}`}
        >
          <Line values={cpu} />
        </div>
      )}
      {workBefore !== undefined && <p class="note">Against the span before.</p>}
    </article>
  )
}

function Figure({
  word,
  unit = '',
  now,
  before,
}: {
  word: string
  unit?: string
  now: number | undefined
  before: number | undefined
}) {
  if (now === undefined) return null
  const difference = before === undefined ? 0 : now - before
  const isSame = Math.abs(difference) < Math.max(0.01, now * 0.02)
  return (
    <div>
      <dt>{word}</dt>
      <dd>
        <b>{now.toFixed(now < 1 ? 2 : 1)}</b>
        {unit}
      </dd>
      {before !== undefined && (
        <dd class={difference < 0 && !isSame ? 'good' : ''}>
          {isSame ? '=' : `${difference < 0 ? '▼' : '▲'} ${Math.abs(difference).toFixed(2)}`}
        </dd>
      )}
    </div>
  )
}
