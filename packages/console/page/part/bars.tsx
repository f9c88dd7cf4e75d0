/** Small tables that are pictures: how many of each, and from which to which. Numbers stand beside each bar. */
import type { ComponentChildren } from 'preact'
import { bare, number } from '../word.ts'

/** One row of `Bars`. */
export interface Row {
  readonly word: ComponentChildren
  readonly count: number
  /** `reject`, `defer`, or the accent. */
  readonly kind?: string
}

/** How many of each, as bars of one scale. */
export function Bars({ caption, rows }: { caption: string; rows: readonly Row[] }) {
  const most = Math.max(1, ...rows.map(({ count }) => count))
  return (
    <table class="bars">
      <caption class="vh">{caption}</caption>
      <tbody>
        {rows.map(({ word, count, kind = 'plain' }) => (
          <tr>
            <th scope="row">{word}</th>
            <td class="barcell">{count > 0 && <i class={kind} style={{ width: `${(count / most) * 100}%` }} />}</td>
            <td class="num">{number(count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** Milliseconds from where this begins to be slow for somebody who waits. */
const SLOW_MS = 1_000
/** The scale of latencies: from 0.05 ms to 100 s, each power of ten as wide as the other. */
const place = (ms: number): number => Math.max(0, Math.min(100, ((Math.log10(Math.max(ms, 0.05)) + 1.3) / 6.3) * 100))

/** From the median to the slowest of a hundred. */
export function Range({ p50, p99 }: { p50: number; p99: number }) {
  const [from, to] = [place(p50), place(p99)]
  return (
    <div class="rng">
      <i class={p99 > SLOW_MS ? 'hot' : ''} style={{ left: `${from}%`, width: `${Math.max(0, to - from)}%` }} />
      <b style={{ left: `${from}%` }} />
    </div>
  )
}

/** `3.2 – 88`, in milliseconds. */
export const rangeInWords = (p50: number, p99: number): string =>
  bare(p50) === bare(p99) ? bare(p50) : `${bare(p50)} – ${bare(p99)}`

/** One bar cut into shares, with a list of what they are. */
export function Share({
  label,
  parts,
  css,
}: {
  label: string
  parts: readonly { readonly share: number; readonly css: number }[]
  css: string
}) {
  return (
    <div class="share" role="img" aria-label={label}>
      {parts.map(({ share, css: n }) => share > 0 && <i class={`${css}${n}`} style={{ width: `${share * 100}%` }} />)}
    </div>
  )
}
