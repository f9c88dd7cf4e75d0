/** What happens, as it happens, for all who watch: read from the feed once, and only while somebody watches. */
import cluster from 'node:cluster'
import type { ServerResponse } from 'node:http'
import { createInterface } from 'node:readline'
import type { ApiEvent } from '@postroad/admin-api'
import { EventRing } from '@postroad/http'
import { type Feed, type FeedWatcher, HOOKS } from '@postroad/plugin'
import { rowOf, type StoredRecord } from '@postroad/records'
import type { Circle } from './circle.ts'
import { hasFailures, withoutFailures } from './failure-text.ts'
import { logEntry } from './log-ring.ts'
import { Sampling } from './sampling.ts'

/** An event of this worker or another, ready to be sent. */
export interface LiveEvent {
  readonly event: 'open' | 'hook' | 'end' | 'sampled' | 'log'
  /** It is told to those, too, whom a sample is enough for. */
  readonly isSample: boolean
  /** There are two of it: with the texts of what plugins have thrown, for those who may read them, and without. Absent: it is for all. */
  readonly isTrusted?: boolean | undefined
  /** Milliseconds since the epoch, and what tells events of one moment apart. */
  readonly id: string
  /** JSON. */
  readonly data: string
  /** Of `end`: what filters look at. */
  readonly row?: ApiEvent<'end'>['row']
  /** Names of plugins that said something against it, for filters. */
  readonly plugins?: readonly string[]
}

/** When it was, and for whom it is. */
interface Place {
  readonly at: number
  readonly seq: number
  readonly isSample: boolean
  readonly isTrusted?: boolean
}

/** Of this worker. Most events are never read when there are many: what is sent is made when somebody reads it. */
class OwnEvent implements LiveEvent {
  readonly event: LiveEvent['event']
  readonly isSample: boolean
  readonly isTrusted: boolean | undefined
  readonly #at: number
  readonly #seq: number
  readonly #told: object

  constructor(event: LiveEvent['event'], { at, seq, isSample, isTrusted }: Place, told: object) {
    this.event = event
    this.#at = at
    this.#seq = seq
    this.isSample = isSample
    this.isTrusted = isTrusted
    this.#told = told
  }

  get id(): string {
    return `${this.#at}-${process.pid}-${this.#seq}`
  }

  get data(): string {
    return JSON.stringify(this.#told)
  }

  /** For another worker. */
  toJSON(): LiveEvent {
    const { event, isSample, isTrusted, id, data } = this
    return { event, isSample, isTrusted, id, data }
  }
}

/** It keeps the line that was written for the log and the records anyway, and nothing of the record: of those that are kept there are thousands. */
class OwnEnd extends OwnEvent {
  readonly row: NonNullable<LiveEvent['row']>
  readonly plugins: readonly string[]
  readonly #line: string

  constructor(place: Place, record: StoredRecord, line: string) {
    super('end', place, NOTHING)
    this.row = rowOf(record)
    this.plugins = (record.opinions ?? []).map(({ plugin }) => plugin)
    this.#line = line
  }

  override get data(): string {
    return `{"row":${JSON.stringify(this.row)},"record":${this.#line.trimEnd()}}`
  }

  override toJSON(): LiveEvent {
    return { ...super.toJSON(), row: this.row, plugins: this.plugins }
  }
}

/** What is told is made of what it keeps. */
const NOTHING = {}

type Watcher = (event: LiveEvent) => void

/** Milliseconds between two looks at how much happens. */
const TICK_MS = 1_000
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
  readonly ring = new EventRing<LiveEvent>(({ event, isTrusted }) => event === 'end' && isTrusted !== true)
  readonly #sampling = new Sampling()
  #viewers = 0
  /** Readers here, and workers, whom a sample is not enough for. */
  #whole = 0
  /** Other workers, which want ours alone. */
  readonly #siblings = new Set<Watcher>()
  #stop: (() => void) | undefined
  /** Whether what is watched is all, or what is over. */
  #watchesRuns = false
  #timer: NodeJS.Timeout | undefined
  #following: { readonly controller: AbortController; readonly isWhole: boolean } | undefined
  #seq = 0

  constructor(feed: Feed, circle: () => Circle) {
    this.#feed = feed
    this.#circle = circle
  }

  /** How many read the ring. */
  get viewers(): number {
    return this.#viewers
  }

