/** What happens, as it happens, for all who watch: read from the feed once, and only while somebody watches. */
import cluster from 'node:cluster'
import type { ServerResponse } from 'node:http'
import { createInterface } from 'node:readline'
import type { ApiEvent } from '@postroad/admin-api'
import { EventRing } from '@postroad/http'
import { type Feed, HOOKS } from '@postroad/plugin'
import { rowOf, type StoredRecord } from '@postroad/records'
import type { Circle } from './circle.ts'
import { logEntry } from './log-ring.ts'

/** An event of this worker or another, ready to be sent. */
export interface LiveEvent {
  readonly event: 'open' | 'hook' | 'end' | 'log'
  /** Milliseconds since the epoch, and what tells events of one moment apart. */
  readonly id: string
  /** JSON. */
  readonly data: string
  /** Of `end`: what filters look at. */
  readonly row?: ApiEvent<'end'>['row']
  /** Names of plugins that said something against it, for filters. */
  readonly plugins?: readonly string[]
}

/** Of this worker. Most events are never read when there are many: what is sent is made when somebody reads it. */
class OwnEvent implements LiveEvent {
  readonly event: LiveEvent['event']
  readonly #at: number
  readonly #seq: number
  readonly told: object

  constructor(event: LiveEvent['event'], at: number, seq: number, told: object) {
    this.event = event
    this.#at = at
    this.#seq = seq
    this.told = told
  }

  get id(): string {
    return `${this.#at}-${process.pid}-${this.#seq}`
  }

  get data(): string {
    return JSON.stringify(this.told)
  }

  /** For another worker. */
  toJSON(): LiveEvent {
    return { event: this.event, id: this.id, data: this.data }
  }
}

class OwnEnd extends OwnEvent {
  readonly #record: StoredRecord
  #row: LiveEvent['row']

  constructor(at: number, seq: number, record: StoredRecord) {
    super('end', at, seq, record)
    this.#record = record
  }

  get row(): NonNullable<LiveEvent['row']> {
    return (this.#row ??= rowOf(this.#record))
  }

  get plugins(): readonly string[] {
    return (this.#record.opinions ?? []).map(({ plugin }) => plugin)
  }

  override get data(): string {
    return JSON.stringify({ row: this.row, record: this.#record })
  }

  override toJSON(): LiveEvent {
    return { ...super.toJSON(), row: this.row, plugins: this.plugins }
  }
}

type Watcher = (event: LiveEvent) => void

/** Milliseconds between looks for workers that have come. */
const LOOK_MS = 5_000
/** Hooks that tell what has happened. */
const AFTERWARDS: ReadonlySet<string> = new Set(HOOKS.flatMap(({ name, kind }) => (kind === 'tell' ? [name] : [])))
/** Octets that wait for a worker which does not read; then it misses events. */
const LATE = 1_048_576

/** One for all viewers of this worker. */
export class Hub {
  readonly #feed: Feed
  readonly #circle: () => Circle
  /** Events of all workers: see there what readers cost. */
  readonly ring = new EventRing<LiveEvent>(({ event }) => event === 'end')
  #viewers = 0
  /** Other workers, which want ours alone. */
  readonly #siblings = new Set<Watcher>()
  #stop: (() => void) | undefined
  #following: AbortController | undefined
  #seq = 0

  constructor(feed: Feed, circle: () => Circle) {
    this.#feed = feed
    this.#circle = circle
  }

  /** How many read the ring. */
  get viewers(): number {
    return this.#viewers
  }

  /** From now on events of all workers are in the ring, until what it returns is called. */
  view(): () => void {
    this.#viewers++
    this.#begin()
    this.#following ??= this.#follow()
    return () => {
      this.#viewers--
      if (this.#viewers === 0) {
        this.#following?.abort()
        this.#following = undefined
      }
      this.#end()
    }
  }

  /** Our events for another worker, one JSON line each. */
  serve(response: ServerResponse): void {
    const watcher: Watcher = (event) => {
      if (response.writableLength < LATE) response.write(`${JSON.stringify(event)}\n`)
    }
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    response.flushHeaders()
    this.#siblings.add(watcher)
    this.#begin()
    response.once('close', () => {
      this.#siblings.delete(watcher)
      this.#end()
    })
  }

  close(): void {
    this.#siblings.clear()
    this.#following?.abort()
    this.#end()
  }

  #begin(): void {
    const worker = cluster.worker?.id ?? 1
    this.#stop ??= this.#feed.watch({
      opened: ({ id, at, listener, remote }) => this.#own('open', at, { id, at, listener, remote, worker }),
      ran: ({ id, hook, at, from, to, plugin, ms, opinions }) => {
        // Who is told afterwards has no say, and may be told when the row is over.
        if (AFTERWARDS.has(hook)) return
        this.#own('hook', at, {
          id,
          hook,
          at,
          ...(from !== undefined && { from }),
          ...(to !== undefined && { to }),
          runs: [{ plugin, ms, opinions }],
        })
      },
      recorded: (record) => {
        if (record.event !== 'transaction' && record.event !== 'session') return
        const stored = record as StoredRecord // what is of another type is passed over there
        this.#own('end', Date.parse(stored.time), stored)
      },
      logged: (line) => {
        const entry = logEntry(line)
        this.#own('log', entry.at, entry)
      },
    })
  }

  #end(): void {
    if (this.#viewers > 0 || this.#siblings.size > 0) return
    this.#stop?.()
    this.#stop = undefined
  }

  #own(event: LiveEvent['event'], at: number, told: object): void {
    const live =
      event === 'end' ? new OwnEnd(at, ++this.#seq, told as StoredRecord) : new OwnEvent(event, at, ++this.#seq, told) // of an end it is the record
    if (this.#viewers > 0) this.ring.add(live)
    for (const watcher of this.#siblings) watcher(live)
  }

  /** Follows the others until nobody views any more. */
  #follow(): AbortController {
    const controller = new AbortController()
    const { signal } = controller
    const known = new Set<string>()
    const look = (): void => {
      // A worker that cannot be followed now is looked for again.
      this.#circle()
        .follow('/events', { signal, known }, (stream, name) => {
          known.add(name)
          const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })
          lines.on('line', (line) => {
            this.ring.add(JSON.parse(line) as LiveEvent) // of a worker of the same server
          })
          lines.on('error', () => undefined) // how it ends does not matter: the close is heard
          lines.on('close', () => known.delete(name))
        })
        .catch(() => undefined)
    }
    look()
    const timer = setInterval(look, LOOK_MS).unref()
    signal.addEventListener('abort', () => clearInterval(timer), { once: true })
    return controller
  }
}
