/**
 * A transaction in step with another one: each recipient is asked for as the client names it, and the message is passed on when
 * it has come. What was asked early is a shortcut only: whatever is lost of it on the way is done again with the message.
 */

import type { Job, Outcome, Recipient, Reply } from '@postroad/mail'
import { fit, unfitEnvelope, unfitRecipient } from './client/fitness.ts'
import { localReply } from './client/reply.ts'
import type { Target } from './client/target.ts'
import { ClientTransaction, type Fate } from './client/transaction.ts'
import type { Pool, PooledConnection } from './pool.ts'
import { type Begun, complete, freshConnection, sendTo, toOutcome } from './send.ts'

/** What a relayed transaction begins with. */
export type RelayOptions = Pick<Job, 'from' | 'parameters'>

/** One envelope on its way to one server. */
export class Relay {
  readonly #pool: Pool
  readonly #target: Target
  readonly #options: RelayOptions
  #open: Begun | undefined
  /** Why the server cannot take this envelope for anybody. */
  #refusal: Reply | undefined
  /** Recipients waiting for their answer. */
  #asking = 0
  #isReleased = false
  /** When it was used last, by `performance.now()`; `Infinity` while it is being used. */
  #usedAt = performance.now()

  constructor(pool: Pool, target: Target, options: RelayOptions) {
    this.#pool = pool
    this.#target = target
    // Not kept as it is: it may be a view with more in it.
    this.#options = { from: options.from, parameters: options.parameters }
  }

  /** Milliseconds since it was used last. */
  get idleMs(): number {
    return this.#asking > 0 ? 0 : performance.now() - this.#usedAt
  }

  /**
   * The server's answer to a recipient. A connection is opened for the first one.
   *
   * @param signal asked for only when there is something to wait for
   * @throws {ConnectError} when there is no connection
   */
  async rcpt(recipient: Recipient, signal: () => AbortSignal): Promise<Reply> {
    this.#asking++
    try {
      return await this.#ask(recipient, signal)
    } finally {
      this.#asking--
      this.#usedAt = performance.now()
      // The client left while a connection was being opened for it.
      if (this.#isReleased) this.#drop()
    }
  }

  /**
   * Passes the message on to these recipients: in the open transaction when it is for exactly them, else in a new one. Nothing
   * but {@link release} may be called after.
   *
   * @throws {ConnectError} when there is no connection
   */
  async send(job: Job): Promise<Outcome[]> {
    const open = this.#open
    const asked = open?.transaction.accepted ?? []
    if (open === undefined || !isSame(asked, job.recipients)) {
      this.#drop()
      return await sendTo(this.#pool, this.#target, job)
    }
    this.#open = undefined
    const { connection } = open.pooled
    const about = { remote: this.#target.host, tls: connection.tls, hasDsn: connection.extensions.dsn }
    const made = fit(job, connection)
    const fitted = made instanceof Promise ? await made : made
    if (fitted.refusal !== undefined) {
      open.pooled.release(true)
      const { refusal } = fitted
      return job.recipients.map((recipient) => toOutcome({ recipient, reply: refusal, isUncertain: false }, about))
    }
    const fates = (await complete(this.#pool, open, fitted.job)).filter((fate) => asked.includes(fate.recipient))
    if (open.transaction.chunkUnknown !== undefined) {
      this.#pool.chunks.refuse(this.#target)
      return await sendTo(this.#pool, this.#target, job)
    }
    // Lost while the client took its time, and nothing was taken: no reason to make it come again.
    if (!connection.isOpen && fates.every(isUntouched) && !job.signal.aborted)
      return await sendTo(this.#pool, this.#target, job)
    return job.recipients.map((recipient, i) => toOutcome({ ...(fates[i] as Fate), recipient }, about)) // one fate each, in order
  }

  /** Gives the connection back; the server forgets the transaction. May be called at any time, and more than once. */
  release(): void {
    this.#isReleased = true
    this.#drop()
  }

  async #ask(recipient: Recipient, signal: () => AbortSignal): Promise<Reply> {
    const open =
      this.#current() ??
      (this.#refusal === undefined ? this.#start(await this.#pool.acquire(this.#target, signal())) : undefined)
    const refusal = open === undefined ? this.#refusal : unfitRecipient(recipient, open.pooled.connection)
    if (open === undefined || refusal !== undefined) return refusal ?? NOT_OPEN
    const reply = await open.transaction.rcpt(recipient)
    if (!(open.transaction.wasStale && open.pooled.isReused) || this.#isReleased) return reply
    open.pooled.discard()
    const pooled = await freshConnection(this.#pool, this.#target, { signal: signal(), stale: open.transaction })
    if ('code' in pooled) return pooled
    const fresh = this.#start(pooled)
    return fresh === undefined ? (this.#refusal ?? NOT_OPEN) : await fresh.transaction.rcpt(recipient)
  }

  /** The transaction that is open, or one on a connection that idles. */
  #current(): Begun | undefined {
    const open = this.#open
    if (open?.pooled.connection.isOpen) return open
    open?.pooled.discard()
    this.#open = undefined
    const pooled = this.#refusal === undefined ? this.#pool.take(this.#target) : undefined
    return pooled && this.#start(pooled)
  }

  #start(pooled: PooledConnection): Begun | undefined {
    const { from, parameters } = this.#options
    const load = { from, parameters, size: parameters.size }
    this.#refusal = unfitEnvelope(load, pooled.connection)
    if (this.#refusal !== undefined) {
      pooled.release()
      return undefined
    }
    this.#open = {
      pooled,
      transaction: new ClientTransaction(pooled.connection, {
        ...load,
        timeouts: this.#pool.timeouts,
        mayChunk: this.#pool.chunks.has(this.#target, pooled.connection),
      }),
    }
    return this.#open
  }

  #drop(): void {
    const open = this.#open
    this.#open = undefined
    // An answer that is still to come would be taken for the answer to what follows.
    if (this.#asking > 0) open?.pooled.connection.destroy()
    open?.pooled.release(open.transaction.needsReset)
  }
}

const NOT_OPEN = localReply(451, '4.3.0', 'The transaction could not be opened')

function isSame(a: readonly Recipient[], b: readonly Recipient[]): boolean {
  return (
    a.length > 0 &&
    a.length === b.length &&
    a.every((recipient, i) => String(recipient.address) === String(b[i]?.address))
  )
}

/** The server did not take it for this recipient, for no reason that lies in the message. */
function isUntouched({ reply, isUncertain }: Fate): boolean {
  return reply.code < 500 && reply.code >= 400 && !isUncertain
}
