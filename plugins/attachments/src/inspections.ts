/** A thread that looks into files, one message after the other. One that takes too long, or too much memory, is ended, and the next message has another. */
import { Worker } from 'node:worker_threads'
import type { Inspection, InspectLimits } from './inspector.ts'
import type { ThreadAnswer, ThreadWork } from './thread.ts'

/** Milliseconds of the clock for one of the processor: others work there, too. Then it is ended. */
const PATIENCE = 8
/** Milliseconds of the clock after which it is seen how much of the processor the thread has had: it cannot look while a library works. */
const GLANCE = 50
/** It stops by itself when its time is over, unless a library does not come back. */
const OVER = 1.5
/** Milliseconds of the clock for a message, with its wait for the thread and the start of that: well below what the hook has. */
const WHOLE = 8_000
/** Threads that the files of one message may use up. */
const MOST_SPENT = 2
/** MiB of objects, of which there are few; octets are bounded where they are read. */
const OBJECTS = 24

/** The files of one message. */
export interface InspectionWork {
  readonly files: readonly { readonly name: string; readonly octets: Uint8Array }[]
  /** For all of them together. */
  readonly limits: InspectLimits
}

/** What is in them, one after the other. */
export interface InspectionAnswer {
  readonly found: readonly Inspection[]
  /** Names of the files that nobody has looked into to the end. */
  readonly lost: readonly string[]
}

interface Job {
  readonly files: InspectionWork['files']
  readonly found: Inspection[]
  limits: InspectLimits
  /** Threads that its files have used up. */
  spent: number
  done(answer: InspectionAnswer): void
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

  /** What is in the files, and where it ended when that took too long, too many wait, or the thread broke. Never rejects. */
  ask({ files, limits }: InspectionWork): Promise<InspectionAnswer> {
    if (this.#isClosed || this.#waiting.length >= this.#most)
      return Promise.resolve({ found: [], lost: files.map(({ name }) => name) })
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#giveUp(job), WHOLE)
      const job: Job = {
        files,
        limits,
        spent: 0,
        found: [],
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
    for (const job of this.#waiting.splice(0)) job.done(lost(job))
    const thread = this.#thread
    this.#finish()
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
    job.done(lost(job))
  }

  #next(): void {
    if (this.#running || this.#isClosed) return
    const job = this.#waiting.shift()
    if (!job) return
    this.#running = job
    this.#send(job)
  }

  /** One file: the thread never has two. The copy of it is made here, and is the thread's. */
  #send({ files, found, limits }: Job): void {
    const file = files[found.length]
    if (!file) {
      this.#finish()
      return
    }
    const thread = this.#thread
    if (!thread) {
      // It says when it is ready: then this is called again.
      this.#watch(this.#start(), { clock: WHOLE })
      return
    }
    thread.ref()
    this.#watch(thread, { clock: limits.time * PATIENCE, work: limits.time * OVER })
    const octets = new Uint8Array(file.octets)
    thread.postMessage({ name: file.name, octets, limits } satisfies ThreadWork, [octets.buffer])
  }

  #hear(thread: Worker, { inspection, isSpent }: ThreadAnswer): void {
    const job = this.#running
    if (!job || thread !== this.#thread) return
    if (!inspection) {
      this.#send(job)
      return
    }
    job.found.push(inspection)
    job.limits = inspection.left
    thread.unref()
    // What one file has done to the thread is not to hide what is in the next one; to do it again and again is not worth a thread each time.
    if (isSpent) {
      this.#thread = undefined
      void thread.terminate()
    }
    if (isSpent && ++job.spent > MOST_SPENT) this.#finish()
    else if (job.limits.time > 0) this.#send(job)
    else this.#finish()
  }

  /** Ends the thread when it has had more than so many milliseconds: of the clock, and of the processor where the runtime tells (Node 24.6). */
  #watch(thread: Worker, { clock, work }: { readonly clock: number; readonly work?: number }): void {
    clearTimeout(this.#timer)
    const begun = performance.now()
    const before = work === undefined ? undefined : usageOf(thread)
    const isOver = async (): Promise<boolean> => {
      if (performance.now() - begun > clock) return true
      const [first, now] = [await before, work === undefined ? undefined : await usageOf(thread)]
      return work !== undefined && first !== undefined && now !== undefined && now - first > work
    }
    const wait = (): NodeJS.Timeout => {
      const timer = setTimeout(async () => {
        const isEnded = await isOver()
        if (this.#timer !== timer) return
        if (isEnded) this.#lose(thread)
        else this.#timer = wait()
      }, GLANCE)
      return timer
    }
    this.#timer = wait()
  }

  #start(): Worker {
    // Beside this file, in the form this file has: source or built.
    const file = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url)
    const thread = new Worker(file, {
      name: 'postroad attachments',
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: OBJECTS, maxYoungGenerationSizeMb: 4 },
    })
    thread.on('message', (answer: ThreadAnswer) => this.#hear(thread, answer))
    thread.on('error', () => this.#lose(thread))
    thread.on('exit', () => this.#lose(thread))
    this.#thread = thread
    return thread
  }

  #lose(thread: Worker): void {
    if (this.#thread !== thread) return
    this.#thread = undefined
    void thread.terminate()
    this.#finish()
  }

  #finish(): void {
    clearTimeout(this.#timer)
    const job = this.#running
    this.#running = undefined
    job?.done(lost(job))
    this.#next()
  }
}

/** Milliseconds of the processor; undefined where nobody knows. */
async function usageOf(thread: Worker): Promise<number | undefined> {
  try {
    const usage = await thread.cpuUsage?.()
    return usage && (usage.user + usage.system) / 1_000
  } catch {
    return undefined // it has ended: who waits for it hears of that
  }
}

/** What there is, and the files that nobody has looked into to the end. */
function lost({ files, found }: Job): InspectionAnswer {
  return { found, lost: files.slice(found.length).map(({ name }) => name) }
}