  /** From now on events of all workers are in the ring, until what it returns is called. `isSample`: some of them are enough when there are many. */
  view(isSample: boolean): () => void {
    this.#viewers++
    if (!isSample) this.#whole++
    this.#begin()
    if (this.#following && !isSample && !this.#following.isWhole) this.#unfollow()
    this.#following ??= { controller: this.#follow(!isSample), isWhole: !isSample }
    return () => {
      this.#viewers--
      if (!isSample) this.#whole--
      if (this.#viewers === 0) this.#unfollow()
      this.#end()
    }
  }

  /** Our events for another worker, one JSON line each. */
  serve(response: ServerResponse, isSample: boolean): void {
    const watcher: Watcher = (event) => {
      if (isSample && !event.isSample) return
      if (response.writableLength < LATE) response.write(`${JSON.stringify(event)}\n`)
    }
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    response.flushHeaders()
    this.#siblings.add(watcher)
    if (!isSample) this.#whole++
    this.#begin()
    response.once('close', () => {
      this.#siblings.delete(watcher)
      if (!isSample) this.#whole--
      this.#end()
    })
  }

  close(): void {
    this.#siblings.clear()
    this.#unfollow()
    this.#end()
  }

  #unfollow(): void {
    this.#following?.controller.abort()
    this.#following = undefined
  }

  #begin(): void {
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref()
    const wantsRuns = this.#whole > 0 || !this.#sampling.isBusy
    if (this.#stop && this.#watchesRuns === wantsRuns) return
    this.#stop?.()
    this.#watchesRuns = wantsRuns
    this.#stop = this.#feed.watch(wantsRuns ? { ...this.#ends, ...this.#runs } : this.#ends)
  }

  #tick(): void {
    const left = this.#sampling.tick()
    if (left) this.#tell(new OwnEvent('sampled', this.#place(Date.now(), true), left))
    // Of what is under way nothing is told while it is too much, and then again.
    this.#begin()
  }

  readonly #ends: FeedWatcher = {
    recorded: (record, written) => {
      if (record.event !== 'transaction' && record.event !== 'session') return
      const stored = record as StoredRecord // what is of another type is passed over there
      const isSample = this.#sampling.takes(stored)
      if (!isSample && this.#whole === 0) return
      const place = this.#place(Date.parse(stored.time), isSample)
      if (!hasFailures(stored.opinions)) return this.#tell(new OwnEnd(place, stored, written.line))
      this.#tell(new OwnEnd({ ...place, isTrusted: true }, stored, written.line))
      const rest = withoutFailures(stored)
      this.#tell(new OwnEnd({ ...place, isTrusted: false }, rest, JSON.stringify(rest)))
    },
    logged: (line) => {
      const entry = logEntry(line)
      this.#tell(new OwnEvent('log', this.#place(entry.at, true), entry))
    },
  }

  readonly #runs: FeedWatcher = {
    opened: ({ id, at, listener, remote }) =>
      this.#underWay('open', at, { id, at, listener, remote, worker: cluster.worker?.id ?? 1 }),
    ran: ({ id, hook, at, from, to, plugin, ms, opinions }) => {
      // Who is told afterwards has no say, and may be told when the row is over.
      if (AFTERWARDS.has(hook)) return
      const about = { id, hook, at, ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
      this.#underWay('hook', at, { ...about, runs: [{ plugin, ms, opinions: withoutFailures({ opinions }).opinions }] })
    },
  }

  #underWay<T extends { readonly id: string }>(event: 'open' | 'hook', at: number, told: T): void {
    const isSample = !this.#sampling.isBusy
    if (isSample) this.#sampling.begun(told.id)
    else if (this.#whole === 0) return
    this.#tell(new OwnEvent(event, this.#place(at, isSample), told))
  }

  #end(): void {
    if (this.#viewers > 0 || this.#siblings.size > 0) return
    this.#stop?.()
    this.#stop = undefined
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #place(at: number, isSample: boolean): Place {
    return { at, seq: ++this.#seq, isSample }
  }

  #tell(live: LiveEvent): void {
    if (this.#viewers > 0) this.ring.add(live)
    for (const watcher of this.#siblings) watcher(live)
  }

  /** Follows the others until nobody views any more. */
  #follow(isWhole: boolean): AbortController {
    const controller = new AbortController()
    const { signal } = controller
    const known = new Set<string>()
    const look = (): void => {
      // A worker that cannot be followed now is looked for again.
      this.#circle()
        .follow(isWhole ? '/events' : '/events?sample=1', { signal, known }, (stream, name) => {
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
