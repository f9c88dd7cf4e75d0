/** Makes names of files durable: fsync of a directory, shared by all that wait for the same one. */
import { open } from 'node:fs/promises'

interface Round {
  readonly done: Promise<void>
}

/** Runs at most one fsync a directory at a time; who comes while one runs shares the next. */
export class DirectorySync {
  readonly #running = new Map<string, Round>()
  readonly #next = new Map<string, Round>()
  readonly #run: (path: string) => Promise<void>

  /** @param run syncs one directory; for tests */
  constructor(run: (path: string) => Promise<void> = syncDirectory) {
    this.#run = run
  }

  /** Resolves when every change made to the directory before the call is on stable storage. */
  async sync(path: string): Promise<void> {
    const running = this.#running.get(path)
    if (running === undefined) return await this.#start(path)
    // The running one may have begun before our change.
    let next = this.#next.get(path)
    if (next === undefined) {
      const begin = () => {
        this.#next.delete(path)
        return this.#start(path)
      }
      next = { done: running.done.then(begin, begin) }
      this.#next.set(path, next)
    }
    await next.done
  }

  #start(path: string): Promise<void> {
    const done = this.#run(path)
    const round = { done }
    this.#running.set(path, round)
    const end = () => {
      if (this.#running.get(path) === round) this.#running.delete(path)
    }
    done.then(end, end)
    return done
  }
}

/** fsync of one directory. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
