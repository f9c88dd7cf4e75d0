/**
 * Takes the octets of one message as they arrive: in memory while they are few, in a temporary file when they are many. What comes out can
 * be read any number of times, by any number of readers at once.
 */
import { tmpdir } from 'node:os'
import { crc32 } from 'node:zlib'
import { MessageError } from './errors.ts'
import { type HeaderExcess, type HeaderLimits, HeaderScanner } from './header-scanner.ts'
import { openNamedFile, openSpillFile, type SpillFile } from './spill-file.ts'
import { type Stored, StoredFile, StoredMemory } from './stored.ts'

/** Options of {@link createContentWriter}. */
export interface ContentWriterOptions {
  /** Octets kept in memory before a file is used. Default 1 MiB. */
  readonly memoryLimit?: number
  /** The file keeps its name, a queue id, until the message is disposed of: whoever has the folder may take it over, and sweeps what crashes leave. */
  readonly keepsName?: boolean
  /** Where the temporary file goes. Default: the system's folder for such. */
  readonly folder?: string
  readonly limits?: HeaderLimits
  /** Opens the file; for tests. */
  readonly openFile?: (folder: string) => Promise<SpillFile>
}

/** Takes one message. */
export interface ContentWriter {
  /** Octets so far. */
  readonly size: number
  /** Which header limits have been passed so far; may be asked after each write. */
  readonly excess: HeaderExcess
  /**
   * Takes the next chunk, which belongs to the writer from now on. In memory at once; else a promise that rejects with the
   * system's code when the disk is full. Wait for it before the next call to slow the sender down. `isAlone`: the chunk is all there is in its
   * memory, which is freed once the file has it; default false.
   */
  write(chunk: Uint8Array, isAlone?: boolean): void | Promise<void>
  /** The message is complete. Rejects when a write has failed. `hasOnlyCrlf`: whoever wrote it has seen no CR or LF by itself; default false. */
  finish(hasOnlyCrlf?: boolean): Stored | Promise<Stored>
  /** The message will not be completed. Safe to call at any time, also while a write is under way. */
  abort(): void | Promise<void>
}

// Enough for the disk to be busy, few enough to wait for.
const WRITE_SIZE = 1024 * 1024
// Below this a chunk's own cost in memory (some 100 octets) counts, and copying is cheap.
const SMALL_CHUNK = 512
const TAIL_SIZES = { first: 1024, last: 16 * 1024 }

/**
 * @example
 * const writer = createContentWriter()
 * await writer.write(Buffer.from('Subject: hi\r\n\r\nHello\r\n'))
 * const stored = await writer.finish()
 */
export function createContentWriter(options: ContentWriterOptions = {}): ContentWriter {
  return new Writer(options)
}

class Writer implements ContentWriter {
  size = 0
  readonly #options: ContentWriterOptions
  readonly #memoryLimit: number
  readonly #scanner: HeaderScanner
  /** All chunks in memory; once there is a file, those it does not have yet. */
  #chunks: Uint8Array[] = []
  /** Octets in `#chunks`. */
  #held = 0
  #tail: Buffer | undefined
  #tailUsed = 0
  /** The header section, kept when the rest goes to the file. */
  #head: Buffer | undefined
  #file: SpillFile | undefined
  /** CRC-32 of what the file is given, if it may be taken over. */
  #crc = 0
  #isSpilled = false
  /** The memory of those of `#chunks` that were alone in it. */
  #freeable: ArrayBufferLike[] = []
  /** The last write under way; writes follow each other. */
  #pending: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #isClosed = false

  constructor(options: ContentWriterOptions) {
    this.#options = options
    this.#memoryLimit = options.memoryLimit ?? 1024 * 1024
    this.#scanner = new HeaderScanner(options.limits)
  }

  get excess(): HeaderExcess {
    return this.#scanner.excess
  }

