/** Several processes on the same sockets: a worker that dies is replaced, and loses nothing that was acknowledged. */
import { execFile } from 'node:child_process'
import cluster, { type Worker } from 'node:cluster'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { UsageError } from '../config/usage-error.ts'
import { isReloadMessage, Reloads } from '../operator/reload-round.ts'
import { closeWhatItLeaves } from './passing.ts'
import type { Reporter } from './report.ts'
import type { StopSignals } from './signals.ts'
import { keepSockets } from './sockets.ts'

/** Milliseconds: a worker that lives shorter than this has failed. */
const HEALTHY = 10_000
/** Milliseconds before another try when a process cannot be started: doubled each time, up to the pause below. */
const FORK_PAUSE = 250
/** Milliseconds after which a worker that was told to stop is killed: longer than a next hop may take to answer, RFC 5321 §4.5.3.2.6, which `answerGrace` may grant. */
const STOP_LIMIT = 900_000
/** The same after a second signal. */
const SECOND_LIMIT = 2_000
/** So many of those in a row, and the next ones have to wait: what serves goes on serving, and a crash that comes back does not eat the machine. */
const ATTEMPTS = 5
const PAUSE = 5_000

/** True in a worker: it serves; the supervisor only watches. */
export function isWorker(): boolean {
  return cluster.isWorker
}

/** How many, from `--workers 4` or `--workers auto`. @throws {RangeError} when it is neither */
export function parseWorkers(text: string): number {
  if (text === 'auto') return availableParallelism()
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > 256)
    throw new RangeError(`--workers is a whole number from 1 to 256, or auto, not "${text}"`)
  return count
}

/** Whose rights the workers have; absent: those of the supervisor. */
export interface Rights {
  readonly uid?: number
  readonly gid?: number
}

/** The rights of a user, with its first group and no others. @throws {UsageError} when there is no such user, or we may not become it */
export async function rightsOf(user: string): Promise<Rights> {
  const ask = async (what: '-u' | '-g'): Promise<number> =>
    Number((await promisify(execFile)('id', [what, '--', user])).stdout)
  const [uid, gid] = await Promise.all([ask('-u'), ask('-g')]).catch(() => {
    throw new UsageError(`--user: there is no user "${user}"`)
  })
  if (process.getuid?.() !== 0 && process.getuid?.() !== uid)
    throw new UsageError(`--user: only root may become "${user}"`)
  return { uid, gid }
}

/** Gives up all rights but those that a worker of this user has; for good. @throws {UsageError} as {@link rightsOf} */
export async function become(user: string): Promise<void> {
  const { uid, gid } = await rightsOf(user)
  if (uid === undefined || gid === undefined || process.getuid?.() !== 0) return
  process.setgroups?.([])
  process.setgid?.(gid)
  process.setuid?.(uid)
}

/** Tells the supervisor that this worker serves. */
export function tellSupervisor(): void {
  process.send?.(SERVES)
}
const SERVES = 'serves'

interface SuperviseOptions {
  readonly count: number
  readonly rights: Rights
  readonly report: Reporter
  readonly signals: StopSignals
}

/** Runs the workers until a signal ends them; resolves to the exit code: 0 when all drained. */
export function supervise({ count, rights, report, signals }: SuperviseOptions): Promise<number> {
  cluster.setupPrimary(rights)
  const { uid, gid } = rights
  if (uid !== undefined && gid !== undefined) keepSockets({ uid, gid })
  return new Promise((resolve) => new Supervisor({ count, report }, resolve).start(signals))
}

class Supervisor {
  readonly #count: number
  readonly #report: Reporter
  readonly #umask = process.umask()
  readonly #done: (code: number) => void
  readonly #born = new Map<Worker, number>()
  /** Workers that have said so, and know what SIGHUP means: before, it would end them. */
  readonly #serving = new Set<Worker>()
  /** Workers that may have read the configuration of before the last SIGHUP: they are told when they serve. */
  #outdated = new Set<Worker>()
  readonly #reloads = new Reloads()
  #isStopping = false
  /** Whether any worker listens or has listened: the configuration can be served. */
  #serves = false
  #failures = 0
  /** Processes in a row that could not be started. */
  #unborn = 0
  #code = 0

  constructor({ count, report }: { readonly count: number; readonly report: Reporter }, done: (code: number) => void) {
    this.#count = count
    this.#report = report
    this.#done = done
  }

