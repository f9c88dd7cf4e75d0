/** Bodies in Redis: compressed, in pieces, so that a large message never is in memory whole. */
import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { type MessageSource, QueueError } from '@postroad/queue'
import type { RedisLink } from '../link.ts'
import type { BodyNote } from './record.ts'

/** Octets of a piece before it is compressed. */
export const PIECE = 1_048_576
/** Milliseconds after which pieces of a message that was never taken go by themselves. */
const ORPHAN_LIFE_MS = 3_600_000
/** Below this nothing is gained. */
const COMPRESS_FROM = 512
const RAW = 0
const ZSTD = 1

/** A body that is ready to be taken. */
export interface PreparedBody extends BodyNote {
  /** The whole body, encoded, when it is one piece: goes with the envelope in one step. */
  readonly only: Buffer
}

const NOTHING = Buffer.alloc(0)

/**
 * Encodes a body; all but those of one piece are sent ahead.
 *
 * @throws {QueueError} `ERR_QUEUE_IO` when the source is not as long as it says
 */
export async function prepareBody(link: RedisLink, key: string, source: MessageSource): Promise<PreparedBody> {
  const ready = source.chunks?.()
  if (ready && source.size <= PIECE) {
    const octets = ready.length === 1 && ready[0] ? ready[0] : Buffer.concat(ready)
    if (octets.length !== source.size) throw wrongLength()
    return { crc: crc32(octets), pieces: 1, only: encodePiece(octets) }
  }
  return sendPieces(link, key, source)
}

async function sendPieces(link: RedisLink, key: string, source: MessageSource): Promise<PreparedBody> {
  let crc = 0
  let size = 0
  let pieces = 0
  const isSmall = source.size <= PIECE
  let only: Buffer = NOTHING
  for await (const piece of inPieces(source)) {
    crc = crc32(piece, crc)
    size += piece.length
    if (size > source.size) throw wrongLength()
    const encoded = encodePiece(piece)
    if (isSmall) only = encoded
    else await link.send('set', [`${key}:${pieces}`, encoded, 'PX', ORPHAN_LIFE_MS])
    pieces++
  }
  if (size !== source.size) throw wrongLength()
  if (pieces === 0) return { crc: 0, pieces: 1, only: encodePiece(NOTHING) }
  return { crc, pieces, only }
}

/** Chunks as they come, put together to pieces. */
async function* inPieces(source: MessageSource): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of source.raw()) {
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + PIECE - length)
      // A source may use its memory again for the next chunk.
      parts.push(Buffer.from(part))
      length += part.length
      from += part.length
      if (length < PIECE) continue
      yield Buffer.concat(parts)
      parts = []
      length = 0
    }
  }
  if (length > 0) yield Buffer.concat(parts)
}

/** The octets of a body. Reading rejects with `ERR_QUEUE_CORRUPT` when they are not what was written. */
export function readBody(link: RedisLink, key: string, expected: BodyNote & { readonly size: number }): MessageSource {
  return { size: expected.size, raw: () => readPieces(link, key, expected) }
}

async function* readPieces(link: RedisLink, key: string, expected: BodyNote & { readonly size: number }): AsyncGenerator<Buffer> {
  let crc = 0
  let size = 0
  for (let piece = 0; piece < expected.pieces; piece++) {
    const octets = decodePiece(await link.send('get', [`${key}:${piece}`], { buffers: true }))
    crc = crc32(octets, crc)
    size += octets.length
    // The last piece is held back until the whole is known to be right: without a final dot nobody takes it.
    if (piece === expected.pieces - 1 && (crc !== expected.crc || size !== expected.size)) throw corrupt()
    if (octets.length > 0) yield octets
  }
}

/** The first octet says how the rest is encoded. */
export function encodePiece(octets: Uint8Array): Buffer {
  const packed = octets.length < COMPRESS_FROM ? undefined : zstdCompressSync(octets)
  const best = packed && packed.length < octets.length ? packed : octets
  const piece = Buffer.allocUnsafe(1 + best.length)
  piece[0] = best === packed ? ZSTD : RAW
  piece.set(best, 1)
  return piece
}

/** @throws {QueueError} `ERR_QUEUE_CORRUPT` */
export function decodePiece(piece: unknown): Buffer {
  if (!Buffer.isBuffer(piece) || piece.length === 0) throw corrupt()
  const rest = piece.subarray(1)
  if (piece[0] === RAW) return rest
  try {
    return zstdDecompressSync(rest, { maxOutputLength: PIECE })
  } catch (cause) {
    throw corrupt(cause)
  }
}

/** A source whose reading fails. */
export function missingBody(size: number): MessageSource {
  return { size, raw: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(corrupt()) }) }) }
}

function corrupt(cause?: unknown): QueueError {
  return new QueueError('ERR_QUEUE_CORRUPT', 'The body is not what was written', cause === undefined ? undefined : { cause })
}

function wrongLength(): QueueError {
  return new QueueError('ERR_QUEUE_IO', 'The message is not as long as it says')
}
