/** Lists as files have them: an address a line, and behind it, after a tab or a comma, the reason, the end, and what is known besides. */
import { parseAddress } from '@postroad/mail'
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

/** @param reason of lines that have none */
export function parseList(
  text: string,
  reason: SuppressionReason,
): { readonly entries: readonly FileEntry[]; readonly mistakes: readonly FileMistake[] } {
  const entries: FileEntry[] = []
  const mistakes: FileMistake[] = []
  for (const [index, written] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const line = written.trimEnd()
    if (line.trim() === '' || line.startsWith('#')) continue
    const read = entryOf(line, reason)
    if (typeof read === 'string') mistakes.push({ line: index + 1, text: read })
    else entries.push(read)
  }
  return { entries, mistakes }
}

function entryOf(line: string, usual: SuppressionReason): FileEntry | string {
  const [address = '', second = '', third = '', ...rest] = line.split(line.includes('\t') ? '\t' : ',').map(unquoted)
  if (parseAddress(address, { smtputf8: true }) === undefined)
    return `"${address.slice(0, 80)}" is not an address such as "user@example.com"`
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
