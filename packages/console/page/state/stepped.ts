/** Where a key leads in a list that changes while somebody reads it. */

/** The place to go to. `at` is -1 when the chosen row is not in the list; `last` is where it was then, undefined when none was chosen. */
export function stepped({
  count,
  at,
  last,
  by,
}: {
  readonly count: number
  readonly at: number
  readonly last: number | undefined
  readonly by: number
}): number {
  // The row that came after the one that is gone stands in its place now.
  const from = at >= 0 ? at : last === undefined ? -1 : by > 0 ? last - 1 : last
  return Math.max(0, Math.min(count - 1, from + by))
}
