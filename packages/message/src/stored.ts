/** The octets of one complete message, in memory or in a file, for any number of readers. */
import type { MessageSource } from '@postroad/mail'
import { MessageError } from './errors.ts'
import type { HeaderExcess, HeaderScanner } from './header-scanner.ts'
import type { SpillFile } from './spill-file.ts'

/** A message that has come to its end. Offsets and sizes are octets. */
export interface Stored {
  readonly size: number
  /** Size of the header section, without the empty line. */
  readonly headerSize: number
  /** Offset of the body, after the empty line; the size when there is none. */
  readonly bodyStart: number
  /** Fields in the header section; lines that are no fields count. */
  readonly fieldCount: number
  /** `Received` fields among them, RFC 5321 §6.3. */
  readonly receivedCount: number
  /** Which limits the header section exceeds; what follows from it is for others to say. */
  readonly excess: HeaderExcess
  /** No CR or LF stands by itself; false: nobody knows. */
  readonly hasOnlyCrlf: boolean
  /** The header section. When it exceeds its limit and is in a file: only the whole fields at its beginning. */
  readonly header: Uint8Array
  /** The octets from that offset, at once, when they are in memory. Not to be changed. */
  chunks(from?: number): readonly Uint8Array[] | undefined
  /** The file with all octets, when it may be taken over. */
  file(): TakenFile | undefined
  /** The octets from that offset, of a file in the memory that is lent. Rejects with `ERR_BODY_DISPOSED` when begun after `dispose`. */
  read(from?: number, lend?: () => Uint8Array): AsyncIterable<Uint8Array>
  /** Frees memory or file; a reader that has begun may read to its end. */
  dispose(): void | Promise<void>
}

/** A file that may get another owner. */
export type TakenFile = Pick<NonNullable<ReturnType<NonNullable<MessageSource['file']>>>, 'crc' | 'moveTo'>

const READ_SIZE = 256 * 1024

/** What is known of a message when it has come to its end. */
export interface StoredFacts {
  readonly size: number
  readonly scanner: HeaderScanner
  readonly hasOnlyCrlf: boolean
}

/** What both kinds know of the message. */
abstract class StoredBase {
  readonly size: number
  readonly headerSize: number
  readonly bodyStart: number
  readonly fieldCount: number
  readonly receivedCount: number
  readonly excess: HeaderExcess
  readonly hasOnlyCrlf: boolean

  constructor({ size, scanner, hasOnlyCrlf }: StoredFacts) {
    this.size = size
    this.hasOnlyCrlf = hasOnlyCrlf
    this.headerSize = scanner.headerSize
    this.bodyStart = scanner.bodyStart ?? size
    this.fieldCount = scanner.fieldCount
    this.receivedCount = scanner.receivedCount
    this.excess = scanner.excess
  }
}

/** {@link Stored} in memory. */
export class StoredMemory extends StoredBase implements Stored {
  #chunks: readonly Uint8Array[] | undefined
  #header: Uint8Array | undefined

  constructor(chunks: readonly Uint8Array[], known: StoredFacts) {
    super(known)
    this.#chunks = chunks
  }

  get header(): Uint8Array {
    return (this.#header ??= firstOctets(this.#all(), this.headerSize))
  }

  chunks(from = 0): readonly Uint8Array[] {
    return skipOctets(this.#all(), from)
  }

  file(): undefined {
    return undefined
  }

  async *read(from = 0): AsyncIterable<Uint8Array> {
    yield* this.chunks(from)
  }

  dispose(): void {
    this.#chunks = undefined
  }

  #all(): readonly Uint8Array[] {
    if (!this.#chunks) throw new MessageError('ERR_BODY_DISPOSED')
    return this.#chunks
  }
}

/** {@link Stored} in a file; its header section is in memory, too. */
export class StoredFile extends StoredBase implements Stored {
  readonly header: Uint8Array
  readonly #file: SpillFile
  readonly #crc: number
  #readers = 0
  #isDisposed = false

  /** @param crc CRC-32 of the file; only asked for when it may be taken over */
  constructor(file: SpillFile, head: Uint8Array, known: StoredFacts & { readonly crc: number }) {
    super(known)
    this.#file = file
    this.#crc = known.crc
    this.header = head.length < known.scanner.headerSize ? wholeFields(head) : head
  }

  chunks(): undefined {
    return undefined
  }

  file(): TakenFile | undefined {
    const file = this.#file
    if (!file.moveTo || this.#isDisposed) return undefined
    return { crc: this.#crc, moveTo: (path) => file.moveTo?.(path) ?? Promise.resolve() }
  }

  async *read(from = 0, lend?: () => Uint8Array): AsyncIterable<Uint8Array> {
    if (this.#isDisposed) throw new MessageError('ERR_BODY_DISPOSED')
    this.#readers++
    try {
      for (let offset = from; offset < this.size; ) {
        const memory = lend?.()
        const length = Math.min(memory?.length ?? READ_SIZE, this.size - offset)
        const chunk = await this.#file.read(offset, length, memory)
        if (chunk.length === 0) throw new MessageError('ERR_BODY_TRUNCATED')
        offset += chunk.length
        yield chunk
      }
    } finally {
      this.#readers--
      if (this.#isDisposed && this.#readers === 0) await this.#file.close()
    }
  }

  dispose(): void | Promise<void> {
    if (this.#isDisposed) return
    this.#isDisposed = true
    if (this.#readers === 0) return this.#file.close()
  }
}

/** One piece with the first octets; a view where they are in the first chunk. */
function firstOctets(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const [first] = chunks
  return first && first.length >= size ? first.subarray(0, size) : Buffer.concat(chunks, size)
}

function skipOctets(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let rest = count
  for (const [index, chunk] of chunks.entries()) {
    if (rest === 0) return index === 0 ? chunks : chunks.slice(index)
    if (rest < chunk.length) return [chunk.subarray(rest), ...chunks.slice(index + 1)]
    rest -= chunk.length
  }
  return []
}

/** Cuts back to where the last line that begins a field begins. */
function wholeFields(head: Uint8Array): Uint8Array {
  let end = head.lastIndexOf(0x0a)
  // The octet after the line end says whether the field goes on.
  while (end >= 0 && (end + 1 === head.length || head[end + 1] === 0x20 || head[end + 1] === 0x09))
    end = end === 0 ? -1 : head.lastIndexOf(0x0a, end - 1)
  return head.subarray(0, end + 1)
}
