/** Points against the thresholds of the operator. */
/** Points from which something is done with a mail. */
export interface Thresholds {
  readonly quarantine?: number | undefined
  readonly defer?: number | undefined
  readonly reject?: number | undefined
}

/** A bar with a mark at each threshold; without thresholds there is nothing to compare with, and only the number stands. */
export function Meter({ points, thresholds }: { points: number; thresholds: Thresholds | undefined }) {
  const marks = (['quarantine', 'defer', 'reject'] as const).flatMap((kind) => {
    const at = thresholds?.[kind]
    return at === undefined || !Number.isFinite(at) ? [] : [{ word: kind === 'reject' ? 'refuse' : kind, at }]
  })
  if (marks.length === 0) return <span>{points}</span>
  const most = Math.max(points, ...marks.map(({ at }) => at)) * 1.2
  const share = (value: number): string => `${Math.max(0, Math.min(100, (value / most) * 100))}%`
  return (
    <span
      class="meter"
      role="img"
      aria-label={`${points} points; ${marks.map(({ word, at }) => `${word} from ${at}`).join(', ')}`}
    >
      <span class="track">
        <span class="fill" style={{ width: share(points) }} />
        {marks.map(({ word, at }) => (
          <span class="at" style={{ left: share(at) }}>
            <span>
              {at} {word}
            </span>
          </span>
        ))}
      </span>
    </span>
  )
}
