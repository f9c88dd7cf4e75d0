/**
 * Constant databases, as `cdbmake`, tinycdb and `postmap cdb:` write them: a file that is never changed, only replaced. A look-up is a few reads of
 * it. The format is https://cr.yp.to/cdb/cdb.txt
 */
import { type FileHandle, open } from 'node:fs/promises'

/** 256 pairs of 32 bits: where a table of slots is, and how many it has. */
const HEADER = 2_048
/** A slot: the hash of a key, and where its record is. 0: it is empty. */
const SLOT = 8
/** Octets of a record's key and data. */
const LONGEST = 1_048_576
/** Records of one key. */
const MOST = 1_000

/** A database that is open. */
export class Cdb {
  readonly #handle: FileHandle
  readonly #header: Buffer
  readonly #size: number
  readonly #reads = new Set<Promise<unknown>>()

  private constructor(handle: FileHandle, header: Buffer, size: number) {
    this.#handle = handle
    this.#header = header
    this.#size = size
  }

  /** @throws {Error} when it cannot be read, or is no such database */
  static async open(path: string): Promise<Cdb> {
    const handle = await open(path)
    try {
      const { size } = await handle.stat()
      const header = Buffer.alloc(HEADER)
      const { bytesRead } = await handle.read(header, 0, HEADER, 0)
      if (bytesRead < HEADER) throw new Error('it is no cdb: it is too short')
      for (let at = 0; at < HEADER; at += SLOT) {
        const [position, slots] = [header.readUInt32LE(at), header.readUInt32LE(at + 4)]
        if (slots > 0 && (position < HEADER || position + slots * SLOT > size))
          throw new Error('it is no cdb, or not all of one: its tables are not where it says')
      }
      return new Cdb(handle, header, size)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** The data of all records with this key, in the order in which they were added. @throws {Error} (as a rejection) when the file is damaged */
  find(key: Uint8Array): Promise<readonly Buffer[]> {
    const reading = this.#find(key)
    const ended = reading.catch(() => undefined).finally(() => this.#reads.delete(ended)) // the caller hears of it
    this.#reads.add(ended)
    return reading
  }

  /** Closes it when all have read what they wanted. */
  async close(): Promise<void> {
    await Promise.all(this.#reads)
    await this.#handle.close()
  }

  async #find(key: Uint8Array): Promise<readonly Buffer[]> {
    const hash = hashOf(key)
    const at = (hash & 0xff) * SLOT
    const [table, slots] = [this.#header.readUInt32LE(at), this.#header.readUInt32LE(at + 4)]
    const found: Buffer[] = []
    const first = slots === 0 ? 0 : (hash >>> 8) % slots
    for (let step = 0; step < slots; step++) {
      const slot = await this.#read(table + ((first + step) % slots) * SLOT, SLOT)
      const position = slot.readUInt32LE(4)
      if (position === 0) break
      if (slot.readUInt32LE(0) !== hash) continue
      const data = await this.#record(position, key)
      if (data && found.push(data) > MOST) throw new Error(`a key has more than ${MOST} records`)
    }
    return found
  }

  /** Its data, if it is of this key. */
  async #record(position: number, key: Uint8Array): Promise<Buffer | undefined> {
    const lengths = await this.#read(position, SLOT)
    const [keyLength, dataLength] = [lengths.readUInt32LE(0), lengths.readUInt32LE(4)]
    if (keyLength !== key.length) return undefined
    if (keyLength + dataLength > LONGEST) throw new Error(`a record has more than ${LONGEST} octets`)
    const both = await this.#read(position + SLOT, keyLength + dataLength)
    return both.subarray(0, keyLength).equals(key) ? both.subarray(keyLength) : undefined
  }

  async #read(position: number, length: number): Promise<Buffer> {
    if (position + length > this.#size) throw new Error('the cdb is damaged: it points behind its end')
    const octets = Buffer.alloc(length)
    const { bytesRead } = await this.#handle.read(octets, 0, length, position)
    if (bytesRead < length) throw new Error('the cdb is damaged: it has become shorter')
    return octets
  }
}

/** As the format has it: 5381, then times 33 and xor of each octet, in 32 bits. */
function hashOf(key: Uint8Array): number {
  let hash = 5_381
  for (const octet of key) hash = (((hash << 5) + hash) ^ octet) >>> 0
  return hash
}
