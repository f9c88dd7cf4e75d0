/** What is found in a file, and how much of it may be looked at. */

/** Kinds of findings inside of a file. */
export type InnerSignal = 'encrypted' | 'nested' | 'macro' | 'template' | 'object' | 'pdf' | 'script' | 'unread'

/** What was found in one attachment. */
export interface Inspection {
  /** Names of files in it, with the archives they are in: `a.zip/b.exe`. */
  readonly files: readonly string[]
  /** Names whose octets are a program. */
  readonly programs: readonly string[]
  readonly signals: readonly (readonly [signal: InnerSignal, evidence: string])[]
}

/** How much is looked at. */
export interface InspectLimits {
  /** Octets, all that is unpacked together. */
  readonly octets: number
  readonly files: number
  readonly depth: number
  /** Milliseconds of the processor. */
  readonly time: number
}

/** Collects what is found, and says when it is enough. */
export class Inspector {
  readonly files: string[] = []
  readonly programs: string[] = []
  readonly signals: (readonly [InnerSignal, string])[] = []
  /** Archives within each other. */
  readonly depth: number
  readonly #files: number
  readonly #end: number
  #octets: number

  constructor(limits: InspectLimits) {
    this.depth = limits.depth
    this.#files = limits.files
    this.#octets = limits.octets
    this.#end = processorTime() + limits.time
  }

  add(signal: InnerSignal, evidence: string): void {
    if (this.signals.length < 50) this.signals.push([signal, evidence])
  }

  /** Whether another file may be listed. */
  list(name: string): boolean {
    if (this.files.length >= this.#files || processorTime() > this.#end) return false
    this.files.push(name)
    return true
  }

  /** Whether so many octets more may be unpacked. */
  take(octets: number): boolean {
    this.#octets -= octets
    return this.#octets >= 0 && processorTime() <= this.#end
  }
}

/** Milliseconds of this thread; of the clock where the runtime does not know (before Node 23.9). */
export function processorTime(): number {
  if (typeof process.threadCpuUsage !== 'function') return performance.now()
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}
