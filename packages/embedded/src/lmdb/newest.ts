/**
 * Which transaction is the newest. LMDB has its number twice: in the two meta pages of the data file, where a commit ends, and in
 * the lock file, where the next transaction and each reader begin. lmdb's LMDB writes the second one whenever a process opens the
 * file, with what it read of the meta pages a moment before (OpenLDAP ITS#9496, mended in LMDB itself since). A commit of another
 * process in between is forgotten: readers do not see it, and the next writer takes its place and its pages.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { LOCK_TRANSACTION, MAGIC, META_MAGIC, META_PAGE_SIZE, META_TRANSACTION } from './shape.ts'

/** Both places of the number, of an environment that is open. */
export class NewestTransaction {
  readonly #data: number
  readonly #lock: number
  readonly #number = new BigUint64Array(1)
  readonly #octets = Buffer.from(this.#number.buffer)
  readonly #pageSize: number

  /**
   * @param folder its environment must be open, and stay open until {@link close}
   * @throws {Error} when a file cannot be opened or is not as this LMDB writes it
   */
  constructor(folder: string) {
    const data = join(folder, 'data.mdb')
    this.#data = openSync(data, 'r')
    try {
      // Not to be closed before the environment: that would give up all locks that this process has on it.
      this.#lock = openSync(join(folder, 'lock.mdb'), 'r+')
      const word = new Uint32Array(1)
      const wordAt = (at: number): number => {
        readSync(this.#data, word, 0, 4, at)
        return word[0] ?? 0
      }
      this.#pageSize = wordAt(META_PAGE_SIZE)
      if (wordAt(META_MAGIC) !== MAGIC || wordAt(this.#pageSize + META_MAGIC) !== MAGIC)
        throw new Error(`${data} is not of the format that is known here`)
    } catch (error) {
      closeSync(this.#data)
      throw error
    }
  }

  /** Whether a commit is forgotten just now. It may be wrong while somebody commits. */
  get isForgotten(): boolean {
    return this.#read(this.#lock, LOCK_TRANSACTION) < this.#committed()
  }

  /**
   * Whether a write transaction that has the lock, and has written nothing yet, follows the newest one. If not, it must end without
   * writing; the next to begin will.
   */
  isFollowedBy(transaction: number): boolean {
    // It is to be written to this meta page. What stands there is older by two; or, when anything was forgotten, as new as itself.
    const place = this.#read(this.#data, (transaction % 2) * this.#pageSize + META_TRANSACTION)
    if (place < transaction) return true
    this.#number[0] = this.#committed()
    writeSync(this.#lock, this.#octets, 0, 8, LOCK_TRANSACTION)
    return false
  }

  /** After the environment. */
  close(): void {
    closeSync(this.#lock)
    closeSync(this.#data)
  }

  #committed(): bigint {
    const first = this.#read(this.#data, META_TRANSACTION)
    const second = this.#read(this.#data, this.#pageSize + META_TRANSACTION)
    return first > second ? first : second
  }

  #read(file: number, at: number): bigint {
    const octets = readSync(file, this.#octets, 0, 8, at)
    const [value] = this.#number
    if (octets !== 8 || value === undefined) throw new Error('The file lost its end')
    return value
  }
}
