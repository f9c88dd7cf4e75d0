/**
 * Large content: one file a message, written once. It counts when file and folder are synced; the database names it only
 * afterwards, so a file without an entry is litter of a crash, and nothing else.
 */
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, opendir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { isQueueId, type MessageSource } from '@postroad/mail'
import { QueueError } from '../store.ts'

/** Octets a read takes at once. */
const READ_SIZE = 512 * 1024
/** Octets gathered for a write. */
const WRITE_SIZE = 1024 * 1024
/** Pieces of a write: what every system takes at once, IOV_MAX of Linux is 1,024. */
const VECTOR_LIMIT = 512

/** Octets in front of a file that may stand beside its name; whoever has changed more has it copied. */
const MOST_HEAD = 64 * 1024
const NO_OCTETS = Buffer.alloc(0)

/** How the content of a message stands in its file. */
export interface ContentFile {
  /** CRC-32 of the whole file. */
  readonly crc: number
  /** Octets of the message in front of those in the file; absent: none. */
  readonly head?: Buffer
  /** Octets at the beginning of the file that do not belong to the message; absent: 0. */
  readonly skip?: number
}

/** Steps in the life of a file. */
export type ContentStep = 'content:written' | 'content:synced' | 'content:folder-synced' | 'content:removed'

/** How files are looked after. */
export interface ContentFilesOptions {
  /** Called at each step; what it throws, the step has failed with. */
  readonly onStep?: (step: ContentStep) => void
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  /** Milliseconds of a clock that never jumps. */
  readonly elapsed?: () => number
  /** A folder of files that come in and may be taken over: swept, too. */
  readonly spool?: string | undefined
}

/** Files in a folder that is there, in folders by the last two characters of the id: chance, so all are used alike. */
export class ContentFiles {
  readonly #folder: string
  readonly #spool: string | undefined
  readonly #onStep: (step: ContentStep) => void
  readonly #now: () => number
  /** What the wall clock would say had nobody set it since this was made. */
  readonly #steady: () => number
  readonly #folders = new Set<string>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #queued = new Map<string, Promise<void>>()

  constructor(
    folder: string,
    { onStep = () => {}, now = Date.now, elapsed = () => performance.now(), spool }: ContentFilesOptions = {},
  ) {
    this.#folder = folder
    this.#spool = spool
    this.#onStep = onStep
    this.#now = now
    const ahead = now() - elapsed()
    this.#steady = () => ahead + elapsed()
  }

  /** {@link write}, or takes over the file that the message is in already; on stable storage when it resolves. */
  async keep(id: string, source: MessageSource): Promise<ContentFile> {
    const arrived = source.file?.()
    if (arrived === undefined || arrived.head.length > MOST_HEAD) return { crc: await this.write(id, source) }
    const folder = await this.#folderOf(id)
    const path = join(folder, id)
    const file = await this.#take(arrived, path)
    if (file === undefined) return { crc: await this.write(id, source) }
    try {
      await this.#syncFolder(folder)
      this.#onStep('content:folder-synced')
      return file
    } catch (error) {
      await unlink(path).catch(() => {})
      throw error
    }
  }

