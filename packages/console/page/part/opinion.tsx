/** How an opinion, or what became of a mail, looks: each has its own shape, and colour only repeats it. */
import type { CellKind } from '../now/road.ts'
import { Icon } from './icon.tsx'

const GLYPH: Readonly<Record<string, string>> = {
  accept: 'pass',
  accepted: 'pass',
  delivered: 'pass',
  relayed: 'pass',
  queued: 'pass',
  pass: 'pass',
  ok: 'pass',
  silent: 'silent',
  none: 'silent',
  points: 'silent',
  defer: 'defer',
  deferred: 'defer',
  waiting: 'defer',
  reject: 'reject',
  refused: 'reject',
  bounced: 'reject',
  failed: 'fail',
  quarantine: 'quarantine',
  quarantined: 'quarantine',
  discard: 'discard',
  discarded: 'discard',
  fail: 'fail',
  fault: 'reject',
  remark: 'fail',
  aborted: 'silent',
  shadow: 'reject',
  'under-way': 'under-way',
}
const CSS: Readonly<Record<string, string>> = {
  accept: 'ok',
  accepted: 'ok',
  delivered: 'ok',
  relayed: 'ok',
  queued: 'ok',
  pass: 'ok',
  ok: 'ok',
  deferred: 'defer',
  waiting: 'defer',
  refused: 'reject',
  bounced: 'reject',
  failed: 'fail',
  quarantined: 'quarantine',
  discard: 'discard',
  discarded: 'discard',
  fault: 'reject',
  remark: 'points',
  none: 'silent',
  aborted: 'silent',
}

/** The class that gives a kind its colour. */
export const cssOf = (kind: string): string => CSS[kind] ?? kind

/** The drawing of a kind in the sprite. */
export const glyphOf = (kind: string): string => `g-${GLYPH[kind] ?? 'silent'}`

/** A kind as a word: `✓ accepted`. */
export function Say({ kind, word, isShadow }: { kind: string; word?: string; isShadow?: boolean }) {
  return (
    <span class={`say ${isShadow ? 'shadow' : cssOf(kind)}`}>
      <Icon id={glyphOf(kind)} />
      {word ?? kind}
    </span>
  )
}

/** A drawing within a line of text. */
export function Mark({ kind }: { kind: string }) {
  return <Icon id={glyphOf(kind)} css={`gl ${cssOf(kind)}`} />
}

/** One cell of the road; `points` stands in it as a number. */
export function Cell({
  kind,
  points,
  isShadow,
}: {
  kind: CellKind
  points?: number | undefined
  isShadow?: boolean | undefined
}) {
  const css = isShadow ? 'c shadow' : `c ${cssOf(kind)}`
  if (kind === 'none') return <span class="c none" />
  if (kind === 'points') return <span class={css}>{Math.round((points ?? 0) * 10) / 10}</span>
  return (
    <span class={css}>
      <Icon id={glyphOf(kind)} />
    </span>
  )
}
