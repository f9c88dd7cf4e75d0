/** What is done to many messages goes on after the answer: jobs, that can be looked at and stopped. */
import type { ApiShape } from '@postroad/admin-api'
import { textOf } from '@postroad/plugin'

/** A job, as it is shown. */
export type JobView = ApiShape<'job'>

/** What is to be done. `work` yields how many deliveries each message gave. */
export interface JobOrder {
  readonly id: string
  readonly kind: string
  readonly by: string
  readonly total: number
  work(signal: AbortSignal): AsyncIterable<{ readonly changed: number }>
  /** Called once, with what came of it. */
  ended(job: JobView): Promise<void>
}

/** Jobs that have ended and are still shown. */
const KEPT = 100
/** So many at once: they are work for the disk that mail also needs. */
const AT_ONCE = 4

interface Running {
  view: JobView
  readonly controller: AbortController
}

/** The jobs of this worker. */
export class Jobs {
  readonly #jobs = new Map<string, Running>()
  readonly #now: () => number
  readonly #watchers = new Set<(job: JobView) => void>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** The latest first. */
  get all(): readonly JobView[] {
    return [...this.#jobs.values()].map(({ view }) => view).toReversed()
  }

  get(id: string): JobView | undefined {
    return this.#jobs.get(id)?.view
  }

  /** Told of each beginning, end, and now and then of the middle. */
  watch(watcher: (job: JobView) => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Undefined when there are too many at this moment. */
  start(order: JobOrder): { readonly view: JobView; readonly end: Promise<JobView> } | undefined {
    const running = [...this.#jobs.values()].filter(({ view }) => view.state === 'running')
    if (running.length >= AT_ONCE) return undefined
    const { id, kind, by, total } = order
    const view: JobView = { id, kind, by, state: 'running', startedAt: this.#now(), total, looked: 0, changed: 0 }
    const own: Running = { view, controller: new AbortController() }
    this.#jobs.set(id, own)
    for (const [old, { view: job }] of this.#jobs)
      if (this.#jobs.size > KEPT && job.state !== 'running') this.#jobs.delete(old)
    return { view, end: this.#run(own, order) }
  }

  /** Stops it where it is; what was done stays done. */
  stop(id: string): JobView | undefined {
    const own = this.#jobs.get(id)
    own?.controller.abort(new Error('stopped'))
    return own?.view
  }

  stopAll(): void {
    for (const id of this.#jobs.keys()) this.stop(id)
  }

  async #run(own: Running, order: JobOrder): Promise<JobView> {
    const { signal } = own.controller
    this.#tell(own.view)
    let told = this.#now()
    try {
      for await (const { changed } of order.work(signal)) {
        own.view = { ...own.view, looked: own.view.looked + 1, changed: own.view.changed + changed }
        if (signal.aborted) break
        if (this.#now() - told < 250) continue
        told = this.#now()
        this.#tell(own.view)
      }
      own.view = { ...own.view, state: signal.aborted ? 'stopped' : 'done', endedAt: this.#now() }
    } catch (error) {
      const state = signal.aborted ? 'stopped' : 'failed'
      own.view = { ...own.view, state, endedAt: this.#now(), ...(state === 'failed' && { text: textOf(error) }) }
    }
    this.#tell(own.view)
    await order.ended(own.view)
    return own.view
  }

  #tell(job: JobView): void {
    for (const watcher of this.#watchers) watcher(job)
  }
}
