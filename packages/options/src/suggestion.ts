/** What somebody may have meant who wrote a word that is not known. */

/** The known word that is nearest, when it is near; case does not count. */
export function suggestion(word: string, known: readonly string[]): string | undefined {
  const wrong = word.toLowerCase()
  const near = known
    .map((one) => ({ one, distance: far(wrong, one.toLowerCase()) }))
    .filter(({ one, distance }) => distance <= Math.min(2, Math.max(1.5, one.length / 3)))
    .sort((a, b) => a.distance - b.distance)
  return near[0]?.one
}

function far(wrong: string, one: string): number {
  return Math.min(isBegin(wrong, one) ? 1.5 : Number.POSITIVE_INFINITY, distance(wrong, one))
}

/** `wait` for `waitMs`. */
function isBegin(word: string, of: string): boolean {
  return word.length > 2 && of.startsWith(word)
}

/** Letters to be changed, put in, left out or exchanged with their neighbour. */
function distance(a: string, b: string): number {
  // Nothing so long is near to an option, and the time grows with the product.
  if (a.length > 40) return a.length
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, at) => at)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const other = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + other)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1)
      row.push(least)
    }
    ;[before, last] = [last, row]
  }
  return last[b.length] ?? 0
}
