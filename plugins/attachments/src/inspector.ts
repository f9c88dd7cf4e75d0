/// <reference lib="es2024.arraybuffer" />
/** What is found in the files of a message, and how much of them may be looked at. */

/** Kinds of findings inside of a file. */
export type InnerSignal =
  | 'type'
  | 'disguise'
  | 'encrypted'
  | 'nested'
  | 'macro'
  | 'template'
  | 'object'
  | 'pdf'
  | 'script'
  | 'unread'

/** What was found. */
export interface Inspection {
  /** Names of files in files, with the archives they are in: `a.zip/b.exe`. */
  readonly files: readonly string[]
  readonly signals: readonly (readonly [signal: InnerSignal, evidence: string])[]
  /** What is left for the other files of the message. */
  readonly left: InspectLimits
}

/** How much is looked at, of all files of a message together. */
export interface InspectLimits {
  /** Octets that are unpacked. */
  readonly octets: number
  readonly files: number
  readonly depth: number
  /** Milliseconds of the processor. */
  readonly time: number
}

/** A file that is still to be looked into. */
export interface Pending {
  readonly octets: Buffer
  readonly name: string
  /** Archives around it. */
  readonly depth: number
}

/** Collects what is found, and says when it is enough. */
export class Inspector {
  readonly files: string[] = []
  readonly signals: (readonly [InnerSignal, string])[] = []
  /** Archives within each other. */
  readonly depth: number
  /** Archives in archives: opened when those around them are closed, so that one is open at a time. */
  readonly pending: Pending[] = []
  readonly #files: number
  readonly #end: number
  #octets: number

  constructor(limits: InspectLimits) {
    this.depth = limits.depth
    this.#files = limits.files
    this.#octets = limits.octets
    this.#end = processorTime() + limits.time
  }

  /** Each kind has room for what is shown of it: many of one do not hide another. */
  add(signal: InnerSignal, evidence: string): void {
    if (this.signals.length < 100 && this.signals.filter(([kind]) => kind === signal).length < 10)
      this.signals.push([signal, evidence])
  }

  /** Whether another file may be listed. */
  list(name: string): boolean {
    if (this.files.length >= this.#files || !this.hasTime()) return false
    this.files.push(name)
    return true
  }

  /** Whether so many octets more may be unpacked. */
  take(octets: number): boolean {
    this.#octets -= octets
    return this.#octets >= 0 && this.hasTime()
  }

  /** Octets that may still be unpacked. */
  get room(): number {
    return Math.max(0, this.#octets)
  }

  get left(): InspectLimits {
    const time = Math.max(0, this.#end - processorTime())
    return { octets: this.room, files: this.#files - this.files.length, depth: this.depth, time }
  }

  hasTime(): boolean {
    return processorTime() <= this.#end
  }
}

/** Milliseconds of this thread; of the clock where the runtime does not know (before Node 23.9). */
export function processorTime(): number {
  if (typeof process.threadCpuUsage !== 'function') return performance.now()
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

/** Octets that come in pieces, in one place that grows without being copied, and that can be given back at once. */
export class Growing {
  readonly #memory: ArrayBuffer
  #length = 0

  /** @param most octets, which are reserved and not taken */
  constructor(most: number) {
    this.#memory = new ArrayBuffer(0, { maxByteLength: most })
  }

  /** @returns whether there was room for it */
  add(piece: Uint8Array): boolean {
    const end = this.#length + piece.length
    const { byteLength, maxByteLength } = this.#memory
    if (end > maxByteLength) return false
    // Each step is a question to the system.
    if (end > byteLength) this.#memory.resize(Math.min(maxByteLength, Math.max(end, 2 * byteLength)))
    new Uint8Array(this.#memory, this.#length).set(piece)
    this.#length = end
    return true
  }

  get octets(): Buffer {
    return Buffer.from(this.#memory, 0, this.#length)
  }
}

/** Gives the memory of octets back, which nobody is to read again. Does nothing where they are a part of something else. */
export function release({ buffer, byteLength }: Buffer): void {
  if (!(buffer instanceof ArrayBuffer)) return
  if (buffer.resizable) buffer.resize(0)
  else if (buffer.byteLength === byteLength && byteLength > 65_536) buffer.transfer(0)
}
