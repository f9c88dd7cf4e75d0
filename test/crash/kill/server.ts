/** One life of a real `postroad start`, from its start to its end, with all processes that belong to it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Book } from './book.ts'
import type { Fixture } from './fixture.ts'
import { Patience } from './letters.ts'
import { catchesHangup, childrenOf, groupOf, membersOf, signal } from './processes.ts'

/** Whom a signal is for. */
export type Target = 'all' | 'supervisor' | 'worker'

/** Milliseconds between looks at who lives. */
const LOOK_MS = 100

/** A supervisor and its workers, from start to end. */
export class Server {
  readonly workers: number
  readonly log: string
  readonly #book: Book
  readonly #child: ChildProcess
  readonly #exit: Promise<void>
  /** Workers, and when each was last seen alive. */
  readonly #seen = new Map<number, number>()
  #lookedAt = Date.now()
  /** Of its last end: the exit code, or the signal. */
  ended: number | string | undefined
  /** A signal of ours has ended it, or is going to. */
  isDoomed = false
  port = 0

  constructor(
    fixture: Fixture,
    { number, workers, book, env = {} }: { number: number; workers: number; book: Book; env?: object },
  ) {
    this.workers = workers
    this.#book = book
    this.log = join(fixture.folder, `life-${String(number).padStart(2, '0')}.log`)
    // A file: what was written before a kill stays.
    const out = openSync(this.log, 'a')
    const [program = '', ...args] = fixture.command
    const several = workers > 1 ? ['--workers', String(workers)] : []
    this.#child = spawn(program, [...args, 'start', '--log', 'json', ...several], {
      cwd: fixture.folder,
      env: { ...fixture.env, ...env },
      stdio: ['ignore', out, out],
      detached: true,
    })
    closeSync(out)
    const look = workers > 1 ? setInterval(() => this.#look(), LOOK_MS) : undefined
    this.#exit = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.ended = error.message
        resolve()
      })
      this.#child.on('exit', (code, name) => {
        this.ended = name ?? code ?? 0
        book.died(this.pid, { at: Date.now(), how: 'ended' })
        clearInterval(look)
        this.#look()
        this.#lookUntilAllHaveEnded()
        resolve()
      })
    })
  }

  /** A worker that ends without us ended not before it was last seen. */
  #look(): void {
    const at = Date.now()
    for (const pid of childrenOf(this.pid)) if (!this.#seen.has(pid)) this.#seen.set(pid, this.#lookedAt)
    this.#lookedAt = at
    for (const [pid, last] of this.#seen) {
      if (groupOf(pid) === this.pid) this.#seen.set(pid, at)
      else {
        this.#book.died(pid, { at: last, how: 'ended' })
        this.#seen.delete(pid)
      }
    }
  }

  #lookUntilAllHaveEnded(): void {
    if (this.#seen.size > 0)
      setTimeout(() => {
        this.#look()
        this.#lookUntilAllHaveEnded()
      }, LOOK_MS)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Of the supervisor, or of the only process, and of the workers. */
  get members(): number[] {
    return membersOf(this.pid)
  }

  get workerPids(): number[] {
    const others = this.members.filter((pid) => pid !== this.pid)
    return others.length > 0 ? others : [this.pid]
  }

  /** All processes are there and know what SIGHUP means; before, it would end them. */
  get isReady(): boolean {
    const serving = this.members.filter(catchesHangup)
    return serving.length >= (this.workers === 1 ? 1 : this.workers + 1)
  }

  /** Resolves to whether it listens within the time. */
  async listening(withinMs: number): Promise<boolean> {
    const patience = new Patience(withinMs)
    do {
      const found = /"listeners":\{"in":"127\.0\.0\.1:(\d+)"\}/.exec(await this.read())
      if (found) {
        this.port = Number(found[1])
        return true
      }
    } while (this.ended === undefined && (await patience.wait(15)))
    return false
  }

  read(): Promise<string> {
    return readFile(this.log, 'utf8').catch(() => '')
  }

  /** Kills; the book learns who died before they do. False: nobody was there any more. */
  kill(target: Target, pick: (from: readonly number[]) => number = ([first = 0]) => first): boolean {
    const at = Date.now()
    if (target === 'worker') {
      const worker = pick(this.workerPids)
      this.#book.died(worker, { at, how: 'killed' })
      return signal(worker, 'SIGKILL')
    }
    this.isDoomed = true
    // Workers end when their supervisor is gone: not before now.
    for (const pid of this.members) this.#book.died(pid, { at, how: 'killed' })
    return signal(target === 'all' ? -this.pid : this.pid, 'SIGKILL')
  }

  signal(name: NodeJS.Signals, pid: number = this.pid): boolean {
    return signal(pid, name)
  }

  /** Resolves to whether all its processes have ended within the time. */
  async gone(withinMs: number): Promise<boolean> {
    const patience = new Patience(withinMs)
    while (this.members.length > 0) if (!(await patience.wait(20))) return false
    await this.#exit
    return true
  }
}
