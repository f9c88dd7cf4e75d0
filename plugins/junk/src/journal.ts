/**
 * Where lessons are kept in their order: a folder of files to which any process of this machine appends, at once and without a lock. What has
 * been appended is on stable storage; what a killed process has half written is skipped by who reads.
 *
 * Files are `lessons-000001.log` and so on. Who finds the last one large begins the next. Another may then still be writing to the one before:
 * it sees the next one afterwards, and writes its record there as well. A record may so come twice, and counts once.
 */
import { type FileHandle, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isMissing, readIfThere, replaceFile, syncFolder } from './durable-file.ts'
import { blankRecord, type JournalRecord, readRecord } from './lesson.ts'

/** A place in a journal; opaque, and the same on all who read it. `''`: the beginning. */
export type Position = string

/** A record, and the place behind it. */
export interface Placed {
  readonly record: JournalRecord
  /** Behind it. */
  readonly position: Position
}

/** Keeps records in order for all who share it. */
export interface Journal {
  /** Durable when it resolves. */
  append(record: Uint8Array): Promise<void>
  /** What there is behind a place now. */
  read(after: Position): AsyncIterable<Placed>
  /** Whether there may be something behind it; cheap. */
  hasMore(after: Position): Promise<boolean>
  /** Makes lessons unreadable, in their places, that `matches` holds of. Resolves to how many. */
  blank(matches: (record: JournalRecord) => boolean): Promise<number>
  /** What was learned before the journal begins; its position is within the first octets that `peekBase` gives. */
  readBase(): Promise<Buffer | undefined>
  peekBase(): Promise<Buffer | undefined>
  /** In the place of the one before, as a whole. */
  writeBase(slices: Iterable<Uint8Array>): Promise<void>
  /** Nothing before this place is needed any more. */
  forget(before: Position): Promise<void>
  /** Whether the first place is before the second. */
  isBefore(one: Position, other: Position): boolean
  /** Octets that it takes. */
  octets(): Promise<number>
  close(): Promise<void>
}

/** Of what was learned before the first file. */
const BASE = 'base'
/** Octets of it that have its position in them. */
const PEEKED = 256
const FILE = /^lessons-(\d{6})\.log$/
/** Octets from which on the next file is begun. */
const LARGE = 16_777_216
/** Octets that are read at once; more than the largest record. */
const PIECE = 524_288

/** The journal in a folder. */
export function fileJournal(folder: string, large = LARGE): Journal {
  return new FileJournal(folder, large)
}

interface Pending {
  readonly record: Uint8Array
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

class FileJournal implements Journal {
  readonly #folder: string
  readonly #large: number
  #pending: Pending[] = []
  #writing: Promise<void> = Promise.resolve()

  constructor(folder: string, large: number) {
    this.#folder = folder
    this.#large = large
  }

