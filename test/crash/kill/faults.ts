/** Calls to the system that fail for a while, in every process of a world, see `fault.c`. */
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programPath } from '../../runner/program.ts'

/** Kinds of calls, as bits of `fault.c`. */
export const CALLS = { write: 1, sync: 2, truncate: 4, open: 8, socket: 16, accept: 32, pipe: 64 } as const

/** What goes wrong. */
export interface Fault {
  readonly error: 'EIO' | 'ENOSPC' | 'EMFILE'
  /** Sum of {@link CALLS}. */
  readonly calls: number
  /** Milliseconds after which all is well again, whatever becomes of the test. */
  readonly forMs: number
  /** How many calls fail; default: all. */
  readonly count?: number
  /** Calls that go well before. */
  readonly skip?: number
  /** Only what would make a file longer, or only its first pages, where LMDB says which commit is the last. */
  readonly place?: 'growing' | 'meta'
}

const SIZE = 64
const HITS_AT = 24

/** Compiles the library into a folder. Gives its path. */
export function buildFaults(folder: string): string {
  const library = join(folder, 'fault.so')
  execFileSync(programPath('gcc'), [
    '-shared',
    '-fPIC',
    '-O1',
    '-o',
    library,
    fileURLToPath(new URL('fault.c', import.meta.url)),
    '-ldl',
  ])
  return library
}

/** The switch of one world. */
export class Faults {
  readonly #file: string
  readonly #folder: string
  readonly #library: string

  constructor(world: { readonly folder: string; readonly queue: string; readonly library: string }) {
    this.#file = join(world.folder, 'control')
    this.#folder = world.queue
    this.#library = world.library
    writeFileSync(this.#file, Buffer.alloc(4_096))
  }

  /** What a process needs to be told. */
  get env(): NodeJS.ProcessEnv {
    return {
      LD_PRELOAD: this.#library,
      CRASH_CONTROL: this.#file,
      CRASH_FOLDER: this.#folder,
      CRASH_LEASH: String(process.pid),
    }
  }

  arm({ error, calls, forMs, count = -1, skip = 0, place }: Fault): void {
    const octets = Buffer.alloc(SIZE)
    octets.writeUInt32LE(calls, 8)
    octets.writeInt32LE(constants.errno[error], 12)
    octets.writeInt32LE(count, 16)
    octets.writeInt32LE(skip, 20)
    octets.writeUInt32LE(place === undefined ? 0 : place === 'growing' ? 1 : 2, 28)
    this.#write(octets)
    // Last: until then nothing fails.
    const until = Buffer.alloc(8)
    until.writeBigUInt64LE(process.hrtime.bigint() + BigInt(forMs) * 1_000_000n)
    this.#write(until)
  }

  clear(): void {
    this.#write(Buffer.alloc(8))
  }

  /** Calls that have failed since {@link arm}. */
  async hits(): Promise<number> {
    return (await readFile(this.#file)).readUInt32LE(HITS_AT)
  }

  #write(octets: Buffer): void {
    // The file is mapped by the processes: it is written in place, never replaced.
    const file = openSync(this.#file, 'r+')
    try {
      writeSync(file, octets, 0, octets.length, 0)
    } finally {
      closeSync(file)
    }
  }
}
