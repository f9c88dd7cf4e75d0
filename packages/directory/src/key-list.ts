/** All of a directory in memory, read again now and then; yesterday's list serves while today's cannot be read. */
import { randomUUID } from 'node:crypto'
import { open, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errorOf } from '@postroad/plugin'
import type { KeptAnswer } from './cache.ts'
import type { DirectoryDeps } from './deps.ts'
import { type DirectoryEntry, entryOf, type PlainEntry, plainOf } from './entry.ts'
import type { ListFrom } from './from.ts'
import type { DirectorySource } from './source.ts'

/** Milliseconds between tries while it cannot be read, at most. */
const RETRY = 60_000
/** Keys of one list: a gigabyte of memory comes before. */
const MOST = 10_000_000
/** Milliseconds one reading may take, in deadlines of one question. */
const PATIENCE = 60

/** What a {@link KeyList} stands on. */
export interface KeyListSettings {
  readonly source: DirectorySource
  readonly deps: DirectoryDeps
  /** Name of the file it is kept in. */
  readonly file: string
  /** Milliseconds. */
  readonly deadline: number
}

interface List {
  readonly entries: ReadonlyMap<string, DirectoryEntry>
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** The first line of its file; each further line is a page of entries. */
interface Head {
  readonly version: 1
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** A page: so many that nobody notices when one is read or written. */
const PAGE = 200

type Page = readonly (readonly [key: string, entry: PlainEntry])[]

/** One list, in memory and in a file. */
export class KeyList {
  readonly #options: ListFrom
  readonly #settings: KeyListSettings
  readonly #closed = new AbortController()
  #list: List | undefined
  /** The list of the file is in memory, if there is one. */
  #loading: Promise<void> | undefined
  #reading: Promise<void> | undefined
  #isStarted = false
  #failure: Error | undefined

  constructor(options: ListFrom, settings: KeyListSettings) {
    this.#options = options
    this.#settings = settings
  }

  get size(): number {
    return this.#list?.entries.size ?? 0
  }

  /** What the list says, at once; undefined: there is none that may serve. */
  find(key: string, now: number): KeptAnswer | undefined {
    const list = this.#list
    if (!list) return undefined
    const age = this.#age(list)
    if (age >= this.#options.keep) return undefined
    return { entry: list.entries.get(key), at: now - age, until: Number.POSITIVE_INFINITY }
  }

  /** As `find`, when the first reading has ended. @throws {Error} when there is no list, or only one too old */
  async wait(key: string): Promise<KeptAnswer> {
    this.start()
    const { clock } = this.#settings.deps
    const now = (): number => clock.monotonic?.() ?? clock.now()
    await this.#loading
    // Yesterday's list answers while today's is being read, from a server that hangs perhaps.
    const early = this.find(key, now())
    if (early) return early
    await this.#reading
    const kept = this.find(key, now())
    if (kept) return kept
    const old = this.#list && `the list is older than ${Math.round(this.#options.keep / 1_000)} s`
    throw new Error([old ?? 'there is no list yet', this.#failure?.message].filter(Boolean).join(': '))
  }

  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    void this.#run()
  }

  async refresh(): Promise<void> {
    await this.#read()
    if (this.#failure) throw this.#failure
  }

  close(): void {
    this.#closed.abort(new Error('it is closed'))
  }

  async #run(): Promise<void> {
    const { clock } = this.#settings.deps
    const { signal } = this.#closed
    this.#loading = this.#load()
    this.#reading = this.#loading.then(() => (this.#isDue() ? this.#read() : undefined))
    try {
      await this.#reading
      while (!signal.aborted) {
        const { every } = this.#options
        const left =
          this.#failure || !this.#list ? Math.min(RETRY, every) : Math.max(1_000, every - this.#age(this.#list))
        await clock.sleep(left, signal)
        await this.#read()
      }
    } catch (error) {
      if (!signal.aborted) this.#settings.deps.log.error({ error }, 'a list is not read any more')
    }
  }

  #isDue(): boolean {
    return !this.#list || this.#age(this.#list) >= this.#options.every
  }

  /** Never rejects: what was wrong is in the log, and `#failure`. One at a time. */
  #read(): Promise<void> {
    if (this.#closed.signal.aborted) return Promise.resolve()
    const reading = this.#take().finally(() => {
      if (this.#reading === reading) this.#reading = undefined
    })
    this.#reading = reading
    return reading
  }

