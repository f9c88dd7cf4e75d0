/** Lists as files have them: an address a line, and behind it, after a tab or a comma, the reason, the end, and what is known besides. */
import { suggestion } from '@postroad/options'
import type { SuppressionReason } from '@postroad/plugin'
import { REASONS } from './list.ts'

/** An entry of a file. */
export interface FileEntry {
  readonly address: string
  readonly reason: SuppressionReason
  /** Milliseconds since the epoch; undefined: by its reason. */
  readonly until: number | undefined
  readonly detail: string | undefined
}

/** What is wrong in a file, and where. */
export interface FileMistake {
  readonly line: number
  readonly text: string
}

/** How lines are read. */
export interface ListReading {
  /** Of lines that have none. */
  readonly reason: SuppressionReason
  /** Whether this stands for an address. */
  takes(text: string): boolean
}

/** All lines are read; what is wrong is told with its line. */
export function parseList(
  text: string,
  reading: ListReading,
): { readonly entries: readonly FileEntry[]; readonly mistakes: readonly FileMistake[] } {
  const entries: FileEntry[] = []
  const mistakes: FileMistake[] = []
  for (const [index, written] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const line = written.trimEnd()
    // A mark of an address begins with the sign of a comment.
    if (line.trim() === '' || (line.startsWith('#') && !reading.takes(line.split(/[\t,]/)[0] ?? ''))) continue
    const read = entryOf(line, reading)
    if (typeof read === 'string') mistakes.push({ line: index + 1, text: read })
    else entries.push(read)
  }
  return { entries, mistakes }
}

function entryOf(line: string, { reason: usual, takes }: ListReading): FileEntry | string {
  const [address = '', second = '', third = '', ...rest] = line.split(line.includes('\t') ? '\t' : ',').map(unquoted)
  if (!takes(address)) return `"${address.slice(0, 80)}" is not an address such as "user@example.com"`
  const reason = second === '' ? usual : REASONS.find((one) => one === second.toLowerCase())
  if (reason === undefined) {
    const meant = suggestion(second, REASONS)
    return `"${second.slice(0, 80)}" is no reason; there are ${REASONS.join(', ')}${meant === undefined ? '' : `. Did you mean "${meant}"?`}`
  }
  const until = third === '' ? undefined : third === 'never' ? Number.POSITIVE_INFINITY : Date.parse(third)
  if (until !== undefined && Number.isNaN(until))
    return `"${third.slice(0, 80)}" is not a time such as "2027-01-31T12:00:00Z", and not "never"`
  return { address, reason, until, detail: rest.join(' ') || undefined }
}

function unquoted(text: string): string {
  const bare = text.trim()
  return bare.length > 1 && bare.startsWith('"') && bare.endsWith('"') && !bare.includes('"@')
    ? bare.slice(1, -1)
    : bare
}
