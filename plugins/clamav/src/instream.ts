/** The octets of one message on their way to clamd, clamd(8) INSTREAM: chunks with their length in front, and an empty one at the end. */
import type { Message } from '@postroad/plugin'
import { type Daemon, Exchange } from '@postroad/upstream'
import { isWholeReply, parseScanReply, REPLY_LIMIT, type ScanReply } from './reply.ts'

const END = new Uint8Array(4)

/**
 * One message on its way. clamd begins to scan when it has all of it; over its limit it answers before, and hangs up: that answer counts, whatever
 * becomes of what was still being written.
 */
export class Instream {
  readonly daemon: Daemon
  readonly #exchange: Exchange

  constructor(daemon: Daemon) {
    this.daemon = daemon
    this.#exchange = new Exchange(daemon, { limit: REPLY_LIMIT, isWhole: isWholeReply })
    this.#exchange.write('zINSTREAM\0')
  }

  /** clamd has answered or is gone: nobody reads what is written now. */
  get isOver(): boolean {
    return this.#exchange.isOver
  }

  /** @returns a promise when clamd does not keep up */
  write(chunk: Uint8Array): Promise<void> | undefined {
    // An empty chunk would be the end of the message.
    if (chunk.length === 0) return undefined
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32BE(chunk.length)
    return this.#exchange.write(length, chunk)
  }

  /**
   * Says that this was all, and waits for the answer.
   *
   * @throws {Error} when there is no finding, or the reason of `signal`
   */
  async finish(signal: AbortSignal): Promise<ScanReply> {
    const stop = (): void => this.abandon(signal.reason as Error) // the host aborts with errors
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    try {
      this.#exchange.write(END)
      return parseScanReply(await this.#exchange.answer)
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** clamd sees that we are gone, and throws away what it has. */
  abandon(reason: Error = GONE): void {
    this.#exchange.abandon(reason)
  }
}

const GONE = new Error('the message is not to be scanned')

/** Has a message scanned that is all there. @throws {Error} when there is no finding, or the reason of `signal` */
export async function scan(
  daemon: Daemon,
  message: Pick<Message, 'raw' | 'chunks'>,
  signal: AbortSignal,
): Promise<ScanReply> {
  const stream = new Instream(daemon)
  const stop = (): void => stream.abandon(signal.reason as Error) // the host aborts with errors
  signal.addEventListener('abort', stop)
  try {
    for await (const chunk of message.chunks?.() ?? message.raw()) {
      if (stream.isOver) break
      const room = stream.write(chunk)
      if (room) await room
    }
    return await stream.finish(signal)
  } finally {
    signal.removeEventListener('abort', stop)
    stream.abandon()
  }
}

/** Asks clamd something that is answered in one line: `PING`, `VERSION`. */
export async function ask(daemon: Daemon, command: string, signal: AbortSignal): Promise<string> {
  const exchange = new Exchange(daemon, { limit: REPLY_LIMIT, isWhole: isWholeReply })
  const stop = (): void => exchange.abandon(signal.reason as Error) // the host aborts with errors
  signal.addEventListener('abort', stop)
  try {
    exchange.write(`z${command}\0`)
    const answer = await exchange.answer
    return answer.toString('latin1').replace(/\0$/, '')
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