  start(signals: StopSignals): void {
    cluster.on('message', (worker, message) => {
      if (message === SERVES) this.#began(worker)
      else if (isReloadMessage(message)) this.#reload(worker, message)
    })
    cluster.on('exit', (worker, exit, signal) => this.#ended(worker, signal ?? exit))
    signals.answer({ stop: () => this.#stop(), hangup: () => this.#hangup() })
    if (!this.#isStopping) this.#spawn()
  }

  #hangup(): void {
    for (const worker of this.#serving) worker.process.kill('SIGHUP')
    this.#markOutdated()
  }

  #reload(worker: Worker, message: Parameters<Reloads['take']>[1]): void {
    this.#reloads.take(worker, message, this.#serving)
    if (message.reload === 'ask') this.#markOutdated()
  }

  #markOutdated(): void {
    this.#outdated = new Set([...this.#born.keys()].filter((worker) => !this.#serving.has(worker)))
  }

  #began(worker: Worker): void {
    this.#serving.add(worker)
    if (this.#isStopping) return
    if (this.#outdated.delete(worker)) worker.process.kill('SIGHUP')
    if (this.#serves) return
    this.#serves = true
    for (let i = 1; i < this.#count; i++) this.#spawn()
  }

  #spawn(): void {
    try {
      const worker = this.#fork()
      this.#born.set(worker, performance.now())
      worker.on('error', (error) => this.#troubled(worker, error))
      closeWhatItLeaves(worker)
      worker.once('online', () => {
        this.#unborn = 0
      })
    } catch (error) {
      this.#retry(error)
    }
  }

  /** Sockets are made here when a worker asks for them, and are nobody else's until they are given away; workers have the mask that we were started with. */
  #fork(): Worker {
    process.umask(this.#umask)
    try {
      return cluster.fork()
    } finally {
      process.umask(0o177)
    }
  }

  /** No descriptors, no memory, too many processes: nothing that those who serve should pay for. */
  #troubled(worker: Worker, error: Error): void {
    if (worker.process.pid !== undefined) {
      this.#report('error', `worker ${worker.process.pid}: ${error.message}`)
      return
    }
    this.#born.delete(worker)
    delete cluster.workers?.[worker.id]
    this.#retry(error)
  }

  #retry(error: unknown): void {
    if (this.#isStopping) {
      if (this.#born.size === 0) this.#done(this.#code)
      return
    }
    const pause = Math.min(FORK_PAUSE * 2 ** this.#unborn++, PAUSE)
    const why = error instanceof Error ? error.message : String(error)
    this.#report(
      'error',
      `a worker could not be started: ${why}; ${this.#born.size} are left, trying again in ${pause} ms`,
    )
    setTimeout(() => this.#isStopping || this.#spawn(), pause)
  }

  #stop(): void {
    // A second signal: the workers are stopped at once, by whatever end.
    if (this.#isStopping) this.#code = 1
    const limit = this.#isStopping ? SECOND_LIMIT : STOP_LIMIT
    this.#isStopping = true
    for (const worker of this.#born.keys()) worker.process.kill('SIGTERM')
    // One that stands still hears nothing.
    setTimeout(() => this.#kill(), limit).unref()
    if (this.#born.size === 0) this.#done(this.#code)
  }

  #kill(): void {
    for (const worker of this.#born.keys()) {
      this.#report('warn', `worker ${worker.process.pid} does not stop; it is killed`)
      worker.process.kill('SIGKILL')
    }
  }

  #ended(worker: Worker, how: string | number): void {
    const age = performance.now() - (this.#born.get(worker) ?? 0)
    this.#born.delete(worker)
    this.#serving.delete(worker)
    this.#outdated.delete(worker)
    this.#reloads.gone(worker)
    const hasFailed = typeof how === 'number' && how !== 0
    if (!this.#isStopping && (this.#serves || typeof how === 'string')) {
      this.#replace(`worker ${worker.process.pid} ended (${how})`, age)
      return
    }
    // Before anybody has served it has said why, and another would say it again; after a signal of ours it may end by that alone.
    if (hasFailed || !this.#isStopping) this.#code = 1
    if (this.#born.size === 0) this.#done(this.#code)
  }

  #replace(what: string, age: number): void {
    this.#failures = age < HEALTHY ? this.#failures + 1 : 0
    const pause = this.#failures < ATTEMPTS ? 0 : PAUSE
    this.#report('warn', `${what}; another takes its place${pause > 0 ? ` in ${pause} ms` : ''}`)
    setTimeout(() => this.#isStopping || this.#spawn(), pause)
  }
}
