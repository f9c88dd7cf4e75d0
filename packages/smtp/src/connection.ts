/**
 * One connection, from accept to close: it owns the socket, the replies on their way out, the deadlines and the state of the session. What the
 * commands mean is in `verb/`.
 */
import type { TLSSocket } from 'node:tls'
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js'
import type { Exchange } from './auth/exchange.ts'
import { Deadlines } from './deadline.ts'
import { type Endpoint, localOf, remoteOf } from './endpoint.ts'
import { Input, type InputOwner } from './input.ts'
import type { Settings } from './listener-options.ts'
import { FAILURE, formatPlain, formatReply, reply } from './reply.ts'
import type { Server } from './server.ts'
import type { CloseReason, Maybe, Offer, Reply, Stages, TlsInfo, Wire } from './stages.ts'
import { tlsInfoOf } from './tls.ts'
import type { Transaction } from './transaction.ts'
import { respond } from './verb/auth.ts'
import type { Chunk } from './verb/bdat.ts'
import { content, contentEnd } from './verb/data.ts'
import { dispatch } from './verb/dispatch.ts'
import { greet } from './verb/greet.ts'

const CLOSING = reply(421, '4.3.2', 'Service is shutting down')
const TOO_MANY_ERRORS = reply(421, '4.7.0', 'Too many errors, closing the connection')
const LONG_LINE = reply(500, '5.5.6', 'Line is too long')
/** RFC 2034 §4: replies to these have no enhanced status. */
const HELLO = new Set(['HELO', 'EHLO', 'LHLO'])
/** Errors of the socket that only mean that the client is gone. */
const GONE = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ERR_STREAM_DESTROYED'])

/** A client's connection. The fields are for the verbs; to the stages it is a {@link Wire}. */
export class Connection extends SMTPConnection implements Wire, InputOwner {
  readonly server: Server
  readonly settings: Settings
  /** Address of the host that connected, whatever a proxy says of the client behind it. */
  readonly peer: string
  readonly remote: Endpoint
  readonly local: Endpoint
  tls: TlsInfo | undefined
  /** What the client called itself, and how; undefined before HELO and after STARTTLS. */
  helo: { readonly name: string; readonly isExtended: boolean } | undefined
  /** What was offered last. */
  offer: Offer | undefined
  isAuthenticated = false
  transaction: Transaction | undefined
  /** The chunk of BDAT that is coming in. */
  chunk: Chunk | undefined
  /** AUTH that waits for a line of the client. */
  exchange: Exchange | undefined
  /** MAIL commands so far. */
  transactions = 0
  #stages: Stages | undefined
  #out = ''
  #errors = 0
  #noops = 0
  #isDispatching = true
  /** Blocked by a client that does not read, and not by an answer that is awaited. */
  #isStalled = false
  #isClosed = false
  /** Why the connection is to close, once what is going on has been answered. */
  #ending: CloseReason | undefined
  /** What is said before that. */
  #farewell: Reply | undefined
  /** The server closes: leave after this transaction. */
  #isLeaving = false
  readonly #deadlines: Deadlines

  constructor(server: Server, socket: SMTPConnection['_socket']) {
    super(server, socket, { id: 'c' })
    this.server = server
    this.settings = server.settings
    this.remote = remoteOf(socket)
    this.peer = this.remote.address
    this.local = localOf(socket)
    this.#deadlines = new Deadlines(this.settings.limits, server.clock.now)
  }

