/** Whether the server is near its limits: one boolean that tightens deadlines, and that plugins can read. */
import { statfs } from 'node:fs/promises'
import { totalmem } from 'node:os'
import type { StressOptions } from '../config/listener-options.ts'

/** What is measured from the outside. */
export interface ListenerLoad {
  /** Share of the connections that are open. */
  readonly connections: number
  readonly loopDelayMs: number
}

/** Stress ends when everything is this much below where it began: a server at the edge must not flap. */
const RELIEF = 0.9

/** Looks at the signs of stress. */
export class Stress {
  isOn = false
  readonly #options: Required<Omit<StressOptions, 'disk'>> & Pick<StressOptions, 'disk'>
  readonly #memoryLimit: number
  #rss = 0
  /** Below 1 when there is room enough. */
  #disk = 0

  constructor(options: StressOptions = {}) {
    this.#options = { connections: 0.8, loopDelayMs: 250, memory: 0.9, ...options }
    const constrained = process.constrainedMemory()
    this.#memoryLimit = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
  }

  /** Measures; `rss` is for tests. */
  update({ connections, loopDelayMs }: ListenerLoad, rss = this.#measure()): void {
    const begin = this.#options
    const memory = rss / this.#memoryLimit / begin.memory
    const level = Math.max(connections / begin.connections, loopDelayMs / begin.loopDelayMs, memory, this.#disk)
    this.isOn = level >= (this.isOn ? RELIEF : 1)
  }

  /** Octets. With no file descriptors left it cannot be asked: then it is what it was. */
  #measure(): number {
    try {
      this.#rss = process.memoryUsage.rss()
    } catch {
      // It is asked again in a second.
    }
    return this.#rss
  }

  /** Looks at the free space; the next {@link update} knows it. A file system that cannot be looked at is no reason for stress. */
  async updateDisk(): Promise<void> {
    const { disk } = this.#options
    if (disk === undefined) return
    const free = await statfs(disk.path).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => Number.POSITIVE_INFINITY,
    )
    this.#disk = disk.freeBytes / Math.max(free, 1)
  }
}
