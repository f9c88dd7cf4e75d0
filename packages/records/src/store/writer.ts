/**
 * Writes records into segments of this process's own: `TIME-PID-N.log` has a JSON line each, `.idx` beside it an entry for each block, which becomes `.bits` when the segment ends. What is
 * added waits a moment and is written together. Mail is never hurt: what cannot be written, or is too much, is dropped and counted.
 */
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '@postroad/plugin'
import type { StoredRecord } from '../record.ts'
import { wordsOf } from '../words.ts'
import { BlockFilter } from './block.ts'
import { turnIndex } from './turned.ts'

/** Records of a block. */
const BLOCK = 64
/** Octets of a block at most, but for a record that is larger by itself. */
const BLOCK_OCTETS = 262_144
/** Milliseconds that records wait for others. */
const PATIENCE = 200
/** Records that wait at most: what comes beyond is dropped. */
const WAITING = 20_000
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
  indexed: number
}

let made = 0

/** One for each process and folder. */
export class RecordWriter {
  readonly #options: WriterOptions
  #waiting: StoredRecord[] = []
  #timer: NodeJS.Timeout | undefined
  #turn: Promise<void> = Promise.resolve()
  #segment: Segment | undefined
  #filter = new BlockFilter()
  #block = { offset: 0, length: 0, count: 0, first: Infinity, last: -Infinity }
  #dropped = 0
  /** Of the batch that is being written. */
  #written = 0
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

  /** Adds one record; never fails. It is not to be changed any more. */
  add(record: StoredRecord): void {
    if (this.#isClosed || this.#waiting.length >= WAITING) {
      this.#dropped++
      return
    }
    this.#waiting.push(record)
    this.#timer ??= setTimeout(() => void this.flush(), PATIENCE).unref()
  }

  /** Resolves when all that was added is written, or dropped. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const records = this.#waiting
    this.#waiting = []
    if (records.length > 0) this.#turn = this.#turn.then(() => this.#write(records))
    return this.#turn
  }

  async close(): Promise<void> {
    const last = this.flush()
    this.#isClosed = true
    await last
    await this.#endSegment()
  }

  async #write(records: readonly StoredRecord[]): Promise<void> {
    try {
      const segment = await this.#open()
      for (let at = 0; at < records.length; ) at += await this.#writeBlock(segment, records, at)
      if (segment.size >= this.#options.segment() || this.#options.now() - segment.since >= AGE)
        await this.#endSegment()
    } catch (error) {
      // Those that were written before are counted by the block they are in.
      this.#dropped += records.length - this.#written
      this.#complain(error)
      await this.#endSegment()
    }
    this.#written = 0
  }

  /** Writes what goes into the block that is begun; resolves to the number of records. */
  async #writeBlock(segment: Segment, records: readonly StoredRecord[], from: number): Promise<number> {
    const block = this.#block
    let to = from
    let text = ''
    while (to < records.length && block.count + (to - from) < BLOCK && block.length + text.length < BLOCK_OCTETS)
      text += this.#lineOf(records[to++])
    const octets = Buffer.from(text)
    try {
      await writeAll(segment.log, octets, segment.size)
    } catch (error) {
      // What was written of it is taken back: a line that is cut would be passed over, and is no use to anybody.
      await segment.log.truncate(segment.size).catch(() => undefined)
      throw error
    }
    this.#written += to - from
    segment.size += octets.length
    block.length += octets.length
    block.count += to - from
    for (const record of records.slice(from, to)) this.#note(record)
    if (block.count >= BLOCK || block.length >= BLOCK_OCTETS) await this.#endBlock(segment)
    return to - from
  }

  /** Empty for what cannot be written: a plugin has left something of the kind in its facts. */
  #lineOf(record: StoredRecord | undefined): string {
    try {
      return `${JSON.stringify(record)}\n`
    } catch {
      this.#dropped++
      return ''
    }
  }

  #note(record: StoredRecord): void {
    const time = Date.parse(record.time)
    this.#block.first = Math.min(this.#block.first, time)
    this.#block.last = Math.max(this.#block.last, time)
    try {
      this.#filter.add(wordsOf(record))
    } catch {
      // Not of the shape that is known: it is kept, and found by its time.
    }
  }

  async #endBlock(segment: Segment): Promise<void> {
    const entry = this.#filter.entry(this.#block)
    this.#block = { offset: segment.size, length: 0, count: 0, first: Infinity, last: -Infinity }
    await writeAll(segment.index, entry, segment.indexed)
    segment.indexed += entry.length
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
    this.#block = { offset: 0, length: 0, count: 0, first: Infinity, last: -Infinity }
    this.#filter = new BlockFilter()
    this.#segment = { log, index, name, since, size: 0, indexed: 0 }
    this.#options.onSegment()
    return this.#segment
  }

  async #endSegment(): Promise<void> {
    const segment = this.#segment
    this.#segment = undefined
    if (!segment) return
    try {
      if (this.#block.count > 0) await this.#endBlock(segment)
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

async function writeAll(file: FileHandle, octets: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < octets.length; ) {
    const { bytesWritten } = await file.write(octets, done, octets.length - done, at + done)
    if (bytesWritten === 0) throw new Error('nothing could be written')
    done += bytesWritten
  }
}