  /** @throws {Error} before {@link init} */
  get stages(): Stages {
    if (this.#stages === undefined) throw new Error('Connection has no stages yet')
    return this.#stages
  }

  get listener(): string {
    return this.settings.name
  }

  get stress(): boolean {
    return this.server.stress
  }

  get protocol(): 'smtp' | 'lmtp' {
    return this.settings.protocol
  }

  get input(): Input {
    return this._parser as Input // made by _createParser, and never taken away: _onClose is ours
  }

  override _createParser(): Input {
    // Called by the constructor of SMTPConnection: nothing of this class is there yet but what the server knows.
    return new Input(this, (this._server as Server).settings.limits.authLine) // a Connection is only made by a Server
  }

  override init(): void {
    this._setListeners(() => this.#open())
  }

  #open(): void {
    try {
      const stages = this.server.attach(this)
      this.#stages = stages
      if (this.server.isImplicitTls) this.#secured(stages)
      this.answer(stages.connect(), greet, undefined)
    } catch (error) {
      this.settings.onError(error)
      greet(this, FAILURE)
    }
    this.#goOn()
    this.flush()
  }

  /**
   * Goes on with `next` when there is an answer: now, when it is there already. A rejection is a {@link FAILURE}, as the answer.
   * Meanwhile nothing more is read.
   */
  answer<T, X>(answer: Maybe<T>, next: (connection: Connection, answer: NoInfer<T> | Reply, context: X) => void, context: X): void {
    if (!isPromise(answer)) {
      next(this, answer, context)
      return
    }
    this.input.block()
    answer.then(
      (value) => this.#settle(() => next(this, value, context)),
      (error: unknown) => {
        this.settings.onError(error)
        this.#settle(() => next(this, FAILURE, context))
      },
    )
  }

  #settle(next: () => void): void {
    if (this.#isClosed) return
    this.input.release()
    this.#deadlines.touch(this.server.clock.now)
    this.#isDispatching = true
    try {
      next()
    } catch (error) {
      this.#fail(error)
    }
    this.#goOn()
    this.input.run()
  }

  #fail(error: unknown): void {
    this.settings.onError(error)
    this.say(FAILURE)
  }

  /** One piece of input has been dealt with, or waits for its answer. */
  #goOn(): void {
    this.#isDispatching = false
    if (this.#ending !== undefined && !this.input.isBlocked) this.#leave()
  }

  onLine(line: string, strict: boolean): void {
    this.#deadlines.touch(this.server.clock.now)
    this.#isDispatching = true
    try {
      if (this.exchange !== undefined) respond(this, line)
      else dispatch(this, line, strict)
    } catch (error) {
      this.#fail(error)
    }
    this.#goOn()
  }

  onLongLine(): void {
    this.exchange = undefined
    this.refuse('', LONG_LINE)
    this.#goOn()
  }

  onContent(octets: Buffer): void {
    this.#deadlines.touch(this.server.clock.now)
    content(this, octets)
    this.#goOn()
  }

  onContentEnd(): void {
    this.#isDispatching = true
    contentEnd(this)
    this.#goOn()
  }

