/** A thread that looks into files, one message after the other. One that takes too long, or too much memory, is ended, and the next message has another. */
import { Worker } from 'node:worker_threads'
import type { ThreadAnswer, ThreadWork } from './thread.ts'

/** Milliseconds of the clock for one of the processor: others work there, too. Then it is ended. */
const PATIENCE = 8
/** Milliseconds of the clock for a message, with its wait for the thread and the start of that: well below what the hook has. */
const WHOLE = 8_000
/** MiB of objects; the memory of its libraries is bounded where they are used. */
const MEMORY = 64

interface Job {
  readonly work: ThreadWork
  /** Undefined: nobody has looked, or not to the end. */
  done(answer: ThreadAnswer | undefined): void
}

/** Messages one after the other, on a thread that is started when the first one comes. */
export class Inspections {
  readonly #most: number
  readonly #waiting: Job[] = []
  #thread: Worker | undefined
  #running: Job | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** @param most messages that may wait */
  constructor(most: number) {
    this.#most = most
  }

  /** What is in the files; undefined when it took too long, too many wait, or the thread broke. Never rejects. */
  ask(work: ThreadWork): Promise<ThreadAnswer | undefined> {
    if (this.#isClosed || this.#waiting.length >= this.#most) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#giveUp(job), WHOLE)
      const job: Job = {
        work,
        done: (answer) => {
          clearTimeout(timer)
          resolve(answer)
        },
      }
      this.#waiting.push(job)
      this.#next()
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const { done } of this.#waiting.splice(0)) done(undefined)
    const thread = this.#thread
    this.#finish(undefined)
    this.#thread = undefined
    await thread?.terminate()
  }

  /** Whoever is looked into then takes too long; who waits for it has waited long enough. */
  #giveUp(job: Job): void {
    if (job === this.#running && this.#thread) {
      this.#lose(this.#thread)
      return
    }
    const place = this.#waiting.indexOf(job)
    if (place >= 0) this.#waiting.splice(place, 1)
    job.done(undefined)
  }

  #next(): void {
    if (this.#running || this.#isClosed) return
    const job = this.#waiting.shift()
    if (!job) return
    this.#running = job
    const isNew = !this.#thread
    const thread = (this.#thread ??= this.#start())
    thread.ref()
    this.#wait(thread, isNew ? WHOLE : job.work.limits.time * PATIENCE)
    thread.postMessage(job.work)
  }

  #wait(thread: Worker, time: number): void {
    clearTimeout(this.#timer)
    if (this.#thread === thread && this.#running) this.#timer = setTimeout(() => this.#lose(thread), time)
  }

  #start(): Worker {
    // Beside this file, in the form this file has: source or built.
    const file = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url)
    const thread = new Worker(file, {
      name: 'postroad attachments',
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MEMORY },
    })
    thread.on('message', (answer: ThreadAnswer) => {
      thread.unref()
      this.#finish(answer)
    })
    thread.on('error', () => this.#lose(thread))
    thread.on('exit', () => this.#lose(thread))
    return thread
  }

  #lose(thread: Worker): void {
    if (this.#thread !== thread) return
    this.#thread = undefined
    void thread.terminate()
    this.#finish(undefined)
  }

  #finish(answer: ThreadAnswer | undefined): void {
    clearTimeout(this.#timer)
    const job = this.#running
    this.#running = undefined
    job?.done(answer)
    this.#next()
  }
}
