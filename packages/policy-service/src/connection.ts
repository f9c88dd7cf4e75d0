/** One connection of a mail server: question, answer, question; no second question before the answer. It lives as long as the mail server likes. */
import type { Socket } from 'node:net'
import type { AskedConnection } from '@postroad/listener'
import type { CloseReason } from '@postroad/mail'
import { formatAction } from './codec/action.ts'
import { BlockReader, PolicyProtocolError } from './codec/attributes.ts'
import { readRequest } from './codec/request.ts'
import { Inquiry, type InquiryContext } from './inquiry.ts'
import type { PolicyLimits } from './options.ts'

/** What a connection needs of its listener. */
export interface ConnectionContext extends InquiryContext {
  readonly limits: PolicyLimits
  /** Milliseconds of a clock that only goes on. */
  now(): number
  report(error: unknown): void
  /** Told of a message that is over, and of what goes on after that; it never rejects. */
  leave(inquiry: Inquiry, leaving: Promise<void>): void
}

/** Serves one socket. */
export class PolicyConnection implements AskedConnection {
  readonly #socket: Socket
  /** A reload changes it. */
  readonly #current: () => ConnectionContext
  readonly #reader = new BlockReader()
  #inquiry: Inquiry | undefined
  /** When the last octet came, or the last answer went. */
  #since: number
  #isAsked = false
  #isEnding = false
  #isEnded = false

  constructor(socket: Socket, current: () => ConnectionContext) {
    this.#socket = socket
    this.#current = current
    this.#since = current().now()
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    // A question whose asker hears on is answered all the same.
    socket.on('end', () => {
      this.#isEnding = true
      if (!this.#isAsked) socket.end()
    })
    // What the system says of a lost connection; `close` follows.
    socket.on('error', () => undefined)
    socket.on('close', () => this.#over(this.#isEnded ? 'server' : 'client'))
  }

  /** Whether somebody waits for an answer. */
  get isAsked(): boolean {
    return this.#isAsked
  }

  /** Ends what has lasted too long. */
  look(now: number): void {
    const { limits } = this.#current()
    const waited = now - this.#since
    if (this.#isAsked) return
    if (this.#reader.isAmid) {
      if (waited >= limits.requestTimeoutMs)
        this.#fail(new PolicyProtocolError(`a question did not come to its end within ${limits.requestTimeoutMs} ms`))
      return
    }
    if (this.#inquiry && now - this.#inquiry.askedAt >= limits.instanceTimeoutMs) this.#leave('timeout')
    if (waited >= limits.idleTimeoutMs) this.close()
  }

  /** Closes as soon as nobody waits for an answer. */
  close(): void {
    this.#isEnding = true
    if (this.#isAsked) return
    this.#isEnded = true
    this.#socket.end()
    // Whoever does not close its side has been told.
    this.#socket.destroySoon()
  }

  /** Closes now. */
  destroy(): void {
    this.#isEnded = true
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    if (this.#isEnded) return
    if (!this.#reader.isAmid) this.#since = this.#current().now()
    try {
      if (this.#isAsked) throw new PolicyProtocolError('a second question came before the answer to the first')
      const block = this.#reader.read(chunk)
      if (!block) return
      if (block.used < chunk.length && chunk.subarray(block.used).some((octet) => octet !== 0x0a && octet !== 0x0d))
        throw new PolicyProtocolError('a second question came before the answer to the first')
      this.#isAsked = true
      const request = readRequest(block.attributes)
      void this.#answer(request)
    } catch (error) {
      this.#fail(error)
    }
  }

  async #answer(request: ReturnType<typeof readRequest>): Promise<void> {
    const inquiry = this.#inquiryOf(request)
    const action = await inquiry.ask(request)
    const now = this.#current().now()
    inquiry.askedAt = now
    this.#since = now
    this.#isAsked = false
    if (this.#isEnded || this.#socket.destroyed) return
    this.#socket.write(formatAction(action))
    if (this.#isEnding) this.close()
  }

  /** Another instance says that the message before is over. */
  #inquiryOf(request: ReturnType<typeof readRequest>): Inquiry {
    if (this.#inquiry?.isOf(request)) return this.#inquiry
    this.#leave('client')
    this.#inquiry = new Inquiry(request, this.#current())
    return this.#inquiry
  }

  #leave(reason: CloseReason): void {
    const inquiry = this.#inquiry
    this.#inquiry = undefined
    if (inquiry) this.#current().leave(inquiry, inquiry.end(reason))
  }

  /** SMTPD_POLICY_README: in trouble no answer, a line in the log, and the end of the connection. */
  #fail(error: unknown): void {
    this.#current().report(error)
    this.destroy()
  }

  #over(reason: CloseReason): void {
    this.#isEnded = true
    this.#leave(reason)
  }
}
