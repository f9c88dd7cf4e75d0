/** Learns from what owners of Maildirs move: into the folder for junk, and out of it. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { errorOf, type Lock, type Logger } from '@postroad/plugin'
import { contentKey, fieldOf } from './content-key.ts'
import { isMissing, replaceFile } from './durable-file.ts'
import type { JunkOptions } from './options.ts'
import type { Teacher } from './teacher.ts'

/** What a watch works with. */
interface WatchDeps {
  readonly options: JunkOptions
  readonly teacher: Teacher
  readonly lock: Lock
  readonly log: Logger
  readonly signal: AbortSignal
  /** Absolute: where it remembers what it has seen. */
  readonly folder: string
}

type Watched = JunkOptions['maildirs'][number]

/** What was seen in the junk folder of a Maildir. */
interface Seen {
  /** Key of the content and octets, by the name of the file without its flags. */
  readonly inside: Record<string, readonly [key: string, size: number]>
  /** The round in which it has left, and octets, by key. */
  readonly left: Record<string, readonly [round: number, size: number]>
  readonly round: number
  /** Milliseconds since the epoch: when the last round began. */
  readonly at: number
}

/** A Maildir of somebody. */
interface Place {
  readonly folder: string
  readonly user: string
  readonly watched: Watched
}

const STATE = 'maildirs'
/** Rounds in which what has left may turn up elsewhere. */
const PATIENCE = 5
/** Milliseconds by which clocks of file systems are coarse. */
const COARSE = 2_000
const ROUND_LIMIT = 600_000
const LARGEST = 26_214_400

/** Looks at Maildirs now and then; one process of those that share the lock does. */
export class MaildirWatch {
  readonly #deps: WatchDeps
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(deps: WatchDeps) {
    this.#deps = deps
  }

  start(): void {
    const look = (): void => {
      this.#running = this.#running.then(() => this.#round())
    }
    look()
    this.#timer = setInterval(look, this.#deps.options.every).unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
  }

  async #round(): Promise<void> {
    const { lock, log, signal } = this.#deps
    if (signal.aborted) return
    try {
      await lock.tryWith('junk:maildirs', ROUND_LIMIT, () => this.look())
    } catch (error) {
      log.warn({ error }, 'maildirs could not be looked at')
    }
  }

  /** One look at all of them. */
  async look(): Promise<void> {
    const { options, folder, log, signal } = this.#deps
    const before = await readState(join(folder, STATE))
    const after: Record<string, Seen> = {}
    for (const watched of options.maildirs)
      for (const place of await placesOf(watched)) {
        if (signal.aborted) return
        try {
          after[place.folder] = await this.#lookAt(place, before[place.folder])
        } catch (error) {
          log.warn({ error: errorOf(error), folder: place.folder }, 'a maildir could not be looked at')
          const old = before[place.folder]
          if (old) after[place.folder] = old
        }
      }
    await replaceFile(folder, STATE, [Buffer.from(JSON.stringify(after))])
  }

  async #lookAt(place: Place, before: Seen | undefined): Promise<Seen> {
    const at = Date.now()
    const round = (before?.round ?? 0) + 1
    const { folder, watched, user } = place
    const files = await filesIn(join(folder, watched.junk))
    const inside: Seen['inside'] = {}
    for (const [name, path] of files) {
      const known = before?.inside[name]
      const octets = known ? undefined : await readMail(path)
      if (octets) inside[name] = [contentKey(octets, this.#deps.teacher.secret), octets.length]
      else if (known) inside[name] = known
      // What was there before it was watched, and what the filter itself has put there, nobody has moved.
      if (before && octets && !isFlagged(octets)) await this.#teach(octets, 'junk', user)
    }
    const left = Object.fromEntries(
      Object.entries(before?.left ?? {}).filter(([, [since]]) => round - since < PATIENCE),
    )
    const there = new Set(Object.values(inside).map(([key]) => key))
    for (const [name, [key, size]] of Object.entries(before?.inside ?? {}))
      if (!files.has(name) && !there.has(key)) left[key] = [round, size]
    if (before && Object.keys(left).length > 0) await this.#findLeft(place, left, before.at - COARSE)
    return { inside, left, round, at }
  }

  /** What has left is learned where it has turned up. A move keeps the octets: only files that are as large are read. */
  async #findLeft({ folder, watched, user }: Place, left: Seen['left'], since: number): Promise<void> {
    const names = await readdir(folder)
    const others = names.filter((name) => name.startsWith('.') && !isWithin(name, [watched.junk, ...watched.never]))
    for (const other of ['', ...others])
      for (const path of (await filesIn(join(folder, other), since)).values()) {
        const sizes = new Set(Object.values(left).map(([, size]) => size))
        const octets = sizes.has(await sizeOf(path)) ? await readMail(path) : undefined
        const key = octets && contentKey(octets, this.#deps.teacher.secret)
        if (!octets || key === undefined || !(key in left)) continue
        delete left[key]
        await this.#teach(octets, 'wanted', user)
      }
  }

  async #teach(octets: Uint8Array, label: 'junk' | 'wanted', user: string): Promise<void> {
    const outcome = await this.#deps.teacher.teach(octets, { label, user, source: 'maildir' })
    this.#deps.log.debug({ outcome, label }, 'a message was moved, and learned')
  }
}

