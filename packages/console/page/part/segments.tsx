/** One of a few: a span of time, a view of a mail. */
export function Segments<T extends string>({
  label,
  options,
  value,
  choose,
}: {
  label: string
  options: readonly (readonly [key: T, word: string])[]
  value: T
  choose(key: T): void
}) {
  return (
    <div class="seg" role="group" aria-label={label}>
      {options.map(([key, word]) => (
        <button type="button" aria-pressed={key === value} onClick={() => choose(key)}>
          {word}
        </button>
      ))}
    </div>
  )
}

/** The spans that Overview and Plugins know, in milliseconds. */
export const SPANS = [
  ['3600000', '1 h'],
  ['86400000', '24 h'],
  ['604800000', '7 d'],
  ['2592000000', '30 d'],
] as const
