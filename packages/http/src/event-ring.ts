/**
 * Events for many readers: kept once, written down once, and given to each reader when it can take more. What a reader that does not read costs is
 * a number, its place; no event looks at it. All readers together take a bounded part of the time of the process: with more of them
 * than that is enough for, each sees events later, and is told how many it has missed.
 */
import { octetsOf, type ServerSentEvent } from './event.ts'

/** Events that are kept; who is further behind has missed some. */
const KEPT = 2_048
/** Milliseconds of a look at who can take more, and between two of them: forty times what the last has taken, so that all readers together take a fortieth of the time. */
const SLICE_MS = 3
const SHORTEST_MS = 100
const LONGEST_MS = 1_000
const SHARE = 40
/** Readers in one turn of the event loop. */
const AT_ONCE = 16
/** Octets of a batch, what is given to a reader at once: the more readers there are, the less, down to the smallest. */
const SMALLEST_BATCH = 16_384
const LARGEST_BATCH = 131_072
const OF_ALL = 1_048_576
/** What the last look has taken counts no more than this: on a machine that others use it may have stood still. */
const MOST_MS = 4 * SLICE_MS

/** Somebody who reads. */
export interface RingReader {
  /** There may be more, or there was room: takes what it can. */
  take(): void
}

/** Which events a reader wants. Readers with the same `key` want the same. */
export interface WantedEvents<E> {
  readonly key: string
  isWanted(event: E): boolean
}

/** What a reader is given: no octets when it wants nothing of it. */
export interface Batch {
  readonly octets: Uint8Array | undefined
  /** Where to go on. */
  readonly next: number
}

/** One for all readers of the same events. */
export class EventRing<E extends ServerSentEvent = ServerSentEvent> {
  readonly #events: (E | undefined)[] = Array.from({ length: KEPT }, () => undefined)
  /** Of each event: how many were counted before it. */
  readonly #countedBefore = new Array<number>(KEPT).fill(0)
  readonly #isCounted: (event: E) => boolean
  /** Of the next event. */
  #end = 0
  #counted = 0
  /** Who has all there is, and who has not, and can take more. All others wait for their clients. */
  readonly #idle = new Set<RingReader>()
  #ready = new Set<RingReader>()
  /** Of those that were ready when the last turn of all began: who has not had his turn. */
  #turn = new Set<RingReader>()
  readonly #batches = new Map<string, Batch>()
  #timer: NodeJS.Timeout | undefined
  #pause = SHORTEST_MS
  /** Where readers that had all were told to go on. */
  #servedTo = 0

  /** @param isCounted what a reader that has missed events is told the number of */
  constructor(isCounted: (event: E) => boolean = () => true) {
    this.#isCounted = isCounted
  }

  /** Never waits, and costs the same for any number of readers. It is not to be changed any more. */
  add(event: E): void {
    const place = this.#end % KEPT
    this.#events[place] = event
    this.#countedBefore[place] = this.#counted
    this.#end++
    if (this.#isCounted(event)) this.#counted++
    if (this.#batches.size > 0) this.#batches.clear()
    if (this.#idle.size > 0) this.#later()
  }

  /** The place of the next event. */
  get end(): number {
    return this.#end
  }

  /** The place of the oldest that is kept. */
  get start(): number {
    return Math.max(this.#end - KEPT, 0)
  }

  /** How many were counted before the event at this place, which is kept, or the next. */
  countedBefore(place: number): number {
    return place === this.#end ? this.#counted : (this.#countedBefore[place % KEPT] ?? 0)
  }

  /** It can take more; from `place` on. */
  wait(reader: RingReader, place: number): void {
    if (place === this.#end) {
      this.#ready.delete(reader)
      this.#idle.add(reader)
      return
    }
    this.#idle.delete(reader)
    this.#ready.add(reader)
    this.#later()
  }

  leave(reader: RingReader): void {
    this.#idle.delete(reader)
    this.#ready.delete(reader)
    this.#turn.delete(reader)
  }

  /** Events from this place on, which is kept, as many as go into one batch. */
  batch(from: number, { key, isWanted }: WantedEvents<E>): Batch {
    const name = `${from} ${key}`
    let batch = this.#batches.get(name)
    if (!batch) this.#batches.set(name, (batch = this.#collect(from, isWanted)))
    return batch
  }

  #collect(from: number, isWanted: (event: E) => boolean): Batch {
    const parts: Uint8Array[] = []
    const readers = this.#idle.size + this.#ready.size + this.#turn.size
    const most = Math.min(Math.max(OF_ALL / readers, SMALLEST_BATCH), LARGEST_BATCH)
    let next = from
    for (let length = 0; next < this.#end && length < most; next++) {
      const event = this.#events[next % KEPT]
      if (!event || !isWanted(event)) continue
      const octets = octetsOf(event)
      parts.push(octets)
      length += octets.length
    }
    return { octets: parts.length > 1 ? Buffer.concat(parts) : parts[0], next }
  }

  #later(): void {
    this.#timer ??= setTimeout(() => this.#serve(), this.#pause).unref()
  }

  #serve(): void {
    this.#servedTo = this.#end
    for (const reader of this.#idle) this.#ready.add(reader)
    this.#idle.clear()
    // Nobody has a second turn before all had one, nor in the same slice: what readers cost in a second is bounded for each, too.
    if (this.#turn.size === 0) [this.#turn, this.#ready] = [this.#ready, this.#turn]
    this.#serveSome(0)
  }

  /**
   * What readers take is written when this callback is over, and before the next one of this phase of the event loop: between the two nothing
   * else runs, so that what others do meanwhile, mail for one, is not taken for the readers'. They are not unreferenced: the loop would sleep.
   */
  #serveSome(before: number): void {
    let began = 0
    setImmediate(() => {
      began = performance.now()
      let served = 0
      for (const reader of this.#turn) {
        this.#turn.delete(reader)
        reader.take()
        if (++served === AT_ONCE) break
      }
    })
    setImmediate(() => {
      const took = before + performance.now() - began
      if (this.#turn.size > 0 && took < SLICE_MS) return this.#serveSome(took)
      this.#timer = undefined
      this.#pause = Math.min(Math.max(Math.min(took, MOST_MS) * SHARE, SHORTEST_MS), LONGEST_MS)
      if (this.#turn.size > 0 || this.#ready.size > 0 || this.#hasNews()) this.#later()
    })
  }

  /** Something was added while others were served. */
  #hasNews(): boolean {
    return this.#idle.size > 0 && this.#end !== this.#servedTo
  }
}