  /** Undefined: it has to be copied. */
  async #take(
    arrived: NonNullable<ReturnType<NonNullable<MessageSource['file']>>>,
    path: string,
  ): Promise<ContentFile | undefined> {
    const { crc, head, skip } = arrived
    try {
      this.#onStep('content:written')
      await arrived.moveTo(path)
      this.#onStep('content:synced')
      return { crc, head: Buffer.from(head), skip }
    } catch (error) {
      // On another file system, or taken by another queue before.
      if (isCode(error, 'EXDEV') || isCode(error, 'ENOENT')) return undefined
      await unlink(path).catch(() => {})
      throw error
    }
  }

  /** Writes content; on stable storage when it resolves. Resolves to its CRC-32. */
  async write(id: string, source: MessageSource): Promise<number> {
    const folder = await this.#folderOf(id)
    const path = join(folder, id)
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
    try {
      const crc = await writeAll(file, source)
      this.#onStep('content:written')
      await file.datasync()
      this.#onStep('content:synced')
      await file.close()
      await this.#syncFolder(folder)
      this.#onStep('content:folder-synced')
      return crc
    } catch (error) {
      // The first error is the one to tell; what cannot be closed or removed now is litter, and swept later.
      await file.close().catch(() => {})
      await unlink(path).catch(() => {})
      throw error
    }
  }

  /**
   * Reads the content of a message of `size` octets; the last read rejects with `ERR_QUEUE_CORRUPT` when length or checksum differ. `lend` gives
   * the memory of each read.
   */
  async *read(
    id: string,
    expected: ContentFile & { readonly size: number },
    lend: () => Uint8Array = () => Buffer.allocUnsafe(READ_SIZE),
  ): AsyncGenerator<Uint8Array> {
    const { head = NO_OCTETS, skip = 0 } = expected
    const whole = expected.size - head.length + skip
    const file = await this.#open(id)
    try {
      if (head.length > 0) yield head
      let [size, crc] = [0, 0]
      for (;;) {
        const memory = lend()
        const { bytesRead, buffer } = await file.read(memory, 0, memory.length, size)
        if (bytesRead === 0) break
        const chunk = buffer.subarray(0, bytesRead)
        crc = crc32(chunk, crc)
        size += bytesRead
        // The last octets are not given away before the whole is known to be right: no next hop then sees a final dot.
        if (size >= whole && (size !== whole || crc !== expected.crc)) throw corruptContent(id)
        // What was changed in front of the body stands in `head`; the file has it as it came.
        const past = size - bytesRead
        if (past >= skip) yield chunk
        else if (size > skip) yield chunk.subarray(skip - past)
      }
      if (size !== whole) throw corruptContent(id)
    } finally {
      await file.close()
    }
  }

  /** Removes content whose message has ended. A file that stays behind is swept later. */
  async remove(id: string): Promise<void> {
    await removeFile(join(this.#folder, id.slice(-2), id))
    this.#onStep('content:removed')
  }

  /**
   * Removes files that no entry names and that are older than so many milliseconds. Resolves to how many. A clock that is set forth
   * makes no file old: it may be about to be named.
   */
  async sweep(isKnown: (id: string) => boolean | Promise<boolean>, olderMs: number): Promise<number> {
    const before = Math.min(this.#now(), this.#steady()) - olderMs
    let swept = this.#spool === undefined ? 0 : await this.#sweepFolder(this.#spool, before, isKnown)
    for await (const folder of entries(this.#folder))
      swept += await this.#sweepFolder(join(this.#folder, folder), before, isKnown)
    return swept
  }

  async #sweepFolder(folder: string, before: number, isKnown: Parameters<ContentFiles['sweep']>[0]): Promise<number> {
    let swept = 0
    for await (const id of entries(folder)) {
      if (!isQueueId(id) || (await isKnown(id))) continue
      const path = join(folder, id)
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY })) // gone meanwhile
      if (mtimeMs > before || (await isKnown(id))) continue
      await removeFile(path)
      swept++
    }
    return swept
  }

  async #open(id: string): Promise<FileHandle> {
    try {
      return await open(join(this.#folder, id.slice(-2), id), 'r')
    } catch (cause) {
      if (isCode(cause, 'ENOENT'))
        throw new QueueError('ERR_QUEUE_CORRUPT', `The content of ${id} is missing`, { cause })
      throw cause
    }
  }

  async #folderOf(id: string): Promise<string> {
    const folder = join(this.#folder, id.slice(-2))
    if (this.#folders.has(folder)) return folder
    // Not its parents: a file system that is not mounted any more must fail, not be written beside.
    await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
      if (!isCode(error, 'EEXIST')) throw error
    })
    // A new folder is an entry of its parent: without this sync a power cut takes the folder with all that is in it.
    await this.#syncFolder(this.#folder)
    this.#folders.add(folder)
    return folder
  }

  /** Several files in one folder share a sync, but never one that began before their entry was there. */
  #syncFolder(folder: string): Promise<void> {
    const queued = this.#queued.get(folder)
    if (queued) return queued
    const running = this.#running.get(folder)
    if (!running) return this.#syncNow(folder)
    const next = running
      .catch(() => {}) // the ones who wait for that sync hear of it
      .then(() => {
        this.#queued.delete(folder)
        return this.#syncNow(folder)
      })
    this.#queued.set(folder, next)
    return next
  }

  #syncNow(folder: string): Promise<void> {
    const sync = syncFolder(folder).finally(() => {
      if (this.#running.get(folder) === sync) this.#running.delete(folder)
    })
    this.#running.set(folder, sync)
    return sync
  }
}

async function removeFile(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (!isCode(error, 'ENOENT')) throw error
  })
}

/** Makes a folder's entries durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function writeAll(file: FileHandle, source: MessageSource): Promise<number> {
  let [crc, size] = [0, 0]
  let waiting: Uint8Array[] = []
  let held = 0
  for await (const chunk of source.chunks?.() ?? source.raw()) {
    crc = crc32(chunk, crc)
    size += chunk.length
    held += chunk.length
    waiting.push(chunk)
    if (held < WRITE_SIZE && waiting.length < VECTOR_LIMIT) continue
    await writePieces(file, waiting)
    waiting = []
    held = 0
  }
  await writePieces(file, waiting)
  if (size !== source.size) throw new QueueError('ERR_QUEUE_IO', 'The message is not as long as it says')
  return crc
}

/** One call for many chunks; a disk that is nearly full may take only some of their octets. */
async function writePieces(file: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  for (let left = pieces; left.length > 0; ) {
    let { bytesWritten } = await file.writev(left)
    left = left.flatMap((piece) => {
      const taken = Math.min(bytesWritten, piece.length)
      bytesWritten -= taken
      return taken === piece.length ? [] : [piece.subarray(taken)]
    })
  }
}

async function* entries(folder: string): AsyncGenerator<string> {
  try {
    for await (const entry of await opendir(folder)) yield entry.name
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error
  }
}

function corruptContent(id: string): QueueError {
  return new QueueError('ERR_QUEUE_CORRUPT', `The content of ${id} is not what was written`)
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