  async #take(): Promise<void> {
    const { deps, file } = this.#settings
    const { log, clock } = deps
    try {
      const at = clock.now()
      const entries = await this.#all()
      this.#check(entries.size)
      this.#list = { entries, at }
      if (this.#failure) log.info({ list: file, keys: entries.size }, 'a list can be read again')
      this.#failure = undefined
      await this.#save(this.#list).catch((error: unknown) =>
        log.warn({ list: file, error }, 'a list could not be written, after a restart there is only the one before'),
      )
    } catch (thrown) {
      if (this.#closed.signal.aborted) return
      this.#failure = errorOf(thrown)
      const age = this.#list && Math.round(this.#age(this.#list) / 1_000)
      log.error({ list: file, error: thrown, age }, 'a list cannot be read, the last one stays')
    }
  }

  async #all(): Promise<Map<string, DirectoryEntry>> {
    const { source, deadline } = this.#settings
    const entries = new Map<string, DirectoryEntry>()
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(deadline * PATIENCE)])
    for await (const [key, entry] of source.list?.(this.#options.ask ?? '', signal) ?? []) {
      const folded = key.normalize('NFC').toLowerCase()
      const known = entries.get(folded)
      entries.set(folded, known ? joined(known, entry) : entry)
      if (entries.size > MOST) throw new Error(`more than ${MOST} keys`)
    }
    return entries
  }

  /** An account that lost its rights sees nothing, and everybody would be refused. */
  #check(size: number): void {
    const before = this.size
    const least = Math.ceil(before * (1 - this.#options.shrink))
    if (size === 0) throw new Error('the list is empty, and that is not believed')
    if (size < least)
      throw new Error(
        `the list has ${size} keys after ${before}, and that is not believed; "list.shrink" says how much may go`,
      )
  }

  #age({ at }: List): number {
    return Math.max(0, this.#settings.deps.clock.now() - at)
  }

  async #load(): Promise<void> {
    const path = await this.#path()
    if (path === undefined) return
    try {
      this.#list ??= await readList(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      this.#settings.deps.log.warn({ list: path, error }, 'the last list cannot be read')
    }
  }

  /** All of it or nothing: several processes write the same. */
  async #save(list: List): Promise<void> {
    const path = await this.#path()
    if (path === undefined) return
    const unfinished = `${path}.${randomUUID()}.tmp`
    const handle = await open(unfinished, 'wx', 0o600)
    try {
      await handle.writeFile(linesOf(list))
      await handle.sync()
      await rename(unfinished, path)
    } catch (error) {
      await unlink(unfinished).catch(() => undefined) // what failed before is what matters
      throw error
    } finally {
      await handle.close()
    }
  }

  async #path(): Promise<string | undefined> {
    const folder = await this.#settings.deps.folder?.()
    return folder === undefined ? undefined : join(folder, this.#settings.file)
  }
}

/** @throws {Error} when it is not what `linesOf` wrote */
async function readList(path: string): Promise<List | undefined> {
  const handle = await open(path)
  try {
    const entries = new Map<string, DirectoryEntry>()
    let head: Head | undefined
    for await (const line of handle.readLines({ autoClose: false })) {
      if (head) for (const [key, entry] of JSON.parse(line) as Page) entries.set(key, entryOf(entry))
      else head = JSON.parse(line) as Head // as `linesOf` wrote it
    }
    return head?.version === 1 ? { at: head.at, entries } : undefined
  } finally {
    await handle.close()
  }
}

async function* linesOf({ at, entries }: List): AsyncGenerator<string> {
  const head: Head = { version: 1, at }
  yield `${JSON.stringify(head)}\n`
  let page: (readonly [string, PlainEntry])[] = []
  for (const [key, entry] of entries) {
    if (page.push([key, plainOf(entry)]) < PAGE) continue
    yield `${JSON.stringify(page)}\n`
    page = []
  }
  if (page.length > 0) yield `${JSON.stringify(page)}\n`
}

/** Two entries of one key: the values of both. */
function joined(one: DirectoryEntry, other: DirectoryEntry): DirectoryEntry {
  const fields = new Map(one.fields)
  for (const [name, values] of other.fields) fields.set(name, [...new Set([...(fields.get(name) ?? []), ...values])])
  return entryOf(fields)
}
