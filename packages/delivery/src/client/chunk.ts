/** A message as one chunk of BDAT, RFC 3030 §2: the octets as they are, without a dot to end them and none to hide. */
import type { MessageSource } from '@postroad/mail'

const LF = 10
const CR = 13

/** Longer messages go by DATA: what is saved is one wait, and a chunk is copied. */
const MAX_CHUNK = 65_536

/** The octets of a message that may go as one chunk. */
interface Chunk {
  readonly octets: readonly Uint8Array[]
  readonly size: number
}

/**
 * The message as a chunk; undefined when it has to go by DATA: it is long, or not in memory, or not all of its lines end with CRLF (RFC 5321
 * §2.3.8; what DATA puts right on the way, a chunk would pass on, CVE-2023-51764).
 */
export function chunkOf(message: MessageSource): Chunk | undefined {
  if (message.size > MAX_CHUNK || message.size === 0) return undefined
  const octets = message.chunks?.()
  if (octets === undefined) return undefined
  let size = 0
  let before = LF
  let last = LF
  for (const piece of octets) {
    if (piece.length === 0) continue
    // The pieces of a chunk are cut anywhere: a CR may end one, its LF begin the next.
    if (!message.hasOnlyCrlf && !isText(piece, last)) return undefined
    size += piece.length
    before = piece.length > 1 ? (piece[piece.length - 2] as number) : last // it is long enough
    last = piece[piece.length - 1] as number // it is not empty
  }
  return last === LF && before === CR ? { octets, size } : undefined
}

/** Whether each CR is followed by LF, and each LF follows CR; a CR at the end is for the next piece to say. */
function isText(piece: Uint8Array, before: number): boolean {
  const { length } = piece
  const last = length - 4
  let i = 0
  if (before === CR) {
    if (piece[0] !== LF) return false
    i = 1
  }
  while (i < length) {
    // Four at a time over what is plain: nearly everything.
    while (i < last && isPlain(piece[i]) && isPlain(piece[i + 1]) && isPlain(piece[i + 2]) && isPlain(piece[i + 3]))
      i += 4
    const octet = piece[i]
    if (octet === LF) return false
    if (octet === CR) {
      if (i + 1 < length && piece[i + 1] !== LF) return false
      i++
    }
    i++
  }
  return true
}

function isPlain(octet: number | undefined): boolean {
  return octet !== undefined && octet > CR
}
