/** Reads a reply and says why a recipient was not reached: for the schedule, for hooks and for statistics; never for the fate itself. */

import type { Reply } from '@postroad/mail'
import { BOUNCE_TABLE, type BounceClass, type BounceRow } from './bounce-table.ts'

/** How much of a reply's text is looked at, in characters. */
const TEXT_LIMIT = 1_000

/**
 * The class of a refusal, by the first row of the table that matches.
 *
 * @example classify({ code: 450, status: '4.2.0', text: 'Greylisted, see http://example.com' }) // 'greylist'
 */
export function classify(reply: Reply, table: readonly BounceRow[] = BOUNCE_TABLE): BounceClass {
  const text = reply.text.slice(0, TEXT_LIMIT).toLowerCase()
  const detail = reply.status?.slice(2)
  return table.find((row) => matches(row, { reply, text, detail }))?.class ?? 'other'
}

function matches(row: BounceRow, seen: { reply: Reply; text: string; detail: string | undefined }): boolean {
  if (row.digit !== undefined && Math.floor(seen.reply.code / 100) !== row.digit) return false
  // A bare code speaks only where there is no enhanced status: RFC 3463 §1 made the statuses because codes say too little.
  if (row.code !== undefined && (row.code !== seen.reply.code || (seen.detail !== undefined && seen.detail !== '0.0')))
    return false
  if (row.bare && seen.text.trim() !== '') return false
  const { detail = '' } = seen
  if (row.except?.some((one) => (one.endsWith('.') ? detail.startsWith(one) : detail === one))) return false
  if (row.detail !== undefined && (seen.detail === undefined || !row.detail.includes(seen.detail))) return false
  return row.text === undefined || row.text.some((part) => seen.text.includes(part))
}
