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
  options: { readonly whole: boolean; readonly wholeLimit: number },
): Promise<ReturnedContent> {
  const isWhole = options.whole && source.size <= options.wholeLimit
  const limit = isWhole ? source.size : HEADER_LIMIT
  const octets = await readUpTo(source, limit).catch((error: unknown) => {
    if (error instanceof QueueError && error.code === 'ERR_QUEUE_CORRUPT') return undefined
    throw error
  })
  if (octets === undefined) return { octets: Buffer.alloc(0), isWhole: false }
  return isWhole ? { octets, isWhole } : { octets: headerSection(octets), isWhole }
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
