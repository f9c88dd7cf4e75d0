/**
 * Which servers may be sent a message behind an envelope that they have not answered. One that offers CHUNKING must read a chunk also when it
 * refuses it (RFC 3030 §2); one that does not would read the text of the mail as commands, and whoever wrote the mail would speak to it in our
 * name. So a server is asked first, once, and with a chunk that can do no harm: what is for few is sent by DATA, as ever.
 */
import type { Reply } from '@postroad/mail'
import type { ClientConnection, CommandExchange } from './connection.ts'
import type { Target } from './target.ts'
import { targetKey } from './target-key.ts'

/** Transactions of one connection before its server is asked: a server that gets little mail never hears of it. */
const ASK_AFTER = 10

/** Servers that are remembered. */
const MAX_KNOWN = 10_000

/** Means nothing as a command: who reads it as one says so. */
const WORD = 'CHUNK\r\n'

/** Remembers, for as long as the process lives. */
export class ChunkTrust {
  /** By the key of the target. False: it was asked, and is not to be sent chunks. */
  readonly #known = new Map<string, boolean>()
  readonly #isOff: boolean
  readonly #timeoutMs: number

  constructor({ isOff, timeoutMs }: { readonly isOff: boolean; readonly timeoutMs: number }) {
    this.#isOff = isOff
    this.#timeoutMs = timeoutMs
  }

  /** Whether the next transaction may send its message as a chunk. */
  has(target: Target, connection: ClientConnection): boolean {
    const { chunking, pipelining } = connection.extensions
    if (!chunking || !pipelining || this.#isOff || target.chunking === false || connection.isLmtp) return false
    const key = targetKey(target)
    const isTrusted = this.#known.get(key)
    if (isTrusted === undefined && connection.transactions >= ASK_AFTER) connection.chunkQuestion = key
    return isTrusted === true
  }

  /** It said that it knows no BDAT after all. */
  refuse(target: Target): void {
    this.#remember(targetKey(target), false)
  }

  /**
   * Asks the server of a connection that is free, if that is due: a chunk outside of a transaction, RFC 3030 §2, and RSET. Two answers: it has
   * read the chunk. Calls `then` when the connection is free again.
   *
   * @returns false when there is nothing to ask
   */
  ask(connection: ClientConnection, then: () => void): boolean {
    const key = connection.chunkQuestion
    connection.chunkQuestion = undefined
    if (key === undefined || this.#known.has(key)) return false
    this.#remember(key, false)
    let isRefused = false
    const exchange: CommandExchange = {
      timeoutMs: this.#timeoutMs,
      reply: (reply: Reply) => {
        if (!isRefused) {
          isRefused = reply.code >= 500 && !isUnknown(reply)
          if (!isRefused) connection.destroy()
        } else if (reply.code !== 250) connection.destroy()
        else {
          this.#remember(key, true)
          then()
        }
      },
      lost: () => {},
    }
    connection.chunk([Buffer.from(WORD)], WORD.length, exchange)
    connection.command('RSET', exchange)
    connection.flush()
    return true
  }

  #remember(key: string, isTrusted: boolean): void {
    if (!this.#known.has(key) && this.#known.size >= MAX_KNOWN) {
      for (const [oldest] of this.#known) {
        this.#known.delete(oldest)
        break
      }
    }
    this.#known.set(key, isTrusted)
  }
}

/** RFC 5321 §4.2.2: the command is not known, or not implemented. */
export function isUnknown({ code }: Reply): boolean {
  return code === 500 || code === 502
}
