/**
 * Events that were read and are not settled: those of one message leave it one request after the other, those of different messages side by
 * side. Settled is what was told, or is written down to be told later; the cursor follows what is settled without a gap.
 */
import type { readEvent } from '@postroad/queue-engine'

/** An event on its way. */
export interface PendingEvent extends Readonly<ReturnType<typeof readEvent>> {
  readonly position: string
  /** As it stands in the outbox. */
  readonly event: string
  /** How often it was sent in vain. */
  tries: number
  /** It is sent by itself: one of those it was with may have been the fault. */
  isAlone: boolean
  state: 'ready' | 'sending' | 'settled'
}

/** An event of the outbox that was just read. */
export function pending(
  position: string,
  event: string,
  { id, kind, key, payload }: ReturnType<typeof readEvent>,
): PendingEvent {
  return { position, event, id, kind, key, payload, tries: 0, isAlone: false, state: 'ready' }
}

/** The events between what is settled and what was read. */
export class Window {
  #entries: PendingEvent[] = []
  /** Messages with an event on its way. */
  readonly #busy = new Set<string>()
  #settled: string | undefined
  #ready = 0

  /** Position up to which all is settled; undefined: nothing has been, since it was made. */
  get settledTo(): string | undefined {
    return this.#settled
  }

  get length(): number {
    return this.#entries.length
  }

  /** Not sent, and not being sent. */
  get ready(): number {
    return this.#ready
  }

  /** The oldest that is not settled. */
  get oldest(): string | undefined {
    return this.#entries[0]?.position
  }

  add(entry: PendingEvent): void {
    this.#entries.push(entry)
    this.#ready++
  }

  /** One that is not to be told at all. */
  skip(entry: PendingEvent): void {
    entry.state = 'settled'
    this.#entries.push(entry)
    this.#advance()
  }

  /** The next events for one request: at most `limit`, none of a message that another request is about. */
  take(limit: number): PendingEvent[] {
    const taken: PendingEvent[] = []
    const blocked = new Set<string>()
    for (const entry of this.#entries) {
      if (taken.length >= limit) break
      if (entry.state !== 'ready' || this.#busy.has(entry.key) || blocked.has(entry.key)) continue
      if (entry.isAlone && taken.length > 0) {
        blocked.add(entry.key)
        continue
      }
      entry.state = 'sending'
      taken.push(entry)
      if (entry.isAlone) break
    }
    this.#ready -= taken.length
    for (const { key } of taken) this.#busy.add(key)
    return taken
  }

  /** Those of these messages that are not being sent. */
  takeOf(isOf: (key: string) => boolean): PendingEvent[] {
    const taken = this.#entries.filter(({ state, key }) => state === 'ready' && !this.#busy.has(key) && isOf(key))
    for (const entry of taken) entry.state = 'sending'
    this.#ready -= taken.length
    return taken
  }

  settle(entries: readonly PendingEvent[]): void {
    for (const entry of entries) {
      this.#busy.delete(entry.key)
      entry.state = 'settled'
    }
    this.#advance()
  }

  putBack(entries: readonly PendingEvent[]): void {
    for (const entry of entries) {
      this.#busy.delete(entry.key)
      entry.state = 'ready'
    }
    this.#ready += entries.length
  }

  #advance(): void {
    let count = 0
    while (this.#entries[count]?.state === 'settled') count++
    if (count === 0) return
    this.#settled = this.#entries[count - 1]?.position
    this.#entries.splice(0, count)
  }
}
