/**
 * The time of a folder that processes share: it goes on evenly, whoever sets the wall clock, and never back. What expires
 * in a folder expires by it. It begins as the time of the wall, follows the clock that counts since the machine was started, and
 * asks the wall only how long the machine was off.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import type { Clock } from '@postroad/plugin'

/** Milliseconds after which who writes anyway writes an anchor, too: the step of a wall clock before it is forgotten by who starts later. */
const STALE = 60_000

/** One moment by all clocks, as it stands in the folder. Milliseconds. */
export interface Anchor {
  readonly at: number
  /** Since the epoch. */
  readonly wall: number
  /** By the monotonic clock of {@link boot}. */
  readonly elapsed: number
  /** The boot whose monotonic clock it was; empty when that is not known. */
  readonly boot: string
}

/** The time of one folder; each table that is open has one. */
export class FolderTime {
  readonly #clock: Clock
  readonly #boot: string
  /** What is added to the monotonic clock. */
  #offset: number
  #anchoredAt = Number.NEGATIVE_INFINITY

  /**
   * @param anchor what was found in the folder
   * @param boot for tests: what {@link bootOf} said
   */
  constructor(clock: Clock, anchor: Anchor | undefined, boot: string = clock.monotonic ? bootOf() : '') {
    this.#clock = clock
    this.#boot = boot
    this.#offset = this.#found(anchor) - this.#elapsed
    if (anchor && this.#isOurs(anchor)) this.#anchoredAt = anchor.elapsed
  }

  /** Milliseconds: the epoch's, but for what the wall clock was set by since the folder was made. */
  now(): number {
    return this.#offset + this.#elapsed
  }

  /** An anchor should be written. */
  get isStale(): boolean {
    return this.#elapsed - this.#anchoredAt >= STALE
  }

  /** What to write; others may have been here since, and nobody's time goes back. */
  anchor(found: Anchor | undefined): Anchor {
    const elapsed = this.#elapsed
    if (found) this.#offset = Math.max(this.#offset, (this.#isOurs(found) ? this.#found(found) : found.at) - elapsed)
    this.#anchoredAt = elapsed
    return { at: this.#offset + elapsed, wall: this.#clock.now(), elapsed, boot: this.#boot }
  }

  get #elapsed(): number {
    return this.#clock.monotonic?.() ?? this.#clock.now()
  }

  #isOurs({ boot, elapsed }: Anchor): boolean {
    return boot !== '' && boot === this.#boot && elapsed <= this.#elapsed
  }

  #found(anchor: Anchor | undefined): number {
    if (!anchor) return this.#clock.now()
    // A wall clock that was set back while no process had the folder open says nothing: the time of the folder stands still then.
    const passed = this.#isOurs(anchor) ? this.#elapsed - anchor.elapsed : Math.max(0, this.#clock.now() - anchor.wall)
    return anchor.at + passed
  }
}

let known = ''

/** Which monotonic clock this process has: that of a boot, and of a name space (time_namespaces(7)). Empty when it cannot be read. */
export function bootOf(): string {
  if (known === '') {
    try {
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
      known = `${boot} ${readlinkSync('/proc/self/ns/time')}`
    } catch {
      // Without /proc, or without descriptors, the wall clock says how long no process had the folder open.
    }
  }
  return known
}