  /** Who comes while another is being written is written with all who came, by one write and one sync. */
  append(record: Uint8Array): Promise<void> {
    const written = new Promise<void>((resolve, reject) => this.#pending.push({ record, resolve, reject }))
    if (this.#pending.length === 1) this.#writing = this.#writing.then(() => this.#flush())
    return written
  }

  async #flush(): Promise<void> {
    const pending = this.#pending
    this.#pending = []
    try {
      await this.#append(Buffer.concat(pending.map(({ record }) => record)))
      for (const { resolve } of pending) resolve()
    } catch (error) {
      for (const { reject } of pending) reject(error)
    }
  }

  async #append(records: Uint8Array): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    let number = (await this.#numbers()).at(-1) ?? 1
    if ((await this.#sizeOf(number)) >= this.#large) number++
    for (;;) {
      const isNew = (await this.#sizeOf(number)) === 0
      await appendTo(this.#path(number), records)
      if (isNew) await syncFolder(this.#folder)
      // Somebody has begun the next file meanwhile, and may not look into this one again.
      if ((await this.#sizeOf(number + 1)) === 0) return
      number++
    }
  }

  async *read(after: Position): AsyncIterable<Placed> {
    const start = placeOf(after)
    for (const number of await this.#numbers())
      if (number >= start.number) yield* this.#readFile(number, number === start.number ? start.offset : 0)
  }

  async *#readFile(number: number, from: number): AsyncIterable<Placed> {
    let file: FileHandle
    try {
      file = await open(this.#path(number), 'r')
    } catch (error) {
      if (isMissing(error)) return
      throw error
    }
    try {
      for (let offset = from; ; ) {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(PIECE), 0, PIECE, offset)
        const octets = buffer.subarray(0, bytesRead)
        let at = 0
        while (at < octets.length) {
          const found = readRecord(octets, at)
          if (found.record === 'incomplete') break
          at += found.length
          if (found.record !== 'torn') yield { record: found.record, position: positionOf(number, offset + at) }
        }
        if (at === 0) return
        offset += at
      }
    } finally {
      await file.close()
    }
  }

  async hasMore(after: Position): Promise<boolean> {
    const { number, offset } = placeOf(after)
    return (await this.#sizeOf(number)) > offset || (await this.#sizeOf(number + 1)) > 0 || after === ''
  }

  async blank(matches: (record: JournalRecord) => boolean): Promise<number> {
    let count = 0
    for (const number of await this.#numbers()) {
      const file = await open(this.#path(number), 'r+')
      try {
        let before = 0
        for await (const { record, position } of this.#readFile(number, 0)) {
          const behind = placeOf(position).offset
          if (matches(record)) {
            // What was torn in between stands before the record, whose end is known: its length is that of its own octets.
            const length = await lengthOf(file, { before, behind })
            await file.write(blankRecord(length), 0, length, behind - length)
            count++
          }
          before = behind
        }
        await file.datasync()
      } finally {
        await file.close()
      }
    }
    return count
  }

  async forget(before: Position): Promise<void> {
    const { number } = placeOf(before)
    for (const old of await this.#numbers()) if (old < number) await rm(this.#path(old), { force: true })
  }

  isBefore(one: Position, other: Position): boolean {
    const [a, b] = [placeOf(one), placeOf(other)]
    return a.number < b.number || (a.number === b.number && a.offset < b.offset)
  }

  async octets(): Promise<number> {
    const sizes = await Promise.all((await this.#numbers()).map((number) => this.#sizeOf(number)))
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  readBase(): Promise<Buffer | undefined> {
    return readIfThere(join(this.#folder, BASE))
  }

  peekBase(): Promise<Buffer | undefined> {
    return readIfThere(join(this.#folder, BASE), PEEKED)
  }

  writeBase(slices: Iterable<Uint8Array>): Promise<void> {
    return replaceFile(this.#folder, BASE, slices)
  }

  async close(): Promise<void> {
    await this.#writing
  }

  async #numbers(): Promise<readonly number[]> {
    try {
      const names = await readdir(this.#folder)
      return names
        .flatMap((name) => FILE.exec(name)?.[1] ?? [])
        .map(Number)
        .sort((a, b) => a - b)
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
  }

  async #sizeOf(number: number): Promise<number> {
    try {
      return (await stat(this.#path(number))).size
    } catch (error) {
      if (isMissing(error)) return 0
      throw error
    }
  }

  #path(number: number): string {
    return join(this.#folder, `lessons-${String(number).padStart(6, '0')}.log`)
  }
}

/** On stable storage when it resolves. */
async function appendTo(path: string, octets: Uint8Array): Promise<void> {
  const file = await open(path, 'a', 0o600)
  try {
    const { bytesWritten } = await file.write(octets)
    if (bytesWritten !== octets.length)
      throw new Error(`${path}: ${bytesWritten} of ${octets.length} octets were written`)
    await file.datasync()
  } finally {
    await file.close()
  }
}

async function lengthOf(file: FileHandle, { before, behind }: { before: number; behind: number }): Promise<number> {
  const octets = Buffer.alloc(behind - before)
  await file.read(octets, 0, octets.length, before)
  for (let at = 0; at < octets.length; ) {
    const found = readRecord(octets, at)
    if (typeof found.record === 'object') return found.length
    at += found.record === 'torn' ? found.length : octets.length
  }
  throw new Error('the journal of lessons has changed while it was read')
}

function positionOf(number: number, offset: number): Position {
  return `${number}:${offset}`
}

function placeOf(position: Position): { readonly number: number; readonly offset: number } {
  const [number = 0, offset = 0] = position === '' ? [] : position.split(':').map(Number)
  return { number, offset }
}
