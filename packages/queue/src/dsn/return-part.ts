/** What of the original goes back with a notification: all of it, or its header section. RFC 3461 §4.3. */
import type { MessageSource } from '@postroad/mail'
import { QueueError } from '../store.ts'

/** The original, or its beginning. */
export interface ReturnedContent {
  readonly octets: Buffer
  readonly isWhole: boolean
}

/** How much of a header section goes back, in octets. */
const HEADER_LIMIT = 64 * 1024

/**
 * Reads the original: whole when that is asked for and it has at most `wholeLimit` octets, otherwise its header section. Of one that is
 * damaged nothing goes back; its sender is told all the same.
 */
export async function readReturned(
  source: MessageSource,
  options: {
    readonly whole: boolean
    readonly wholeLimit: number
    /** Of the header section only what the envelope tells, too: it may go where the original must not. */
    readonly isRedacted?: boolean
  },
): Promise<ReturnedContent> {
  const isWhole = options.whole && source.size <= options.wholeLimit
  const limit = isWhole ? source.size : HEADER_LIMIT
  const octets = await readUpTo(source, limit).catch((error: unknown) => {
    if (error instanceof QueueError && error.code === 'ERR_QUEUE_CORRUPT') return undefined
    throw error
  })
  if (octets === undefined) return { octets: Buffer.alloc(0), isWhole: false }
  if (isWhole) return { octets, isWhole }
  const header = headerSection(octets)
  return { octets: options.isRedacted ? redacted(header) : header, isWhole }
}

/** Fields by which a sender knows a message, and which say nothing of what is in it. */
const KNOWN_BY = /^(?:date|from|sender|to|cc|message-id)[ \t]*:/i

/** RFC 8689 §5: the subject, and what was found on the way, stay here. */
function redacted(header: Buffer): Buffer {
  let isKept = false
  const lines = header
    .toString('latin1')
    .split(/(?<=\r\n)/)
    .filter((line) => {
      if (!/^[ \t]/.test(line)) isKept = KNOWN_BY.test(line)
      return isKept
    })
  return Buffer.from(lines.join(''), 'latin1')
}

async function readUpTo(source: MessageSource, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of source.chunks?.() ?? source.raw()) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= limit) break
  }
  return Buffer.concat(chunks).subarray(0, limit)
}

/** Up to the empty line, or to the last whole line. */
function headerSection(octets: Buffer): Buffer {
  if (octets[0] === 0x0d && octets[1] === 0x0a) return Buffer.alloc(0)
  const end = octets.indexOf('\r\n\r\n')
  return octets.subarray(0, (end === -1 ? octets.lastIndexOf('\r\n') : end) + 2)
}