  write(chunk: Uint8Array, isAlone = false): void | Promise<void> {
    if (this.#isClosed) throw new MessageError('ERR_BODY_DISPOSED')
    if (this.#failure) return Promise.reject(this.#failure.error)
    if (this.#scanner.bodyStart === undefined) this.#scanner.scan(chunk)
    this.size += chunk.length
    this.#held += chunk.length
    if (chunk.length > 0) this.#keep(chunk, isAlone)
    if (this.#isSpilled ? this.#held < WRITE_SIZE : !this.#mustSpill()) return undefined
    // The next octets may come while these are written, and what comes after those waits; the first say whether there is a disk at all.
    const before = this.#pending
    const isFirst = !this.#isSpilled
    this.#flush()
    return isFirst ? this.#pending : before
  }

  finish(hasOnlyCrlf = false): Stored | Promise<Stored> {
    if (this.#isClosed) throw new MessageError('ERR_BODY_DISPOSED')
    this.#isClosed = true
    this.#sealTail()
    if (!this.#isSpilled) this.#freeable = []
    return this.#isSpilled
      ? this.#finishFile(hasOnlyCrlf)
      : new StoredMemory(this.#chunks, { size: this.size, scanner: this.#scanner, hasOnlyCrlf })
  }

  abort(): void | Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#chunks = []
    this.#freeable = []
    this.#tail = undefined
    // The caller of write has the rejection; here only the file must go.
    const close = (): Promise<void> | undefined => this.#file?.close()
    return this.#pending ? this.#pending.then(close, close) : close()
  }

  /** The header section stays in memory: it goes to the file, too, but not before it has ended or is too long to be kept. */
  #mustSpill(): boolean {
    return this.size > this.#memoryLimit && (this.#scanner.bodyStart !== undefined || this.#scanner.excess.headerSize)
  }

  async #finishFile(hasOnlyCrlf: boolean): Promise<Stored> {
    if (this.#held > 0 && !this.#failure) this.#flush()
    try {
      await this.#pending
      if (this.#failure) throw this.#failure.error
    } catch (error) {
      await this.#file?.close()
      throw error
    }
    // Both are there after a flush that did not fail.
    if (!this.#file || !this.#head) throw new MessageError('ERR_BODY_DISPOSED')
    return new StoredFile(this.#file, this.#head, {
      size: this.size,
      scanner: this.#scanner,
      hasOnlyCrlf,
      crc: this.#crc,
    })
  }

  #flush(): void {
    this.#isSpilled = true
    this.#sealTail()
    const chunks = this.#chunks
    const offset = this.size - this.#held
    const freeable = this.#freeable
    this.#chunks = []
    this.#freeable = []
    this.#held = 0
    this.#head ??= copyHead(chunks, this.#scanner.headerSize)
    if (this.#options.keepsName) for (const chunk of chunks) this.#crc = crc32(chunk, this.#crc)
    const run = this.#append(this.#pending, chunks, offset).then(() => free(freeable))
    this.#pending = run
    run.then(
      () => {
        if (this.#pending === run) this.#pending = undefined
      },
      // The caller of write has the rejection; a caller who does not look at it must not end the process.
      (error) => {
        this.#failure ??= { error }
      },
    )
  }

  async #append(before: Promise<void> | undefined, chunks: readonly Uint8Array[], offset: number): Promise<void> {
    await before
    const { keepsName, openFile = keepsName ? openNamedFile : openSpillFile, folder = tmpdir() } = this.#options
    this.#file ??= await openFile(folder)
    await this.#file.write(chunks, offset)
  }

  /** Keeps a chunk without copying, unless it is tiny or would pin much more memory than it fills. */
  #keep(chunk: Uint8Array, isAlone: boolean): void {
    if (chunk.length < SMALL_CHUNK) this.#appendToTail(chunk)
    else {
      this.#sealTail()
      const isSmallSlice = chunk.length * 4 < chunk.buffer.byteLength
      this.#chunks.push(isSmallSlice ? copy(chunk) : chunk)
      if (isAlone) this.#freeable.push(chunk.buffer)
    }
  }

  #appendToTail(chunk: Uint8Array): void {
    if (this.#tail && this.#tailUsed + chunk.length > this.#tail.length) this.#sealTail()
    this.#tail ??= Buffer.allocUnsafeSlow(Math.min(Math.max(TAIL_SIZES.first, this.#held), TAIL_SIZES.last))
    this.#tail.set(chunk, this.#tailUsed)
    this.#tailUsed += chunk.length
  }

  #sealTail(): void {
    if (this.#tail) this.#chunks.push(this.#tail.subarray(0, this.#tailUsed))
    this.#tail = undefined
    this.#tailUsed = 0
  }
}

/** Gives memory back at once: the collector comes when there are tens of megabytes of it, and has to look at everything else first. */
function free(freeable: readonly ArrayBufferLike[]): void {
  for (const memory of freeable) if (memory instanceof ArrayBuffer) memory.transfer(0)
}

function copy(chunk: Uint8Array): Buffer {
  const own = Buffer.allocUnsafeSlow(chunk.length)
  own.set(chunk)
  return own
}

/** The first `size` octets in memory of their own. */
function copyHead(chunks: readonly Uint8Array[], size: number): Buffer {
  const head = Buffer.allocUnsafeSlow(size)
  let filled = 0
  for (const chunk of chunks) {
    if (filled >= size) break
    head.set(chunk.subarray(0, size - filled), filled)
    filled += chunk.length
  }
  return head
}
