/** How long a client may take, RFC 5321 §4.5.3.2: looked at every now and then, not timed one by one. */
import type { Limits } from '../config/limits.ts'
import type { WireReply } from '../stages.ts'
import { reply } from './reply.ts'

const TIMEOUT = reply(421, '4.4.2', 'Timeout, closing the connection')
const TOO_SLOW = reply(421, '4.4.2', 'Message comes in too slowly, closing the connection')
const TOO_LONG = reply(421, '4.4.2', 'Connection has been open for too long')

/** The deadlines of one connection. All times are those of the {@link Clock}. */
export class Deadlines {
  readonly #openedAt: number
  /** When the client last did what it should: a whole command, octets of a message. */
  #since: number
  #contentStartedAt = 0

  constructor(now: number) {
    this.#openedAt = this.#since = now
  }

  /** The client has done something. Part of a command is nothing: a slow one has no more time than another. */
  touch(now: number): void {
    this.#since = now
  }

  /** The octets of a message are to come: their rate counts from now on. */
  startContent(now: number): void {
    this.#since = this.#contentStartedAt = now
  }

  /** It is us the client waits for. RFC 5321 §4.5.3.2 gives it minutes for that, and no reason to be cut off. */
  hold(now: number): void {
    this.#contentStartedAt += now - this.#since
    this.#since = now
  }

  /** Whether the handshake that began with the last command takes too long. */
  isHandshakeOver(now: number, { commandTimeoutMs, handshakeTimeoutMs }: Limits): boolean {
    return now - this.#since > Math.min(commandTimeoutMs, handshakeTimeoutMs)
  }

  /** Whether nothing has been done for the time of a command. */
  isIdle(now: number, { commandTimeoutMs }: Limits): boolean {
    return now - this.#since > commandTimeoutMs
  }

  /** Why the client is to be told good-bye, if it is. `contentSize`: octets of the message that is coming in, if one is. */
  expired(now: number, limits: Limits, contentSize: number | undefined): WireReply | undefined {
    const { sessionTimeoutMs, minDataRate, dataGraceMs } = limits
    if (now - this.#openedAt > sessionTimeoutMs) return TOO_LONG
    if (this.isIdle(now, limits)) return TIMEOUT
    const elapsed = now - this.#contentStartedAt
    return contentSize !== undefined && elapsed > dataGraceMs && contentSize < (minDataRate * elapsed) / 1000
      ? TOO_SLOW
      : undefined
  }
}
