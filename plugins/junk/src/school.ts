/** A filter with its files, opened when it is first needed: by the server that starts, or by a command. */
import type { Clock, Lock, Logger } from '@postroad/plugin'
import { fileJournal, type Journal } from './journal.ts'
import { Keeper } from './keeper.ts'
import type { JunkOptions } from './options.ts'
import { type Secret, secretIn } from './secret.ts'
import { Teacher } from './teacher.ts'

/** Lessons of several nodes, and the secret by which they are written. */
export interface SharedLessons {
  journal(): Journal
  secret(): Promise<Secret>
}

/** What a filter is opened with. */
export interface SchoolDeps {
  /** Absolute; made on first use. */
  folder(): Promise<string>
  readonly options: JunkOptions
  readonly hostname: string
  readonly lock: Lock
  readonly clock: Clock
  readonly log: Logger
  readonly isReadOnly: boolean
  /** Where lessons and the secret are, when it is not the folder. */
  readonly shared?: SharedLessons | undefined
}

/** Opens a filter once, and closes it. */
export class School {
  readonly #deps: SchoolDeps
  #opened: Promise<Teacher> | undefined
  #teacher: Teacher | undefined

  constructor(deps: SchoolDeps) {
    this.#deps = deps
  }

  /** What can be asked without waiting; undefined while it is not open. */
  get teacher(): Teacher | undefined {
    return this.#teacher
  }

  /** With all that was learned until now. */
  open(): Promise<Teacher> {
    this.#opened ??= this.#open()
    return this.#opened
  }

  async #open(): Promise<Teacher> {
    const { options, hostname, lock, clock, log, isReadOnly, shared } = this.#deps
    const folder = await this.#deps.folder()
    const secret = shared ? await shared.secret() : await secretIn(folder)
    const keeper = new Keeper({
      folder,
      journal: shared ? shared.journal() : fileJournal(folder),
      options: { oneIn: options.budget, perDay: options.perDay, minimum: options.minimum },
      keep: options.keep,
      lock,
      clock,
      log,
      isReadOnly,
    })
    const hosts = [hostname, ...options.hosts].map((name) => name.toLowerCase())
    const teacher = new Teacher({ keeper, secret, clock, hosts })
    this.#teacher = teacher
    await keeper.load()
    return teacher
  }

  async close(): Promise<void> {
    if (this.#opened === undefined) return
    const teacher = await this.#opened.catch(() => undefined) // who opened it was told
    await teacher?.keeper.close()
  }
}
