/**
 * Threads of their own for password hashes. Node's asynchronous ones share four threads with every file operation: eighty
 * wrong logins there are a minute in which no message can be stored.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { HashAnswer } from './thread.ts'
import { type HashWork, memoryOf } from './work.ts'

/** How much hashing may go on. */
export interface HashLimits {
  /** Threads, and so hashes at once. */
  readonly atOnce: number
  /** How many more may wait for one. */
  readonly waiting: number
  /** Octets that all hashes at once may take; one that wants more than that runs alone. */
  readonly memory: number
}

/** Of the option `checks`. */
export function hashLimitsOf({
  atOnce = defaultThreads(),
  waiting,
  memory,
}: {
  readonly atOnce?: number | undefined
  readonly waiting: number
  /** MiB */
  readonly memory: number
}): HashLimits {
  return { atOnce, waiting, memory: memory * 1_048_576 }
}

/** The line is full: the work was not looked at. */
export class HashesBusy extends Error {
  override readonly name = 'HashesBusy'
}

/** One core is left for mail. */
function defaultThreads(): number {
  return Math.max(1, Math.min(8, availableParallelism() - 1))
}

interface HashJob {
  readonly work: HashWork
  readonly memory: number
  /** From now on it cannot leave any more. */
  starts(): void
  resolve(hash: Uint8Array): void
  reject(error: unknown): void
}

/** Hashes on threads that are started when they are first needed, one piece of work a thread, the others in line. */
export class HashPool {
  readonly #limits: HashLimits
  readonly #waiting = new Set<HashJob>()
  readonly #running = new Map<Worker, HashJob>()
  readonly #idle = new Set<Worker>()
  #memory = 0
  #refused = 0
  #isClosed = false

  constructor(limits: HashLimits) {
    this.#limits = limits
  }

  /** What goes on: hashes running and waiting, and those refused since the start because the line was full. */
  get counts(): { readonly running: number; readonly waiting: number; readonly refused: number } {
    return { running: this.#running.size, waiting: this.#waiting.size, refused: this.#refused }
  }

  /**
   * The hash. Who gives up leaves the line; a hash that is being computed is finished, so that the attempt is counted.
   *
   * @throws {HashesBusy} when the line is full
   * @throws the reason of the signal when it aborts while the work waits
   */
  async hash(work: HashWork, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted()
    if (this.#isClosed) throw ended()
    const memory = memoryOf(work)
    if (this.#waiting.size >= this.#limits.waiting && (this.#waiting.size > 0 || !this.#hasRoom(memory))) {
      this.#refused++
      throw new HashesBusy('too many passwords wait to be checked')
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(job)
        reject(signal?.reason)
        // It may have wanted more memory than there was, and those behind it less.
        this.#startNext()
      }
      const job: HashJob = { work, memory, resolve, reject, starts: () => signal?.removeEventListener('abort', leave) }
      signal?.addEventListener('abort', leave, { once: true })
      this.#waiting.add(job)
      this.#startNext()
    })
  }

  /** Ends the threads; what waits, and what is running, rejects. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const job of this.#waiting) {
      job.starts()
      job.reject(ended())
    }
    this.#waiting.clear()
    await Promise.all([...this.#idle, ...this.#running.keys()].map((thread) => thread.terminate()))
  }

  #hasRoom(memory: number): boolean {
    const { size } = this.#running
    return size < this.#limits.atOnce && (size === 0 || this.#memory + memory <= this.#limits.memory)
  }

  #startNext(): void {
    for (const job of this.#waiting) {
      if (!this.#hasRoom(job.memory)) return
      this.#waiting.delete(job)
      job.starts()
      this.#start(job)
    }
  }

  #start(job: HashJob): void {
    try {
      const thread = this.#takeThread()
      this.#running.set(thread, job)
      this.#memory += job.memory
      thread.ref()
      thread.postMessage(job.work)
    } catch (error) {
      job.reject(error)
    }
  }

  #takeThread(): Worker {
    for (const thread of this.#idle) {
      this.#idle.delete(thread)
      return thread
    }
    // Beside this file, in the form this file has: source or built. Options of the command line are not for a thread that only counts.
    const file = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url)
    const thread = new Worker(file, { name: 'postroad passwords', execArgv: [] })
    thread.on('message', (answer: HashAnswer) => this.#answer(thread, answer))
    thread.on('error', (error) => this.#lose(thread, error))
    thread.on('exit', () => this.#lose(thread, ended()))
    return thread
  }

  #answer(thread: Worker, answer: HashAnswer): void {
    const job = this.#finish(thread)
    // Nobody waits for it now: it must not keep the process alive.
    thread.unref()
    this.#idle.add(thread)
    if ('hash' in answer) job?.resolve(answer.hash)
    else job?.reject(answer.error)
    this.#startNext()
  }

  /** The next job gets another one. */
  #lose(thread: Worker, error: unknown): void {
    this.#idle.delete(thread)
    this.#finish(thread)?.reject(error)
    this.#startNext()
  }

  #finish(thread: Worker): HashJob | undefined {
    const job = this.#running.get(thread)
    if (job === undefined) return undefined
    this.#running.delete(thread)
    this.#memory -= job.memory
    return job
  }
}

function ended(): Error {
  return new Error('the thread that checks passwords has ended')
}
