/** What a ledger writes into its store: values of some thousand octets, each with rows of many domains, as lines of text. */

/** Rows of a domain; `about` is what the report has to know of it, the last word counts. */
export interface WaitingRows {
  about: string
  readonly rows: Map<string, number>
}

/** A value, and the share of the day that it belongs to. */
export interface PackedValue {
  readonly share: number
  readonly text: string
}

/** Lines in one value of the store. */
const BATCH = 1_000
/** Begins the line of a domain; those of its rows begin with a number. */
const DOMAIN = '@'

/**
 * Puts the domains of a share together: a value for each would cost more than all the counting. Lines, for rows are JSON already, and to write
 * them as JSON once more takes longer than to count them.
 */
export function pack(
  buckets: ReadonlyMap<string, WaitingRows>,
  { shares, shareOf }: { readonly shares: number; shareOf(domain: string): number },
): readonly PackedValue[] {
  const packed: PackedValue[] = []
  // Joined at once: to add to a text row by row takes three times as long.
  const open: string[][] = Array.from({ length: shares }, () => [])
  for (const [domain, { about, rows }] of buckets) {
    const share = shareOf(domain)
    const lines = open[share]
    if (lines === undefined) continue // none is beyond the last
    const head = `${DOMAIN}${domain} ${line(about)}`
    lines.push(head)
    for (const [row, count] of rows) {
      lines.push(`${count} ${line(row)}`)
      if (lines.length < BATCH) continue
      packed.push({ share, text: lines.join('\n') })
      lines.length = 0
      lines.push(head)
    }
  }
  for (const [share, lines] of open.entries()) if (lines.length > 1) packed.push({ share, text: lines.join('\n') })
  return packed
}

function line(text: string): string {
  return text.includes('\n') ? text.replaceAll('\n', ' ') : text
}

/** Gives the rows of a value to `add`, domain by domain. What stands in the store was written by us, perhaps by another version: other lines are passed over. */
export function unpack(
  text: string,
  add: (domain: string, about: string, row: readonly [text: string, count: number]) => void,
): void {
  let domain = ''
  let about = ''
  for (let begin = 0; begin < text.length; ) {
    const found = text.indexOf('\n', begin)
    const end = found < 0 ? text.length : found
    const space = text.indexOf(' ', begin)
    if (space > begin && space < end) {
      const [first, rest] = [text.slice(begin, space), text.slice(space + 1, end)]
      const count = Number(first)
      if (first.startsWith(DOMAIN)) [domain, about] = [first.slice(1), rest]
      else if (domain !== '' && Number.isSafeInteger(count) && count > 0 && rest !== '')
        add(domain, about, [rest, count])
    }
    begin = end + 1
  }
}
