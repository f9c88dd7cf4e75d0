/**
 * Keeps a mind beside its journal: applies what anybody appends, writes the mind down now and then, and makes it anew where lessons are undone.
 *
 * Readers ask `mind`, which is always whole: no lock is between them and who learns. Each process of a machine has its own, and all follow the same
 * journal; so do nodes that share a Redis stream.
 */
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { type Clock, errorOf, type Lock, type Logger } from '@postroad/plugin'
import { readIfThere, replaceFile } from './durable-file.ts'
import type { Journal, Position } from './journal.ts'
import { encodeRecord, type JournalEntry, type LessonEntry } from './lesson.ts'
import { type LessonOutcome, Mind, type MindOptions } from './mind.ts'
import { type KeptMind, mindSlices, PEEKED, positionIn, readingMind, StateError } from './state-file.ts'

/** What a keeper works with. */
export interface KeeperDeps {
  /** Absolute: where the mind is written down. */
  readonly folder: string
  readonly journal: Journal
  readonly options: MindOptions
  /** Milliseconds for which lessons can be undone. */
  readonly keep: number
  readonly clock: Pick<Clock, 'now'>
  readonly lock: Lock
  readonly log: Logger
  /** Nothing is written down: a rehearsal. */
  readonly isReadOnly?: boolean
}

/** Of the mind as it is. */
const STATE = 'state'
/** Milliseconds of work before others have their turn. */
const SLICE = 4
/** Milliseconds between looks at the journal. */
const LOOK = 400
/** Lessons, or milliseconds, after which the mind is written down; fewer lessons are as soon read from the journal. */
const SAVE = { lessons: 500, ms: 3_600_000, atClose: 100 } as const
const SAVE_LIMIT = 120_000
const DAY = 86_400_000
/** Errors are said again after so many milliseconds. */
const AGAIN = 60_000

/** What an entry came to; `done` for what is no lesson. */
export type EntryOutcome = LessonOutcome | 'done'

/** A mind that follows a journal. */
export class Keeper {
  readonly #deps: KeeperDeps
  #mind: Mind
  #position: Position = ''
  #running: Promise<void> = Promise.resolve()
  /** A look at the journal that has not begun. */
  #next: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #isLoaded = false
  #saved: { readonly position: Position; readonly at: number } = { position: '', at: 0 }
  #unsaved = 0
  #compactedOn = 0
  #saidAt = Number.NEGATIVE_INFINITY
  #trouble: string | undefined
  readonly #waiting = new Map<string, (outcome: EntryOutcome) => void>()

  constructor(deps: KeeperDeps) {
    this.#deps = deps
    this.#mind = new Mind(deps.options)
  }

  /** Where the mind is written down. */
  get folder(): string {
    return this.#deps.folder
  }

  /** What is known now. */
  get mind(): Mind {
    return this.#mind
  }

  /** Why nothing may be concluded from the mind; undefined: it is as it should be. */
  get trouble(): string | undefined {
    return this.#isLoaded ? this.#trouble : 'it is still being read'
  }

  /** Reads what there is. Never rejects: what is wrong is logged, and `trouble` says it. */
  async load(): Promise<void> {
    await this.#inTurn(() => this.#load())
    await this.catchUp()
  }

  /** Goes on reading what others append, until `close`. */
  follow(): void {
    this.#timer = setInterval(() => void this.#look(), LOOK).unref()
  }

