/** The last lines of the log of this process, for who cannot read the file: bounded, and without secrets. */
import cluster from 'node:cluster'
import type { ApiShape } from '@postroad/admin-api'
import type { Feed } from '@postroad/plugin'

/** A line, and what tells it from others of the same moment. */
export type LogEntry = ApiShape<'logLine'>

interface Kept {
  readonly seq: number
  readonly line: string
}

/** Lines and characters that are kept. */
const LINES = 2_000
const CHARACTERS = 4_194_304
/** Characters of one line: a longer one is told by its head. */
const LONG = 16_384

/** What is asked for: newest first. */
export interface LogWanted {
  readonly level?: LogEntry['level'] | undefined
  readonly plugin?: string | undefined
  /** In any part of it, in small letters. */
  readonly words: readonly string[]
  /** Place of the line before which it goes on. */
  readonly before?: string | undefined
  readonly limit: number
}

/** What a worker answers; each line with its place in the order of all. */
export interface LogAnswer {
  readonly items: readonly { readonly key: string; readonly entry: LogEntry }[]
  readonly dropped: number
}

/** A process has one, whatever generations come and go: what was said before a reload is wanted after it. */
const rings = new Map<string, { readonly ring: LogRing; uses: number }>()

/** The lines of this process. */
export class LogRing {
  #kept: Kept[] = []
  #characters = 0
  #seq = 0
  /** Lines that are not kept any more. */
  #dropped = 0
  #stop: (() => void) | undefined

  /** Begins to listen; what it returns ends that for this user of it. @param folder of the plugin */
  static open(folder: string, feed: Feed): { readonly ring: LogRing; close(): void } {
    const known = rings.get(folder) ?? { ring: new LogRing(), uses: 0 }
    rings.set(folder, known)
    known.uses++
    known.ring.#stop ??= feed.watch({ logged: (line) => known.ring.#add(line) })
    return {
      ring: known.ring,
      close() {
        if (--known.uses > 0) return
        rings.delete(folder)
        known.ring.#stop?.()
      },
    }
  }

  look({ level = 'debug', plugin, words, before, limit }: LogWanted): LogAnswer {
    const items: { readonly key: string; readonly entry: LogEntry }[] = []
    for (const { seq, line } of this.#kept.toReversed()) {
      if (items.length >= limit) break
      const entry = logEntry(line)
      const key = keyOf(entry, seq)
      if (before !== undefined && key >= before) continue
      if (isWanted(entry, { level, plugin, words })) items.push({ key, entry })
    }
    return { items, dropped: this.#dropped }
  }

  #add(line: string): void {
    const kept = line.length > LONG ? JSON.stringify(shortened(line)) : line
    this.#kept.push({ seq: ++this.#seq, line: kept })
    this.#characters += kept.length
    if (this.#kept.length > LINES * 1.25 || this.#characters > CHARACTERS * 1.25) this.#forget()
  }

  #forget(): void {
    let from = 0
    while (this.#kept.length - from > LINES || this.#characters > CHARACTERS) {
      this.#characters -= this.#kept[from]?.line.length ?? 0
      from++
    }
    this.#dropped += from
    this.#kept = this.#kept.slice(from)
  }
}

/** Whether a line is asked for. */
export function isWanted(
  entry: LogEntry,
  { level = 'debug', plugin, words }: Pick<LogWanted, 'level' | 'plugin' | 'words'>,
): boolean {
  if (RANKS[entry.level] < RANKS[level]) return false
  if (plugin !== undefined && entry.plugin !== plugin) return false
  if (words.length === 0) return true
  const text = `${entry.text} ${entry.plugin ?? ''} ${JSON.stringify(entry.fields)}`.toLowerCase()
  return words.every((word) => text.includes(word))
}

const RANKS: Readonly<Record<LogEntry['level'], number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** A line as it is shown: what looks like a secret is not in it, whoever has logged it. */
export function logEntry(line: string): LogEntry {
  const { time, level, plugin, text, ...fields } = JSON.parse(line) as Readonly<Record<string, unknown>> // of our own log
  const at = Date.parse(String(time))
  return {
    at: Number.isNaN(at) ? 0 : at,
    level: level === 'debug' || level === 'warn' || level === 'error' ? level : 'info',
    ...(typeof plugin === 'string' && { plugin }),
    text: masked(typeof text === 'string' ? text : ''),
    fields: withoutSecrets(fields, 0) as LogEntry['fields'], // an object stays one
    worker: cluster.worker?.id ?? 1,
  }
}

const SECRET = /pass(?:word|wd|phrase)?$|secret|token$|authorization|cookie|credential|private_?key|api_?key/i
const DEPTH = 8

function withoutSecrets(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return masked(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth > DEPTH) return '…'
  if (Array.isArray(value)) return value.map((one) => withoutSecrets(one, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      SECRET.test(key) && one !== null && one !== undefined ? '***' : withoutSecrets(one, depth + 1),
    ]),
  )
}

/** Tokens, passwords of addresses, and what follows AUTH. */
function masked(text: string): string {
  return text
    .replace(/prt_[\w-]{8,}/g, 'prt_***')
    .replace(/\b(Bearer|Basic) +[\w.~+/=-]{6,}/gi, '$1 ***')
    .replace(/\b([a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@]{0,100}):[^\s/@]{1,200}@/gi, '$1:***@')
    .replace(/\b(AUTH +[\w-]{2,20}) +\S+/gi, '$1 ***')
}

/** In the order of time; of one moment, of one process, in the order in which they were said. */
function keyOf({ at, worker = 1 }: LogEntry, seq: number): string {
  return `${String(at).padStart(15, '0')}_${String(worker).padStart(4, '0')}_${String(seq).padStart(12, '0')}`
}

function shortened(line: string): object {
  const { time, level, plugin, text } = JSON.parse(line) as Readonly<Record<string, unknown>> // as above
  return { time, level, plugin, text: String(text ?? '').slice(0, LONG), cut: line.length }
}
