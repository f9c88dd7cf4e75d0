/** When messages of an open loop are due, and who waits for these times. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** Numbers from 0 up to 1, the same ones for the same seed (a linear congruential generator, its high bits). */
export function seeded(seed: number): () => number {
  let state = BigInt(seed)
  return () => {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) & 0xffff_ffff_ffff_ffffn
    return Number(state >> 32n) / 2 ** 32
  }
}

/** Poisson arrivals: gaps are exponential and independent. @returns milliseconds from the start, ascending */
export function poissonArrivals(perSecond: number, count: number, random: () => number): number[] {
  let at = 0
  // 1 - random is never 0.
  return Array.from({ length: count }, () => (at += (-Math.log(1 - random()) * 1000) / perSecond))
}

/** How many messages a rate makes in a window, of which there are at most and at least so many. */
export function countIn(
  windowMs: number,
  perSecond: number,
  { least, most }: { readonly least: number; readonly most: number },
): number {
  return Math.min(most, Math.max(least, Math.round((perSecond * windowMs) / 1000)))
}

/**
 * Tells when times have come. A thread sleeps in the kernel in between: timers of Node have whole milliseconds, in which
 * messages are answered.
 */
export class ArrivalClock {
  readonly #worker: Worker
  readonly #stopped: Int32Array
  #epoch = Number.NaN

  private constructor() {
    this.#stopped = new Int32Array(new SharedArrayBuffer(4))
    this.#worker = new Worker(SLEEPER, { eval: true, workerData: this.#stopped })
  }

  /** Resolves when the thread is there: its start is nobody's wait. */
  static async open(): Promise<ArrivalClock> {
    const clock = new ArrivalClock()
    await once(clock.#worker, 'message')
    return clock
  }

  /** Starts, once. Tells of each time with the time itself. Resolves when every time has come, or it was stopped. */
  async run(due: readonly number[], signal: AbortSignal, tell: (at: number) => void): Promise<void> {
    this.#epoch = monotonic()
    signal.addEventListener('abort', () => {
      Atomics.store(this.#stopped, 0, 1)
      Atomics.notify(this.#stopped, 0)
    })
    this.#worker.on('message', tell)
    this.#worker.postMessage({ due, epoch: this.#epoch })
    await once(this.#worker, 'exit')
  }

  /** Milliseconds since the start. */
  now(): number {
    return monotonic() - this.#epoch
  }
}

function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

const SLEEPER = `
const { parentPort, workerData: stopped } = require('node:worker_threads')
parentPort.once('message', ({ due, epoch }) => {
  const now = () => Number(process.hrtime.bigint()) / 1e6 - epoch
  for (const at of due) {
    for (let left = at - now(); left > 0 && Atomics.load(stopped, 0) === 0; left = at - now()) Atomics.wait(stopped, 0, 0, left)
    if (Atomics.load(stopped, 0) !== 0) break
    parentPort.postMessage(at)
  }
})
parentPort.postMessage('ready')
`
