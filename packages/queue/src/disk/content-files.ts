/**
 * Large content: one file a message, written once. It counts when file and folder are synced; the database names it only
 * afterwards, so a file without an entry is litter of a crash, and nothing else.
 */
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, opendir, rm, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { isQueueId, type MessageSource } from '@postroad/mail'
import { QueueError } from '../store.ts'

/** Octets a read takes at once. */
const READ_SIZE = 256 * 1024
/** Octets gathered for a write. */
const WRITE_SIZE = 1024 * 1024
/** Pieces of a write: what every system takes at once, IOV_MAX of Linux is 1,024. */
const VECTOR_LIMIT = 512

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
}

/** Files in a folder that is there, in folders by the last two characters of the id: chance, so all are used alike. */
export class ContentFiles {
  readonly #folder: string
  readonly #onStep: (step: ContentStep) => void
  readonly #now: () => number
  /** What the wall clock would say had nobody set it since this was made. */
  readonly #steady: () => number
  readonly #folders = new Set<string>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #queued = new Map<string, Promise<void>>()

  constructor(
    folder: string,
    { onStep = () => {}, now = Date.now, elapsed = () => performance.now() }: ContentFilesOptions = {},
  ) {
    this.#folder = folder
    this.#onStep = onStep
    this.#now = now
    const ahead = now() - elapsed()
    this.#steady = () => ahead + elapsed()
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

  /** Reads content; the last read rejects with `ERR_QUEUE_CORRUPT` when length or checksum differ. */
  async *read(id: string, expected: { readonly size: number; readonly crc: number }): AsyncGenerator<Uint8Array> {
    const file = await this.#open(id)
    try {
      let [size, crc] = [0, 0]
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(READ_SIZE), 0, READ_SIZE, size)
        if (bytesRead === 0) break
        const chunk = buffer.subarray(0, bytesRead)
        crc = crc32(chunk, crc)
        size += bytesRead
        // The last octets are not given away before the whole is known to be right: no next hop then sees a final dot.
        if (size >= expected.size && (size !== expected.size || crc !== expected.crc)) throw corruptContent(id)
        yield chunk
      }
      if (size !== expected.size) throw corruptContent(id)
    } finally {
      await file.close()
    }
  }

  /** Removes content whose message has ended. A file that stays behind is swept later. */
  async remove(id: string): Promise<void> {
    await rm(join(this.#folder, id.slice(-2), id), { force: true })
    this.#onStep('content:removed')
  }

  /**
   * Removes files that no entry names and that are older than so many milliseconds. Resolves to how many. A clock that is set forth
   * makes no file old: it may be about to be named.
   */
  async sweep(isKnown: (id: string) => boolean | Promise<boolean>, olderMs: number): Promise<number> {
    const before = Math.min(this.#now(), this.#steady()) - olderMs
    let swept = 0
    for await (const folder of entries(this.#folder)) {
      for await (const id of entries(join(this.#folder, folder))) {
        if (!isQueueId(id) || (await isKnown(id))) continue
        const path = join(this.#folder, folder, id)
        const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY })) // gone meanwhile
        if (mtimeMs > before || (await isKnown(id))) continue
        await rm(path, { force: true })
        swept++
      }
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
