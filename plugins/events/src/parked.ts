/**
 * Events that an endpoint did not take although it takes others: they are written down apart, so that the others go on, and tried again by
 * themselves. What comes later of their messages waits behind them.
 */
import type { Outbox } from '@postroad/queue-engine'
import { parsePosition } from '@postroad/queue-engine'
import type { PendingEvent } from './window.ts'

type Changes = [key: string, value: string | undefined][]

/** Milliseconds from one try to the next, as Standard Webhooks propose; the last repeats. */
const WAITS = [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000]

/** What is written down of one. */
export interface ParkedNote {
  /** As it stands in the outbox. */
  readonly event: string
  /** Tries so far. */
  readonly attempts: number
  /** Of the next try, milliseconds since the epoch. */
  readonly at: number
  /** What was said last. */
  readonly why: string
}

/** One of them, in memory. */
export interface Parked extends ParkedNote {
  readonly position: string
  readonly key: string
}

/** The parked events of one endpoint. */
export class ParkedEvents {
  readonly #name: string
  readonly #random: () => number
  readonly #chains = new Map<string, Parked[]>()
  readonly #positions = new Set<string>()
  readonly #busy = new Set<string>()

  constructor(name: string, random: () => number = Math.random) {
    this.#name = name
    this.#random = random
  }

  get size(): number {
    return this.#positions.size
  }

  /** Whether something of this message is here. */
  hasMessage(key: string): boolean {
    return this.#chains.has(key)
  }

  hasPosition(position: string): boolean {
    return this.#positions.has(position)
  }

  /** What is written down, in place of what was known. */
  async load(outbox: Outbox, keyOf: (event: string) => string): Promise<void> {
    this.#chains.clear()
    this.#positions.clear()
    const prefix = parkPrefix(this.#name)
    for (const [noteKey, value] of await outbox.notes(prefix)) {
      const note: ParkedNote = JSON.parse(value) // `park` wrote it
      this.#insert({ ...note, position: positionOf(noteKey.slice(prefix.length)), key: keyOf(note.event) })
    }
  }

  /** The note of an event to be parked; it is here when that is durable and {@link parked} was called. */
  park(
    { position, key, event }: Pick<PendingEvent, 'position' | 'key' | 'event'>,
    { attempts, why }: { readonly attempts: number; readonly why: string },
    now: number,
  ): { readonly parked: Parked; readonly changes: Changes } {
    const parked: Parked = { event, position, key, attempts, why, at: now + this.#wait(attempts) }
    return { parked, changes: [this.#noteOf(parked)] }
  }

  parked(all: readonly Parked[]): void {
    for (const one of all) this.#insert(one)
  }

  /** One whose time has come, the first of its message; it is being tried from now on. */
  takeDue(now: number): Parked | undefined {
    for (const [key, [first]] of this.#chains)
      if (first && first.at <= now && !this.#busy.has(key)) {
        this.#busy.add(key)
        return first
      }
    return undefined
  }

  /** When the next one is due. */
  nextAt(): number | undefined {
    let next: number | undefined
    for (const [key, [first]] of this.#chains)
      if (first && !this.#busy.has(key) && (next === undefined || first.at < next)) next = first.at
    return next
  }

  /** The endpoint works again: nobody waits for a later time. */
  hasten(now: number): void {
    for (const chain of this.#chains.values()) {
      const [first] = chain
      if (first && first.at > now) chain[0] = { ...first, at: now }
    }
  }

  /** It was not taken again. */
  retry(parked: Parked, why: string, now: number): { readonly next: Parked; readonly changes: Changes } {
    const attempts = parked.attempts + 1
    const next = { ...parked, attempts, why, at: now + this.#wait(attempts) }
    return { next, changes: [this.#noteOf(next)] }
  }

  /** The change that removes it: it was told, or goes to the dead letters. */
  removal({ position }: Parked): Changes {
    return [[parkPrefix(this.#name) + sortable(position), undefined]]
  }

  /** What {@link takeDue} gave has ended; `next` stands in its place. */
  ended(parked: Parked, next: Parked | undefined): void {
    this.#busy.delete(parked.key)
    const chain = this.#chains.get(parked.key)
    const at = chain?.findIndex(({ position }) => position === parked.position) ?? -1
    if (!chain || at < 0) return
    if (next) {
      chain[at] = next
      return
    }
    chain.splice(at, 1)
    this.#positions.delete(parked.position)
    const [first] = chain
    if (first) chain[0] = { ...first, at: 0 }
    else this.#chains.delete(parked.key)
  }

  #insert(parked: Parked): void {
    if (this.#positions.has(parked.position)) return
    this.#positions.add(parked.position)
    const chain = this.#chains.get(parked.key)
    if (chain) chain.push(parked)
    else this.#chains.set(parked.key, [parked])
  }

  #noteOf({ position, event, attempts, at, why }: Parked): [string, string] {
    const note: ParkedNote = { event, attempts, at, why }
    return [parkPrefix(this.#name) + sortable(position), JSON.stringify(note)]
  }

  #wait(attempts: number): number {
    const wait = WAITS[Math.min(Math.max(attempts, 1), WAITS.length) - 1] ?? 0
    return wait * (0.8 + 0.4 * this.#random())
  }
}

/** Keys of what an endpoint has parked. */
export function parkPrefix(name: string): string {
  return `park:${name}:`
}

/** A position whose order as text is that of positions. */
export function sortable(position: string): string {
  const [ms, number] = parsePosition(position)
  return `${String(ms).padStart(15, '0')}-${String(number).padStart(10, '0')}`
}

/** What {@link sortable} made. */
export function positionOf(text: string): string {
  const [ms, number] = parsePosition(text)
  return `${ms}-${number}`
}