function isWithin(name: string, folders: readonly string[]): boolean {
  return folders.some((one) => name === one || name.startsWith(`${one}.`))
}

function isFlagged(octets: Uint8Array): boolean {
  return /^yes/i.test(fieldOf(octets, 'X-Spam-Flag') ?? '')
}

/** Files of a folder by their names without flags, if it has changed since; none where there is no such folder. */
async function filesIn(folder: string, since = 0): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (const part of ['new', 'cur']) {
    const path = join(folder, part)
    try {
      if ((await stat(path)).mtimeMs < since) continue
      for (const name of await readdir(path)) {
        if (!name.startsWith('.')) found.set(name.replace(/:.*$/, ''), join(path, name))
      }
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  return found
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (isMissing(error)) return -1
    throw error
  }
}

/** Undefined: it is gone already, or too large. */
async function readMail(path: string): Promise<Buffer | undefined> {
  if ((await sizeOf(path)) > LARGEST) return undefined
  try {
    return await readFile(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

async function readState(path: string): Promise<Readonly<Record<string, Seen>>> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Record<string, Seen> // what `look` has written
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return {}
    throw error
  }
}

/** The Maildirs that a pattern stands for, and whose they are. */
async function placesOf(watched: Watched): Promise<readonly Place[]> {
  const parts = watched.folder.split(sep)
  let found: { readonly path: string; readonly names: Readonly<Record<string, string>> }[] = [{ path: '', names: {} }]
  for (const [index, part] of parts.entries()) {
    const next: typeof found = []
    for (const { path, names } of found) {
      const at = (name: string): string => (index === 0 ? name : `${path}${sep}${name}`)
      if (!part.includes('{')) next.push({ path: at(part), names })
      else
        for (const name of await namesIn(path === '' ? sep : path)) {
          const fits = matched(part, name)
          if (fits) next.push({ path: at(name), names: { ...names, ...fits } })
        }
    }
    found = next
  }
  const user =
    watched.user ??
    (/\{local\}/.test(watched.folder) && /\{domain\}/.test(watched.folder) ? '{local}@{domain}' : watched.folder)
  return found.map(({ path, names }) => ({ folder: path, user: filled(user, names), watched }))
}

async function namesIn(path: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** What `{domain}` and `{local}` stand for in a name; undefined when it is another. */
function matched(part: string, name: string): Readonly<Record<string, string>> | undefined {
  const [before = '', placeholder = '', after = ''] = part.split(/\{(domain|local)\}/)
  const isLong = name.length > before.length + after.length
  return isLong && name.startsWith(before) && name.endsWith(after)
    ? { [placeholder]: name.slice(before.length, name.length - after.length) }
    : undefined
}

function filled(text: string, names: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{(domain|local)\}/g, (all, name: string) => names[name] ?? all)
}
