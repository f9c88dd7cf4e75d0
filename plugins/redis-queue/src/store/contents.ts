/** Content in Redis: compressed, in pieces, so that a large message never is in memory whole. Large ones, by choice, in a shared folder. */

import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { MessageSource, Reply } from '@postroad/mail'
import { QueueError } from '@postroad/queue-engine'
import type { RedisLink } from '@postroad/redis-link'
import type { ContentNote } from './record.ts'
import { SharedFolder } from './shared-folder.ts'

/** Octets of a piece before it is compressed. */
export const PIECE = 1_048_576
/** Milliseconds after which pieces of a message that was never taken go by themselves. */
const ORPHAN_LIFE_MS = 3_600_000
/** Below this nothing is gained. */
const COMPRESS_FROM = 512
const RAW = 0
const ZSTD = 1

/** Content that is ready to be taken. */
export interface PreparedContent extends ContentNote {
  /** The whole content, encoded, when it is one piece: goes with the envelope in one step. */
  readonly only: Buffer
}

const NOTHING = Buffer.alloc(0)

/** Where large content stands in files. */
export interface ContentFolder {
  readonly folder: string
  /** Content up to this many octets stands in Redis all the same. */
  readonly inlineLimit: number
  /** Octets that must stay free in the folder. */
  readonly minFree: number
}

/** The content of one queue. */
export class Contents {
  readonly #link: RedisLink
  readonly #space: string
  readonly #inlineLimit: number
  readonly #folder: SharedFolder | undefined

  /** @param space begins every key of the queue */
  constructor(link: RedisLink, space: string, files?: ContentFolder) {
    this.#link = link
    this.#space = space
    this.#inlineLimit = files?.inlineLimit ?? Number.POSITIVE_INFINITY
    this.#folder = files && new SharedFolder({ ...files, link, key: `${space}folder` })
  }

  /** Octets that content of this size takes in Redis, or a reply when the folder has no room for it. */
  admit(size: number): number | Reply {
    if (!this.#folder || size <= this.#inlineLimit) return size
    return this.#folder.admit(size) ?? 0
  }

  /** Encodes content, and writes ahead what does not go with the envelope. `known`: a file that was written, though the step after it failed. */
  async prepare(id: string, source: MessageSource, known?: ContentNote): Promise<PreparedContent> {
    if (known?.pieces === 0) return { ...known, only: NOTHING }
    if (!this.#folder || source.size <= this.#inlineLimit) return prepareContent(this.#link, this.#keyOf(id), source)
    return { crc: await this.#folder.write(id, source), pieces: 0, only: NOTHING }
  }

  /** The octets. Reading rejects with `ERR_QUEUE_CORRUPT` when they are not what was written. */
  read(id: string, expected: ContentNote & { readonly size: number }): MessageSource {
    if (expected.pieces > 0) return readContent(this.#link, this.#keyOf(id), expected)
    const folder = this.#folder
    if (folder) return { size: expected.size, raw: (lend) => folder.read(id, expected, lend) }
    return failingSource(
      expected.size,
      new QueueError('ERR_QUEUE_IO', 'The content is in a shared folder, and this node has none'),
    )
  }

  /** Removes what is not in Redis; a message that ends there takes its pieces along. */
  async remove(id: string, note: ContentNote | undefined): Promise<void> {
    if (note?.pieces === 0) await this.#folder?.remove(id)
  }

  /** Removes files whose message nobody knows. Resolves to how many. */
  async sweep(isKnown: (id: string) => Promise<boolean>, olderMs?: number): Promise<number> {
    return (await this.#folder?.sweep(isKnown, olderMs)) ?? 0
  }

  #keyOf(id: string): string {
    return `${this.#space}b:${id}`
  }
}

/**
 * Encodes content; all but those of one piece are sent ahead.
 *
 * @throws {QueueError} `ERR_QUEUE_IO` when the source is not as long as it says
 */
export async function prepareContent(link: RedisLink, key: string, source: MessageSource): Promise<PreparedContent> {
  const ready = source.chunks?.()
  if (ready && source.size <= PIECE) {
    const octets = ready.length === 1 && ready[0] ? ready[0] : Buffer.concat(ready)
    if (octets.length !== source.size) throw wrongLength()
    return { crc: crc32(octets), pieces: 1, only: encodePiece(octets) }
  }
  return sendPieces(link, key, source)
}

async function sendPieces(link: RedisLink, key: string, source: MessageSource): Promise<PreparedContent> {
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
    // NX: a step that is tried again may have been done, and then its pieces must stay for good.
    else await link.send('set', [`${key}:${pieces}`, encoded, 'NX', 'PX', ORPHAN_LIFE_MS])
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

/** The octets of content. Reading rejects with `ERR_QUEUE_CORRUPT` when they are not what was written. */
export function readContent(
  link: RedisLink,
  key: string,
  expected: ContentNote & { readonly size: number },
): MessageSource {
  return { size: expected.size, raw: () => readPieces(link, key, expected) }
}

async function* readPieces(
  link: RedisLink,
  key: string,
  expected: ContentNote & { readonly size: number },
): AsyncGenerator<Buffer> {
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

/** The source of content that is gone. */
export function missingContent(size: number): MessageSource {
  return failingSource(size, corrupt())
}

function failingSource(size: number, error: QueueError): MessageSource {
  return { size, raw: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) }) }
}

function corrupt(cause?: unknown): QueueError {
  return new QueueError(
    'ERR_QUEUE_CORRUPT',
    'The content is not what was written',
    cause === undefined ? undefined : { cause },
  )
}

function wrongLength(): QueueError {
  return new QueueError('ERR_QUEUE_IO', 'The message is not as long as it says')
}