  onPause(): void {
    this.flush()
    // A client may send on before it reads our replies, RFC 2920 §3.1; one that never reads them is not read from either.
    if (this.#isClosed || this.input.isBlocked || !this._socket.writableNeedDrain) return
    this.#isStalled = true
    this.input.block()
    this._socket.once('drain', () => {
      this.#isStalled = false
      this.input.release()
      this.input.run()
    })
  }

  onEnd(): void {
    this.hangUp('client')
  }

  /** Adds a reply to what goes out next. A 421 closes the connection, RFC 5321 §3.8. */
  say(answer: Reply, format = formatReply): void {
    this.#out += format(answer)
    if (answer.disconnect || answer.code === 421) this.end('refused')
  }

  /** Adds what {@link formatReply} or {@link formatPlain} made before. */
  put(text: string): void {
    this.#out += text
  }

  /** The wire itself refuses a command; too many of these end the connection. */
  refuse(command: string, answer: Reply): void {
    this.countError(answer, HELLO.has(command) ? formatPlain : formatReply)
    this.stages.refused(command, answer)
  }

  /** Says a reply that counts as an error of the client. */
  countError(answer: Reply, format = formatReply): void {
    this.say(++this.#errors < this.settings.limits.errors ? answer : TOO_MANY_ERRORS, format)
  }

  /** A command that does nothing for a message; too many of them are refused. */
  countNoop(): boolean {
    if (++this.#noops <= this.settings.limits.noops) return true
    this.refuse('', TOO_MANY_ERRORS)
    return false
  }

  /** Sends what there is to send, in one write. */
  flush(): void {
    if (this.#out === '' || this._upgrading) return
    const text = this.#out
    this.#out = ''
    if (!this._socket.destroyed && this._socket.writable) this._socket.write(text, 'latin1')
  }

  /** The octets of a message are to come: their rate is watched from now on. */
  watchBody(): void {
    this.#deadlines.startBody(this.server.clock.now)
  }

  /** The transaction is over, and what comes next is a new one. `isAccepted`: by a message that was taken. */
  endTransaction(isAccepted: boolean): void {
    this.transaction = undefined
    if (isAccepted) this.#noops = 0
    if (this.#isLeaving) this.#endWith('server', CLOSING)
  }

  /** The client is not what it said before, RFC 3207 §4.2 and RFC 5321 §4.1.4. */
  forget(): void {
    this.abandon()
    this.helo = this.offer = this.exchange = undefined
    this.isAuthenticated = false
  }

  /** Ends a transaction that came to no message. */
  abandon(): void {
    if (this.transaction === undefined) return
    this.transaction.abort()
    this.endTransaction(false)
    this.stages.reset()
  }

  disconnect(answer: Reply): void {
    this.#farewellNow('refused', answer)
  }

  /** The server closes: idle clients are told now, others after their transaction. */
  leave(): void {
    this.#isLeaving = true
    if (this._upgrading) this.abort('server')
    if (this.transaction === undefined) this.#farewellNow('server', CLOSING)
  }

  #farewellNow(reason: CloseReason, farewell: Reply): void {
    this.#endWith(reason, farewell)
    if (!this.#isDispatching && (!this.input.isBlocked || this.#isStalled)) this.#leave()
  }

  #endWith(reason: CloseReason, farewell: Reply): void {
    this.end(reason)
    this.#farewell ??= farewell
  }

  #leave(): void {
    if (this.#isClosed) return
    if (this.#farewell !== undefined) this.#out += formatReply(this.#farewell)
    this.hangUp(this.#ending ?? 'refused')
  }

  /** Closes once what is going on has been answered. */
  end(reason: CloseReason): void {
    this.#ending ??= reason
  }

  /** Says what is still to be said and closes; the client has some seconds to read it. */
  hangUp(reason: CloseReason): void {
    if (this.#isClosed) return
    this.flush()
    this.#gone(reason)
    this.close()
  }

  /** Closes without a word. */
  abort(reason: CloseReason): void {
    this.#gone(reason)
    this._socket.destroy()
  }

  #gone(reason: CloseReason): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.input.retire()
    this.server.connections.delete(this)
    try {
      this.transaction?.abort()
      this.transaction = undefined
      this.#stages?.close(reason)
    } catch (error) {
      this.settings.onError(error)
    }
  }

  /** Looks at the deadlines; called by the server every now and then. */
  tick(now: number): void {
    if (this.#isClosed) return
    if (this._upgrading) {
      if (this.#deadlines.isIdle(now)) this.abort('timeout')
      return
    }
    if (this.input.isBlocked && !this.#isStalled) {
      this.#deadlines.hold(now)
      return
    }
    const farewell = this.#deadlines.expired(now, this.transaction?.body && this.transaction.size)
    if (farewell === undefined) return
    this.say(farewell)
    this.hangUp('timeout')
  }

  /** STARTTLS: from here on only what comes through TLS counts, RFC 3207 §4.2. */
  startTls(): void {
    this.flush()
    // What the client sent behind STARTTLS came in the clear: it is thrown away, and nothing of it is ever answered. CVE-2011-0411
    this.input.retire()
    this.upgrade(
      () => {},
      () => {
        if (this.#isClosed) return
        this.#deadlines.touch(this.server.clock.now)
        this.forget()
        this.#secured(this.stages)
      },
    )
  }

  #secured(stages: Stages): void {
    this.tls = tlsInfoOf(this._socket as TLSSocket) // only called when the handshake is done
    stages.secured(this.tls)
  }

  override _armTimeout(): void {
    // Deadlines are looked after by `tick`, for all connections with one timer.
  }

  override _resetSession(): void {
    // The session of smtp-server is not used: `forget` does what this is for.
  }

  override _onError(error: Error & { code?: string }): void {
    if (!GONE.has(error.code ?? '')) this.settings.onError(error)
    this.abort(GONE.has(error.code ?? '') ? 'client' : 'error')
  }

  override _onClose(): void {
    clearTimeout(this._closeTimer)
    this.#gone('client')
    this.server.release(this)
  }

  override _onCloseEvent(): void {
    this._onClose()
  }
}

function isPromise<T>(value: Maybe<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value
}
