/**
 * Gives leases back to the store. What the store refuses stays in hand and is tried again until it holds: as long as this process
 * lives nobody else may touch it, so to forget it would be to stop its mail.
 */
import type { DeliveryStatus, Lease } from '../model.ts'
import type { EngineOptions } from './options.ts'

/** Milliseconds between tries: the first pause, and the longest. */
const FIRST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 30_000

interface Kept {
  readonly leases: readonly Lease[]
  readonly status: DeliveryStatus
}

/** The leases that are to go back to the store, and the tries until it takes them. */
export class PutBack {
  readonly #options: Pick<EngineOptions, 'store' | 'clock' | 'log'>
  readonly #onWaiting: (leases: readonly Lease[]) => void
  #kept: Kept[] = []
  #pauseMs = FIRST_PAUSE_MS
  #cancel: (() => void) | undefined
  #isClosed = false

  /** `onWaiting` hears what now waits for its destination in the store. */
  constructor(options: Pick<EngineOptions, 'store' | 'clock' | 'log'>, onWaiting: (leases: readonly Lease[]) => void) {
    this.#options = options
    this.#onWaiting = onWaiting
  }

  /** Resolves when the leases are in the store, or kept to be tried again. Never rejects. */
  async give(leases: readonly Lease[], status: DeliveryStatus): Promise<void> {
    if (leases.length === 0) return
    const error = await this.#release({ leases, status })
    if (error === undefined) return
    this.#kept.push({ leases, status })
    this.#options.log.error(
      { error, deliveries: leases.length },
      'deliveries could not be put back; trying again until they are',
    )
    this.#later()
  }

  /** The last try, and from now on one for each; what is left goes back when the store closes, or when the process has ended. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel?.()
    await this.#again()
  }

  #later(): void {
    if (this.#isClosed) return
    this.#cancel ??= this.#options.clock.after(this.#pauseMs, () => void this.#again())
  }

  async #again(): Promise<void> {
    this.#cancel = undefined
    const kept = this.#kept.splice(0)
    let back = 0
    for (const each of kept) {
      const error = await this.#release(each)
      if (error === undefined) back += each.leases.length
      else this.#kept.push(each)
    }
    if (back > 0)
      this.#options.log.warn({ deliveries: back }, 'deliveries that could not be put back before are put back now')
    this.#pauseMs = this.#kept.length === 0 ? FIRST_PAUSE_MS : Math.min(this.#pauseMs * 2, MAX_PAUSE_MS)
    if (this.#kept.length > 0) this.#later()
  }

  async #release({ leases, status }: Kept): Promise<unknown> {
    try {
      await this.#options.store.release(leases, status)
    } catch (error) {
      return error ?? new Error('The store gave no reason')
    }
    if (status.kind === 'waiting') this.#onWaiting(leases)
    return undefined
  }
}
