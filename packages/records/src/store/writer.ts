/**
 * Writes records into segments of this process's own: `TIME-PID-N.log` has a JSON line each, `.idx` beside it an entry for each block, which becomes `.bits` when the segment ends. What is
 * added waits a moment and is written together. Mail is never hurt: what cannot be written, or is too much, is dropped and counted.
 */
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '@postroad/plugin'
import type { StoredRecord } from '../record.ts'
import type { MailOutcome } from '../story/outcome.ts'
import { BLOCK, BLOCK_OCTETS, RecordChunk, type RecordPiece } from './record-chunk.ts'
import { turnIndex } from './turned.ts'

/** Milliseconds that records wait for others. */
const PATIENCE = 200
/** Records that wait at most, and their octets: what comes beyond is dropped. */
const WAITING = 20_000
const WAITING_OCTETS = 64 * 1_048_576
/** Chunks that are kept for what comes next. */
const SPARE = 4
/** A segment is closed when it is so old, so that what is old can be deleted. */
const AGE = 6 * 3_600_000
/** Between complaints. */
const QUIET = 60_000

/** What a writer is told. */
export interface WriterOptions {
  /** Made when it is not there. */
  readonly folder: string
  /** Octets of a segment. */
  segment(): number
  readonly log: Pick<Logger, 'warn'>
  now(): number
  /** A segment was begun: what is too old or too much is to go. */
  onSegment(): void
}

interface Segment {
  readonly log: FileHandle
  readonly index: FileHandle
  readonly name: string
  readonly since: number
  size: number
  /** Octets of the index. */
  indexed: number
  /** Octets of the segment that have an entry. */
  covered: number
}

let made = 0

/** One for each process and folder. */
export class RecordWriter {
  readonly #options: WriterOptions
  /** What comes now goes into the last of them. */
  #chunks: RecordChunk[] = []
  readonly #spare: RecordChunk[] = []
  /** Of the records that are not written yet. */
  #waiting = 0
  #octets = 0
  #timer: NodeJS.Timeout | undefined
  #turn: Promise<void> = Promise.resolve()
  #segment: Segment | undefined
  /** The block that is begun, of what is written. */
  #block: RecordPiece | undefined
  #dropped = 0
  #told = Number.NEGATIVE_INFINITY
  #isClosed = false

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /** Records that were lost: the disk was full or too slow. */
  get dropped(): number {
    return this.#dropped
  }

  /** The segment that is being written, by the name of its files. */
  get current(): string | undefined {
    return this.#segment?.name
  }

  /** Adds one record; never fails. @param written its line, as the feed has it @param outcome how it ended */
  add(record: StoredRecord, written: { readonly line: string }, outcome?: MailOutcome): void {
    if (this.#isClosed || this.#waiting >= WAITING || this.#octets >= WAITING_OCTETS) {
      this.#dropped++
      return
    }
    const line = lineOf(written)
    if (line === undefined) {
      this.#dropped++
      return
    }
    let chunk = this.#chunks.at(-1)
    const before = chunk?.length ?? 0
    if (!chunk?.add(line, record, outcome)) {
      chunk = this.#spare.pop() ?? new RecordChunk()
      this.#chunks.push(chunk)
      chunk.add(line, record, outcome)
      this.#octets += chunk.length
    } else this.#octets += chunk.length - before
    this.#waiting++
    this.#timer ??= setTimeout(() => void this.flush(), PATIENCE).unref()
  }

