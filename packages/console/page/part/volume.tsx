/** Volume over time: what went on above the road, what was turned away below it; the pointer says the numbers of a step, and a key shows all of them. */
import { useState } from 'preact/hooks'
import { dayOf, markOf, number, timeOf } from '../word.ts'
import { Mirror } from './mirror.tsx'

/** One kind. */
export interface VolumeSeries {
  readonly word: string
  readonly kind: 'ok' | 'quarantine' | 'defer' | 'reject'
  readonly isAbove: boolean
  readonly values: readonly (number | null)[]
  readonly total: number
}

interface Props {
  readonly series: readonly VolumeSeries[]
  readonly from: number
  readonly stepMs: number
  readonly spanMs: number
}

/** Marks below the picture. */
const MARKS = 6

/** The picture, its axis, and the numbers of the step that the pointer is at. */
export function Volume({ series, from, stepMs, spanMs }: Props) {
  const [at, setAt] = useState<number | undefined>(undefined)
  const [isTable, setTable] = useState(false)
  const steps = Math.max(0, ...series.map(({ values }) => values.length))
  const countOf = (one: VolumeSeries, n: number): number => one.values[n] ?? 0
  const wordOf = (n: number): string => `${dayOf(from + n * stepMs)} ${timeOf(from + n * stepMs).slice(0, 5)}`
  const bars = Array.from({ length: steps }, (_, n) =>
    Object.fromEntries(series.map((one) => [one.kind, countOf(one, n)])),
  )
  const point = (event: PointerEvent): void => {
    const box = (event.currentTarget as Element).getBoundingClientRect() // the picture itself
    setAt(Math.max(0, Math.min(steps - 1, Math.floor(((event.clientX - box.left) / box.width) * steps))))
  }
  return (
    <>
      <div
        class="chart tall volume"
        role="img"
        aria-label={series.map(({ word, total }) => `${number(total)} ${word.toLowerCase()}`).join(', ')}
        onPointerMove={point}
        onPointerLeave={() => setAt(undefined)}
      >
        {at !== undefined && <i class="here" style={{ left: `${(at / steps) * 100}%`, width: `${100 / steps}%` }} />}
        <Mirror bars={bars} width={960} height={216} />
      </div>
      <div class="axis" aria-hidden="true">
        {Array.from({ length: MARKS + 1 }, (_, n) => (
          <span>{markOf(from + (n / MARKS) * steps * stepMs, spanMs)}</span>
        ))}
      </div>
      <ul class="legend">
        {series.map((one) => (
          <li>
            <i class={`k ${one.isAbove ? 'up' : 'down'} ${one.kind}`} />
            {one.word} <b>{number(at === undefined ? one.total : countOf(one, at))}</b>
          </li>
        ))}
        <li class="last">
          {at === undefined ? (
            <button type="button" class="link" onClick={() => setTable(!isTable)} aria-expanded={isTable}>
              {isTable ? 'Without the numbers' : 'As numbers'}
            </button>
          ) : (
            <span class="step">{wordOf(at)}</span>
          )}
        </li>
      </ul>
      {isTable && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and who has no mouse scrolls by keys
        <div class="numbers" tabIndex={0}>
          <table class="plain">
            <caption class="vh">Volume, step by step</caption>
            <thead>
              <tr>
                <th scope="col">From</th>
                {series.map(({ word }) => (
                  <th scope="col" class="num">
                    {word}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {bars.map((_, n) => (
                <tr>
                  <th scope="row">{wordOf(n)}</th>
                  {series.map((one) => (
                    <td class="num">{number(countOf(one, n))}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  )
}
