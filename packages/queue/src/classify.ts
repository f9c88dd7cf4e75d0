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
  const text = wordsOf(reply.text)
  const detail = (reply.status ?? statusIn(text, reply.code))?.slice(2)
  return table.find((row) => matches(row, { reply, text, detail }))?.class ?? 'other'
}

/** Whose fault a failure is, which is what follows from it for the recipient. */
export type BounceFault = 'address' | 'mailbox' | 'policy' | 'transport'

const FAULTS: Readonly<Record<BounceClass, BounceFault>> = {
  'invalid-mailbox': 'address',
  'invalid-domain': 'address',
  'inactive-mailbox': 'address',
  quota: 'mailbox',
  greylist: 'mailbox',
  'too-big': 'policy',
  content: 'policy',
  rate: 'policy',
  'spam-block': 'policy',
  reputation: 'policy',
  authentication: 'policy',
  policy: 'policy',
  relaying: 'policy',
  tls: 'transport',
  loop: 'transport',
  dns: 'transport',
  network: 'transport',
  protocol: 'transport',
  system: 'transport',
  other: 'transport',
}

/**
 * Whose fault a failure is:
 *
 * * `address`: it is of no use to try it again, and the recipient may be suppressed
 * * `mailbox`: the mailbox cannot take mail now; it is dead only when that goes on
 * * `policy`: of the sender, its network or the message; it says nothing of the recipient
 * * `transport`: of the way between, or nobody can say
 *
 * What is only refused for now is never the fault of an address.
 *
 * @example faultOf({ code: 550, status: '5.1.1', text: 'User unknown' }) // 'address'
 */
export function faultOf(reply: Reply, as: BounceClass = classify(reply)): BounceFault {
  const fault = FAULTS[as]
  if (fault !== 'address') return fault
  const isForGood = reply.code >= 500 && reply.code < 600 && !/temporar/i.test(reply.text.slice(0, TEXT_LIMIT))
  return isForGood ? 'address' : 'mailbox'
}

/** In lower case, with one blank before each word; an address is `@`, for what stands in it says nothing. */
function wordsOf(text: string): string {
  const words = text.slice(0, TEXT_LIMIT).toLowerCase().replace(/\s+/g, ' ')
  return ` ${words.replace(/[\w.%+=#~'&*-]{0,64}@[\w.-]*/g, '@')}`
}

/** An enhanced status within the words, as qmail and those who forward the words of others write it: `(#5.1.1)`. */
function statusIn(text: string, code: number): string | undefined {
  const found = /(?:^|[^\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])/.exec(text)?.[1]
  return found?.startsWith(String(Math.floor(code / 100))) ? found : undefined
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