  /** Resolves when all that was added is written, or dropped. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const chunks = this.#chunks
    this.#chunks = []
    if (chunks.length > 0) this.#turn = this.#turn.then(() => this.#write(chunks))
    return this.#turn
  }

  async close(): Promise<void> {
    const last = this.flush()
    this.#isClosed = true
    await last
    await this.#endSegment()
  }

  async #write(chunks: readonly RecordChunk[]): Promise<void> {
    for (const chunk of chunks) {
      try {
        await this.#writeChunk(chunk)
      } catch (error) {
        this.#complain(error)
        await this.#endSegment()
      }
      this.#waiting -= chunk.count
      this.#octets -= chunk.length
      chunk.clear()
      if (this.#spare.length < SPARE) this.#spare.push(chunk)
    }
  }

  async #writeChunk(chunk: RecordChunk): Promise<void> {
    let segment: Segment
    try {
      segment = await this.#open()
      await this.#writeLines(segment, chunk.octets)
    } catch (error) {
      this.#dropped += chunk.count
      throw error
    }
    const entries = chunk.pieces.flatMap((piece) => this.#note(segment, piece))
    segment.size += chunk.length
    await this.#writeEntries(segment, entries)
    const { segment: most, now } = this.#options
    if (segment.size >= most() || now() - segment.since >= AGE) await this.#endSegment()
  }

  async #writeLines(segment: Segment, octets: Uint8Array): Promise<void> {
    try {
      await writeAll(segment.log, octets, segment.size)
    } catch (error) {
      // What was written of it is taken back: a line that is cut would be passed over, and is no use to anybody.
      await segment.log.truncate(segment.size).catch(() => undefined)
      throw error
    }
  }

  /** Adds what was written to the block that is begun; gives the entries of the blocks that are complete. */
  #note(segment: Segment, piece: RecordPiece): Buffer[] {
    const entries: Buffer[] = []
    let block = this.#block
    if (block && (block.count + piece.count > BLOCK || block.length + piece.length > BLOCK_OCTETS)) {
      entries.push(entryOf(segment, block))
      block = undefined
    }
    if (block) {
      block.length += piece.length
      block.count += piece.count
      block.first = Math.min(block.first, piece.first)
      block.last = Math.max(block.last, piece.last)
      block.filter.add(piece.filter)
    } else block = piece
    const isFull = block.count >= BLOCK || block.length >= BLOCK_OCTETS
    if (isFull) entries.push(entryOf(segment, block))
    this.#block = isFull ? undefined : block
    return entries
  }

  async #writeEntries(segment: Segment, entries: readonly Buffer[]): Promise<void> {
    if (entries.length === 0) return
    const octets = entries.length === 1 && entries[0] ? entries[0] : Buffer.concat(entries)
    try {
      await writeAll(segment.index, octets, segment.indexed)
    } catch (error) {
      // Behind a gap there must be no entry: what the index does not have at its end is read from the segment itself.
      this.#block = undefined
      throw error
    }
    segment.indexed += octets.length
  }

  async #open(): Promise<Segment> {
    // Whoever deletes what is old may have deleted what this process still writes.
    if (this.#segment && (await this.#segment.log.stat()).nlink === 0) await this.#endSegment()
    if (this.#segment) return this.#segment
    const { folder, now } = this.#options
    await mkdir(folder, { recursive: true, mode: 0o750 })
    const since = now()
    const name = `${String(Math.floor(since)).padStart(14, '0')}-${process.pid}-${String(++made).padStart(6, '0')}`
    const log = await open(join(folder, `${name}.log`), 'wx', 0o640)
    const index = await open(join(folder, `${name}.idx`), 'wx', 0o640).catch(async (error: unknown) => {
      await log.close()
      throw error
    })
    this.#block = undefined
    this.#segment = { log, index, name, since, size: 0, indexed: 0, covered: 0 }
    this.#options.onSegment()
    return this.#segment
  }

  async #endSegment(): Promise<void> {
    const segment = this.#segment
    this.#segment = undefined
    if (!segment) return
    try {
      if (this.#block) await this.#writeEntries(segment, [entryOf(segment, this.#block)])
    } catch {
      // What the index does not have is read from the segment itself.
    }
    await Promise.allSettled([segment.log.close(), segment.index.close()])
    // Where it cannot be written the index serves as it is.
    await turnIndex(join(this.#options.folder, segment.name)).catch(() => undefined)
  }

  #complain(error: unknown): void {
    const now = this.#options.now()
    if (now - this.#told < QUIET && now >= this.#told) return
    this.#told = now
    this.#options.log.warn({ error, dropped: this.#dropped }, 'records could not be kept')
  }
}

/** Undefined for what cannot be written down. */
function lineOf(written: { readonly line: string }): string | undefined {
  try {
    return written.line
  } catch {
    return undefined
  }
}

function entryOf(segment: Segment, { filter, ...block }: RecordPiece): Buffer {
  const entry = filter.entry({ offset: segment.covered, ...block })
  segment.covered += block.length
  return entry
}

async function writeAll(file: FileHandle, octets: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < octets.length; ) {
    const { bytesWritten } = await file.write(octets, done, octets.length - done, at + done)
    if (bytesWritten === 0) throw new Error('nothing could be written')
    done += bytesWritten
  }
}
