/**
 * Content as files in a folder that all nodes share. Its files belong to one queue in one Redis: they stand in a subfolder whose name
 * that queue keeps, so a node that is given another Redis, or a file system that is not mounted, takes nothing for litter or lost.
 */

import { randomBytes } from 'node:crypto'
import { mkdir, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { MessageSource, Reply } from '@postroad/mail'
import { ContentFiles, Disk, QueueError, syncFolder } from '@postroad/queue-engine'
import type { RedisLink } from '@postroad/redis-link'

/** Where the files are. */
export interface SharedFolderOptions {
  /** Mounted on every node. */
  readonly folder: string
  /** Octets that must stay free. */
  readonly minFree: number
  readonly link: RedisLink
  /** Key of the subfolder's name. */
  readonly key: string
}

/** Milliseconds after which a file whose message nobody knows is the litter of a crash. */
const ORPHAN_LIFE_MS = 3_600_000

/** The subfolder of one queue in the folder that all nodes share. Rejects with ERR_QUEUE_IO when the folder is not mounted. */
export class SharedFolder {
  readonly #options: SharedFolderOptions
  readonly #disk: Disk
  #opened: Promise<OpenFolder> | undefined

  constructor(options: SharedFolderOptions) {
    this.#options = options
    this.#disk = new Disk({
      folder: options.folder,
      reserve: options.minFree,
      everyMs: 1_000,
      now: () => performance.now(),
    })
  }

  /** A reply when there is no room for so many octets. */
  admit(size: number): Reply | undefined {
    return this.#disk.admit(size)
  }

  /** Writes content; on stable storage when it resolves. Resolves to its CRC-32. */
  async write(id: string, source: MessageSource): Promise<number> {
    this.#disk.take(source.size)
    return (await this.#open()).files.write(id, source)
  }

  /** Reads content; rejects with `ERR_QUEUE_CORRUPT` when it is not what was written, with `ERR_QUEUE_IO` when the folder is away. */
  async *read(
    id: string,
    expected: { readonly size: number; readonly crc: number },
    lend?: () => Uint8Array,
  ): AsyncGenerator<Uint8Array> {
    const { path, files } = await this.#open()
    try {
      yield* files.read(id, expected, lend)
    } catch (error) {
      await present(path)
      throw error
    }
  }

  async remove(id: string): Promise<void> {
    await (await this.#open()).files.remove(id)
  }

  /** Removes files of messages nobody knows. Resolves to how many. */
  async sweep(isKnown: (id: string) => Promise<boolean>, olderMs = ORPHAN_LIFE_MS): Promise<number> {
    return (await this.#open()).files.sweep(isKnown, olderMs)
  }

  #open(): Promise<OpenFolder> {
    if (this.#opened) return this.#opened
    const opening = this.#find()
    this.#opened = opening
    // Not mounted now may be mounted later.
    opening.catch(() => {
      this.#opened = undefined
    })
    return opening
  }

  async #find(): Promise<OpenFolder> {
    const { folder, link, key } = this.#options
    const name = (await link.send('get', [key])) ?? (await this.#make())
    const path = join(folder, String(name))
    await present(path)
    return { path, files: new ContentFiles(path) }
  }

  /** The first node makes the subfolder, then says its name: a name that is known is there. */
  async #make(): Promise<unknown> {
    const { folder, link, key } = this.#options
    const own = `queue-${randomBytes(8).toString('hex')}`
    await mkdir(join(folder, own), { mode: 0o700 })
    await syncFolder(folder)
    const first = await link.send('set', [key, own, 'NX', 'GET'])
    if (first === null) return own
    await rmdir(join(folder, own))
    return first
  }
}

interface OpenFolder {
  readonly path: string
  readonly files: ContentFiles
}

/** @throws {QueueError} `ERR_QUEUE_IO` when the folder is not there */
async function present(path: string): Promise<void> {
  await stat(path).catch((cause: unknown) => {
    throw new QueueError('ERR_QUEUE_IO', `The folder of content ${path} is not there: is it mounted?`, { cause })
  })
}
