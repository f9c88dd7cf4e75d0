/** Runs test files, each in a process of its own with limits on its time and on that of each test: one that hangs does not take the others with it. */
import { run } from 'node:test'
import type { Reporter } from './reporter.ts'

/** Files that are reported together. */
export interface FileSet {
  readonly files: readonly string[]
  readonly reporter: Reporter
  /** Milliseconds from the begin of its first file until it is stopped. */
  readonly limitMs: number
}

/** How test files are run. */
export interface RunOptions {
  readonly cwd: string
  /** Files at the same time. */
  readonly concurrency: number
  /** Milliseconds a file may take. */
  readonly fileLimitMs: number
  /** Milliseconds a test may take, and a suite of tests. */
  readonly testLimitMs: number
  /** Arguments for node. */
  readonly execArgv?: readonly string[]
}

/** What it came to, besides what the reporter has. */
export interface Ran {
  /** Milliseconds from the begin of the first file to the end of the last one. */
  readonly ms: number
  /** Each file and its milliseconds. */
  readonly files: readonly { readonly file: string; readonly ms: number }[]
  readonly wasStopped: boolean
}

const HEARTBEAT_MS = 20_000
const LIMIT = new URL('./limit.ts', import.meta.url).href

/**
 * Runs the files of all sets, in order, some at the same time: the last files of one set beside the first ones of the next.
 *
 * @param onEnd is told of a set when all of it has ended
 */
export async function runFiles<T extends FileSet>(
  sets: readonly T[],
  options: RunOptions,
  onEnd: (set: T, ran: Ran) => void,
): Promise<void> {
  const runs = sets.map((set) => new SetRun(set))
  const waiting = runs.flatMap((set) => set.files.map((file) => ({ set, file })))
  const heartbeat = setInterval(() => {
    for (const set of runs) if (set.isRunning) set.reporter.heartbeat()
  }, HEARTBEAT_MS)
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await next.set.runFile(next.file, options)
      if (next.set.isOver) onEnd(next.set.set, next.set.ran)
    }
  }
  for (const empty of runs) if (empty.isOver) onEnd(empty.set, empty.ran)
  await Promise.all(Array.from({ length: options.concurrency }, work))
  clearInterval(heartbeat)
}

class SetRun<T extends FileSet> {
  readonly set: T
  readonly #timings: { file: string; ms: number }[] = []
  #left: number
  #under = 0
  #began = 0
  #ended = 0
  #limit: AbortSignal | undefined

  constructor(set: T) {
    this.set = set
    this.#left = set.files.length
  }

  get files(): readonly string[] {
    return this.set.files
  }

  get reporter(): Reporter {
    return this.set.reporter
  }

  get isRunning(): boolean {
    return this.#under > 0
  }

  get isOver(): boolean {
    return this.#left === 0
  }

  get ran(): Ran {
    return { ms: this.#ended - this.#began, files: this.#timings, wasStopped: this.#limit?.aborted ?? false }
  }

  async runFile(file: string, { cwd, fileLimitMs, testLimitMs, execArgv = [] }: RunOptions): Promise<void> {
    const began = performance.now()
    if (this.#limit === undefined) {
      this.#began = began
      this.#limit = AbortSignal.timeout(this.set.limitMs)
    }
    this.#under++
    if (!this.#limit.aborted) {
      const signal = AbortSignal.any([this.#limit, AbortSignal.timeout(fileLimitMs)])
      const limits = [`--test-timeout=${testLimitMs}`, `--import=${LIMIT}`]
      await this.reporter.read(
        run({ files: [file], cwd, isolation: 'process', execArgv: [...execArgv, ...limits], signal }),
      )
    }
    this.#under--
    this.#left--
    this.#ended = performance.now()
    this.#timings.push({ file, ms: this.#ended - began })
    this.reporter.clear()
  }
}
