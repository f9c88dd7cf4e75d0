/** Envelopes that are being passed on: one relay for each session, next hop and reverse-path, none left behind. */
import type { Pool, RelayOptions, Target } from '@postroad/delivery'
import { Relay, targetKey } from '@postroad/delivery'

interface Passing {
  readonly envelope: string
  readonly relays: Map<string, Relay>
}

/** A transaction that is to be opened at a next hop. */
export interface Hop {
  readonly target: Target
  readonly options: RelayOptions
}

/** What goes to one server with one reverse-path is one transaction. */
export function hopKey({ target, options }: Hop): string {
  return `${targetKey(target)} <${options.from ?? ''}>`
}

/** The relays of all sessions. */
export class PassingTable {
  readonly #pool: Pool
  readonly #holdMs: number
  readonly #bySession = new Map<string, Passing>()
  #sweeper: NodeJS.Timeout | undefined

  constructor(pool: Pool, holdMs: number) {
    this.#pool = pool
    this.#holdMs = holdMs
  }

  /** Sessions with an open envelope. */
  get size(): number {
    return this.#bySession.size
  }

  /** The relay of this envelope to this target; that of an older envelope of the session is released. */
  relay(session: string, envelope: string, start: Hop): Relay {
    let passing = this.#bySession.get(session)
    if (passing?.envelope !== envelope) {
      this.release(session)
      passing = { envelope, relays: new Map() }
      this.#bySession.set(session, passing)
      this.#sweep()
    }
    const key = hopKey(start)
    let relay = passing.relays.get(key)
    if (relay === undefined) passing.relays.set(key, (relay = new Relay(this.#pool, start.target, start.options)))
    return relay
  }

  /** The session's envelope, if any, has come to its end. */
  release(session: string): void {
    const passing = this.#bySession.get(session)
    if (passing === undefined) return
    this.#bySession.delete(session)
    for (const relay of passing.relays.values()) relay.release()
  }

  close(): void {
    clearInterval(this.#sweeper)
    for (const session of [...this.#bySession.keys()]) this.release(session)
  }

  /** RSET is told to nobody, and clients may think for minutes: what is held too long goes back to the pool. */
  #sweep(): void {
    if (this.#sweeper !== undefined) return
    this.#sweeper = setInterval(() => {
      for (const [session, { relays }] of this.#bySession) {
        if ([...relays.values()].every((relay) => relay.idleMs >= this.#holdMs)) this.release(session)
      }
      if (this.#bySession.size > 0) return
      clearInterval(this.#sweeper)
      this.#sweeper = undefined
    }, this.#holdMs / 2)
    this.#sweeper.unref()
  }
}