  /** Applies all that has been appended. Never rejects. Who asks while others wait for the same waits with them. */
  catchUp(): Promise<void> {
    this.#next ??= this.#inTurn(() => {
      this.#next = undefined
      return this.#advance()
    })
    return this.#next
  }

  /**
   * Appends an entry, and applies it.
   * @throws when it could not be written, or not be read again
   */
  async submit(entry: Exclude<JournalEntry, { kind: 'blank' }>, features = new Uint8Array()): Promise<EntryOutcome> {
    const applied = new Promise<EntryOutcome>((resolve) => this.#waiting.set(entry.id, resolve))
    try {
      await this.#deps.journal.append(encodeRecord({ entry, features }))
      await this.catchUp()
      if (this.#waiting.has(entry.id))
        throw new Error(`junk: the journal cannot be read: ${this.#trouble ?? 'damaged'}`)
      return await applied
    } finally {
      this.#waiting.delete(entry.id)
    }
  }

  /** Lessons that can still be undone. */
  async *lessons(matches: (entry: LessonEntry) => boolean): AsyncGenerator<LessonEntry> {
    for await (const { record } of this.#deps.journal.read(''))
      if (record.entry.kind === 'lesson' && matches(record.entry)) yield record.entry
  }

  async count(matches: (entry: LessonEntry) => boolean): Promise<number> {
    let count = 0
    for await (const _ of this.lessons(matches)) count++
    return count
  }

  /** Deletes all of a user: from the mind, and from the files. */
  async erase(user: string, entry: { readonly id: string; readonly at: number }): Promise<void> {
    const { journal } = this.#deps
    await this.submit({ kind: 'delete', ...entry, user })
    await journal.blank(({ entry: one }) => one.kind === 'lesson' && one.user === user)
    await this.#inTurn(async () => {
      const base = await this.#readBase()
      base?.mind.forget(user)
      if (base) await journal.writeBase(mindSlices(base))
      await this.#save()
    })
  }

  /** Octets of the journal. */
  octets(): Promise<number> {
    return this.#deps.journal.octets()
  }

  /** Lets lessons go that are too old to be undone. */
  compact(): Promise<void> {
    return this.#inTurn(() => this.#compact(this.#deps.clock.now()))
  }

  /** Writes the mind down, unless another process is doing so, or knows more. */
  save(): Promise<void> {
    return this.#inTurn(() => this.#save())
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#inTurn(async () => {
      if (this.#unsaved >= SAVE.atClose) await this.#save()
    })
    await this.#deps.journal.close()
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#running = this.#running.then(work).catch((error: unknown) => this.#complain(error))
    return this.#running
  }

  #complain(error: unknown): void {
    this.#trouble = errorOf(error).message
    const now = performance.now()
    if (now < this.#saidAt + AGAIN) return
    this.#saidAt = now
    this.#deps.log.error({ error }, 'what was learned cannot be read or written, mail goes on without')
  }

  async #look(): Promise<void> {
    try {
      if (await this.#deps.journal.hasMore(this.#position)) await this.catchUp()
    } catch (error) {
      this.#complain(error)
    }
    const { lessons, ms } = SAVE
    const now = this.#deps.clock.now()
    if (this.#unsaved >= lessons || (this.#unsaved > 0 && now - this.#saved.at >= ms)) await this.save()
    if (now - this.#compactedOn >= DAY) {
      this.#compactedOn = now
      await this.compact()
    }
  }

  async #load(): Promise<void> {
    this.#isLoaded = true
    this.#saved = { position: '', at: this.#deps.clock.now() }
    this.#compactedOn = this.#saved.at
    const [own, base] = [await this.#readState(), positionIn(await this.#deps.journal.peekBase())]
    // Away for so long that lessons have gone meanwhile which it has not seen.
    const isBehind = own && base !== undefined && this.#deps.journal.isBefore(own.position, base)
    const kept = own && !isBehind ? own : await this.#readBase()
    if (!kept) return
    this.#mind = kept.mind
    this.#position = kept.position
    this.#saved = { position: kept.position, at: this.#saved.at }
  }

  /** A damaged file is put aside, and what is in it is learned again from the journal. */
  async #readState(): Promise<KeptMind | undefined> {
    const path = join(this.#deps.folder, STATE)
    const octets = await readIfThere(path)
    const kept = octets && (await this.#decoded(octets))
    if (octets && !kept && !this.#deps.isReadOnly) await rename(path, `${path}.damaged`)
    return kept
  }

  async #readBase(): Promise<KeptMind | undefined> {
    const octets = await this.#deps.journal.readBase()
    return octets && (await this.#decoded(octets))
  }

  async #decoded(octets: Buffer): Promise<KeptMind | undefined> {
    try {
      return await inSlices(readingMind(octets, this.#deps.options))
    } catch (error) {
      if (!(error instanceof StateError)) throw error
      this.#deps.log.error({ error }, 'what was learned is damaged, and is learned again from the journal')
      return undefined
    }
  }

  async #advance(): Promise<void> {
    let until = performance.now() + SLICE
    for await (const { record, position } of this.#deps.journal.read(this.#position)) {
      const { entry, features } = record
      if (entry.kind === 'lesson') this.#settle(entry, this.#mind.apply(entry, features))
      else if (entry.kind !== 'blank') {
        if (entry.kind === 'resume') this.#mind.resume()
        else this.#mind = await this.#rebuild(position)
        if (entry.kind === 'delete') this.#mind.forget(entry.user)
        this.#settle(entry, 'done')
      }
      this.#position = position
      this.#unsaved++
      if (performance.now() < until) continue
      await turn()
      until = performance.now() + SLICE
    }
    this.#trouble = undefined
  }

  #settle(entry: { readonly id: string }, outcome: EntryOutcome): void {
    this.#waiting.get(entry.id)?.(outcome)
    this.#waiting.delete(entry.id)
  }

  /** The mind as it is at a place, had it never heard what was undone before that. */
  async #rebuild(until: Position): Promise<Mind> {
    const { journal, options } = this.#deps
    const base = await this.#readBase()
    const start = base?.position ?? ''
    const undone = await this.#undone(start, until)
    const mind = base?.mind ?? new Mind(options)
    let pause = performance.now() + SLICE
    for await (const { record, position } of journal.read(start)) {
      if (journal.isBefore(until, position)) break
      const { entry, features } = record
      if (entry.kind === 'lesson' && !undone(entry, position)) mind.apply(entry, features)
      if (entry.kind === 'resume') mind.resume()
      if (entry.kind === 'delete') mind.forget(entry.user)
      if (performance.now() < pause) continue
      await turn()
      pause = performance.now() + SLICE
    }
    return mind
  }

  async #undone(start: Position, until: Position): Promise<(entry: LessonEntry, position: Position) => boolean> {
    const { journal } = this.#deps
    const all: { readonly position: Position; readonly since: number; readonly user: string | undefined }[] = []
    for await (const { record, position } of journal.read(start)) {
      if (journal.isBefore(until, position)) break
      const { entry } = record
      if (entry.kind === 'undo') all.push({ position, since: entry.since, user: entry.user })
      if (entry.kind === 'delete') all.push({ position, since: 0, user: entry.user })
    }
    return (entry, position) =>
      all.some(
        (undo) =>
          entry.at >= undo.since &&
          (undo.user === undefined || undo.user === entry.user) &&
          journal.isBefore(position, undo.position),
      )
  }

  async #save(): Promise<void> {
    const { isReadOnly, folder, lock, journal, clock } = this.#deps
    if (isReadOnly || this.#position === this.#saved.position) return
    const [mind, position] = [this.#mind, this.#position]
    await lock.tryWith(`junk:save:${folder}`, SAVE_LIMIT, async () => {
      const there = positionIn(await readIfThere(join(folder, STATE), PEEKED))
      if (there === undefined || journal.isBefore(there, position))
        await replaceFile(folder, STATE, mindSlices({ mind, position }))
    })
    this.#saved = { position, at: clock.now() }
    this.#unsaved = 0
  }

  /** What is too old to be undone becomes the base, and its lessons go. */
  async #compact(now: number): Promise<void> {
    const { isReadOnly, journal, keep, lock } = this.#deps
    if (isReadOnly) return
    await lock.tryWith('junk:compact', 10 * SAVE_LIMIT, async () => {
      const base = await this.#readBase()
      let last = base?.position ?? ''
      for await (const { record, position } of journal.read(last)) {
        if ('at' in record.entry && record.entry.at > now - keep) break
        last = position
      }
      if (last === (base?.position ?? '')) return
      await this.#save()
      await journal.writeBase(mindSlices({ mind: await this.#rebuild(last), position: last }))
      await journal.forget(last)
    })
  }
}

/** Does work step by step, and lets others have their turn. */
async function inSlices<T>(steps: Generator<unknown, T>): Promise<T> {
  let until = performance.now() + SLICE
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    if (performance.now() < until) continue
    await turn()
    until = performance.now() + SLICE
  }
}
