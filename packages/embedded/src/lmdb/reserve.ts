/** A file that is kept to be given away: on a full disk its room lets what makes more room be written. */
import { rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const SIZE = 1024 * 1024
/** Octets that must be free for a new one. */
const ROOM = 64 * SIZE

/** One for each file that must be written on a full disk. */
export class Reserve {
  readonly #path: string

  constructor(folder: string) {
    this.#path = join(folder, 'reserve')
  }

  /** Makes it when it is not there and there is room; it is never worth an error. */
  async keep(): Promise<void> {
    try {
      if ((await stat(this.#path).catch(() => undefined))?.size === SIZE) return
      const { bavail, bsize } = await statfs(join(this.#path, '..'))
      if (bavail * bsize >= ROOM) await writeFile(this.#path, Buffer.alloc(SIZE), { mode: 0o600 })
    } catch {
      // What fails here is asked for again the next time; without it a full disk is only harder to leave.
    }
  }

  /** Gives its room away; false when there was none. */
  async give(): Promise<boolean> {
    try {
      await rm(this.#path)
      return true
    } catch {
      return false // it is gone already
    }
  }
}
