/**
 * Events that were read and are not settled: those of one message leave it one request after the other, those of different messages side by
 * side. Settled is what was told, or is written down to be told later; the cursor follows what is settled without a gap.
 */
import type { readEvent } from '@postroad/queue-engine'

/** An event on its way. */
export interface Pending extends Readonly<ReturnType<typeof readEvent>> {
  readonly position: string
  /** As it stands in the outbox. */
  readonly event: string
  /** How often it was sent in vain. */
  tries: number
  /** It is sent by itself: one of those it was with may have been the fault. */
  isAlone: boolean
}

interface Slot {
  readonly entry: Pending | undefined
  readonly position: string
  state: 'ready' | 'sending' | 'settled'
}

/** The events between what is settled and what was read. */
export class Window {
  #slots: Slot[] = []
  readonly #slotOf = new Map<Pending, Slot>()
  /** Messages with an event on its way. */
  readonly #busy = new Set<string>()
  #settled: string | undefined
  #ready = 0

  /** Position up to which all is settled; undefined: nothing has been, since it was made. */
  get settledTo(): string | undefined {
    return this.#settled
  }

  get length(): number {
    return this.#slots.length
  }

  /** Not sent, and not being sent. */
  get ready(): number {
    return this.#ready
  }

  /** The oldest that is not settled. */
  get oldest(): string | undefined {
    return this.#slots[0]?.position
  }

  add(entry: Pending): void {
    const slot: Slot = { entry, position: entry.position, state: 'ready' }
    this.#slots.push(slot)
    this.#slotOf.set(entry, slot)
    this.#ready++
  }

  /** Something that is not to be told at all. */
  skip(position: string): void {
    this.#slots.push({ entry: undefined, position, state: 'settled' })
    this.#advance()
  }

  /** The next events for one request: at most `limit`, none of a message that another request is about. */
  take(limit: number): Pending[] {
    const taken: Pending[] = []
    const blocked = new Set<string>()
    for (const slot of this.#slots) {
      if (taken.length >= limit) break
      const { entry } = slot
      if (!entry || slot.state !== 'ready') continue
      if (this.#busy.has(entry.key) || blocked.has(entry.key)) continue
      if (entry.isAlone && taken.length > 0) {
        blocked.add(entry.key)
        continue
      }
      slot.state = 'sending'
      taken.push(entry)
      if (entry.isAlone) break
    }
    this.#ready -= taken.length
    for (const { key } of taken) this.#busy.add(key)
    return taken
  }

  /** Those of these messages that are not being sent. */
  takeOf(isOf: (key: string) => boolean): Pending[] {
    const taken: Pending[] = []
    for (const slot of this.#slots) {
      const { entry } = slot
      if (!entry || slot.state !== 'ready' || this.#busy.has(entry.key) || !isOf(entry.key)) continue
      slot.state = 'sending'
      taken.push(entry)
    }
    this.#ready -= taken.length
    return taken
  }

  settle(entries: readonly Pending[]): void {
    for (const entry of entries) {
      this.#busy.delete(entry.key)
      const slot = this.#slotOf.get(entry)
      if (slot) slot.state = 'settled'
      this.#slotOf.delete(entry)
    }
    this.#advance()
  }

  putBack(entries: readonly Pending[]): void {
    for (const entry of entries) {
      this.#busy.delete(entry.key)
      const slot = this.#slotOf.get(entry)
      if (slot) slot.state = 'ready'
    }
    this.#ready += entries.length
  }

  #advance(): void {
    let count = 0
    while (this.#slots[count]?.state === 'settled') count++
    if (count === 0) return
    this.#settled = this.#slots[count - 1]?.position
    this.#slots.splice(0, count)
  }
}
