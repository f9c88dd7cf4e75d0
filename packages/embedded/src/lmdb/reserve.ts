/**
 * Room for a full disk, where what makes room must be written first: the database file is longer than what is in it, and a file beside
 * it is kept to be given away.
 */
import { appendFile, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const SIZE = 1024 * 1024
/** Octets that must be free to keep some in reserve. */
const ROOM = 4 * SIZE

/** One for each file that must be written on a full disk. */
export class Reserve {
  readonly #data: string
  readonly #spare: string

  /** @param data path of the database file */
  constructor(data: string) {
    this.#data = data
    this.#spare = join(dirname(data), 'reserve')
  }

  /**
   * Sees to it that both are there, when there is room; it is never worth an error.
   *
   * @param used octets of the database file that are in use
   */
  async keep(used: number): Promise<void> {
    try {
      const { bavail, bsize } = await statfs(dirname(this.#data))
      if (bavail * bsize < ROOM) return
      // Appending: what any process wrote meanwhile is before it.
      if ((await stat(this.#data)).size - used < SIZE / 2) await appendFile(this.#data, Buffer.alloc(SIZE))
      const spare = await stat(this.#spare).catch(() => undefined)
      if (spare?.size !== SIZE) await writeFile(this.#spare, Buffer.alloc(SIZE), { mode: 0o600 })
    } catch {
      // What fails here is asked for again the next time; without it a full disk is only harder to leave.
    }
  }

  /** Gives the room of the file beside away; false when there was none. */
  async give(): Promise<boolean> {
    try {
      await rm(this.#spare)
      return true
    } catch {
      return false // it is gone already
    }
  }
}
