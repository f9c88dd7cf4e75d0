/** What clamd answers to a scan: one line, with a NUL at its end where the command had `z` in front (clamd(8)). */
import { notThe } from '@postroad/upstream'

/** What clamd has found out about a message. */
export type ScanReply =
  | { readonly kind: 'clean' }
  /** The first name that fitted. */
  | { readonly kind: 'found'; readonly name: string }
  /** It has not looked at all of it: a limit of clamd's was met, and which. */
  | { readonly kind: 'limit'; readonly limit: string }

/** Octets; the names of signatures are shorter. */
export const REPLY_LIMIT = 4096

const CLEAN: ScanReply = { kind: 'clean' }

/** Whether the line is there to its end. @throws {Error} when it cannot become one of clamd's */
export function isWholeReply(answer: Buffer): boolean {
  if (answer.at(-1) === 0) return true
  // Everybody else says lines; they would be waited for until the deadline.
  if (answer.length >= 8 && !/^(?:stream: |INSTREAM|[A-Za-z][^\r\n]*$)/.test(answer.toString('latin1', 0, 80)))
    throw notThe('clamd', answer)
  return false
}

/** @throws {Error} for everything that is no finding: an error of clamd's, half a line, another server's words */
export function parseScanReply(answer: Buffer): ScanReply {
  const text = answer.toString('latin1')
  if (!text.endsWith('\0')) {
    if (/^(?:stream: |INSTREAM)/.test(text)) throw new Error('clamd hung up in the middle of its answer')
    throw notThe('clamd', answer)
  }
  const line = text.slice(0, -1)
  if (line === 'stream: OK') return CLEAN
  if (line === 'INSTREAM size limit exceeded. ERROR') return { kind: 'limit', limit: 'StreamMaxLength' }
  // ExtendedDetectionInfo puts the digest and size of what was found behind the name.
  const found = /^stream: ([\x21-\x7e]+?)(?:\([0-9a-f]{32}:\d+\))? FOUND$/.exec(line)?.[1]
  if (found !== undefined) return limitOf(found) ?? { kind: 'found', name: found }
  const error = /^(?:stream: )?(.+) ERROR$/.exec(line)?.[1]
  if (error === undefined) throw notThe('clamd', answer)
  // A message that takes too long takes too long again: it is not scanned, rather than never.
  if (/^(?:Time|Recursion|Size|Files) limit /i.test(error)) return { kind: 'limit', limit: error }
  throw new Error(`clamd: ${error.replace(/[^\x20-\x7e]/g, '?')}`)
}

/** With `AlertExceedsMax` clamd says which limit was met in place of a name; without it, it says OK. */
function limitOf(name: string): ScanReply | undefined {
  const limit = /^Heuristics\.Limits\.Exceeded(?:\.(.+?))?(?:\.UNOFFICIAL)?$/.exec(name)
  return limit ? { kind: 'limit', limit: limit[1] ?? 'one of its limits' } : undefined
}
