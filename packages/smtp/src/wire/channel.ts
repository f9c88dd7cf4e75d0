/**
 * The half of a connection that has to do with the socket: replies on their way out, answers that are awaited, deadlines, and the many ways to
 * close. What is said is the business of `session/` and `verb/`.
 */

import { giveUpAtEnd, HandshakeError, plainAddress, type Slot } from '@postroad/listener'
import type { CloseReason } from '@postroad/mail'
import type { SMTPServer } from 'smtp-server'
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js'
import type { Limits } from '../config/limits.ts'
import type { Settings } from '../config/settings.ts'
import type { Maybe, WireReply } from '../stages.ts'
import type { Linked } from './chain.ts'
import type { TickingClock } from './clock.ts'
import { Deadlines } from './deadline.ts'
import { Input, type InputOwner } from './input.ts'
import type { Origin } from './origin.ts'
import { FAILURE, formatReply } from './reply.ts'
import { wireTap } from './tap.ts'

/** Errors of the socket that only mean that the client is gone. */
const GONE = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ERR_STREAM_DESTROYED'])

/** RFC 5321 §4.5.3.2.6: no client that closed its side waits longer than this for a reply. */
const REPLY_TIMEOUT_MS = 600_000

/** What a channel asks of the server that it belongs to. */
export interface ChannelServer extends SMTPServer {
  /** Of connections from now on; a channel keeps those that it was made with. */
  readonly settings: Settings
  /** What holds now: under stress less than the settings say. */
  readonly limits: Limits
  readonly clock: TickingClock
  /** The socket of the channel is closed. */
  release(channel: Channel): void
}

/** A socket with replies going out and pieces of input coming in. */
export abstract class Channel extends SMTPConnection implements InputOwner, Linked<Channel> {
  readonly server: ChannelServer
  readonly settings: Settings
  /** Address of the host that connected, to the proxy if there is one, and unknown if that does not say; XCLIENT does not change it. */
  readonly peer: string
  readonly slot: Slot
  previous: Channel | undefined
  next: Channel | undefined
  #out = ''
  #isDispatching = true
  /** Blocked by a client that does not read, and not by an answer that is awaited. */
  #isStalled = false
  #isClosed = false
  /** Why the connection is to close, once what is going on has been answered. */
  #ending: CloseReason | undefined
  /** What is said before that. */
  #farewell: WireReply | undefined
  #pause: NodeJS.Timeout | undefined
  /** When the client was seen to have closed its side, while an answer is awaited. */
  #endedAt: number | undefined
  readonly #deadlines: Deadlines

  constructor(server: ChannelServer, socket: SMTPConnection['_socket'], { id, slot, header }: Origin) {
    super(server, socket, { id })
    this.slot = slot
    this.server = server
    this.settings = server.settings
    this.peer = header?.remote.address ?? plainAddress(socket.remoteAddress)
    this.#deadlines = new Deadlines(server.clock.now)
  }

  abstract onLine(line: string, strict: boolean): void
  abstract onLongLine(): void
  abstract onContent(octets: Buffer): void
  abstract onContentEnd(): void
  abstract readonly owesReply: boolean
  /** The server closes. */
  abstract leave(): void
  /** The connection is over; called once. */
  protected abstract onGone(reason: CloseReason): void
  /** Publishes what was said, to those who watch. */
  protected abstract tell(kind: 'out', text: string): void
  /** Octets of the message that is coming in, if one is. */
  protected abstract readonly contentSize: number | undefined

  get input(): Input {
    return this._parser as Input // made by _createParser, and never taken away: _onClose is ours
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Whether the connection is to close once what is going on has been answered. */
  get isEnding(): boolean {
    return this.#ending !== undefined
  }

  override _createParser(): Input {
    // Called by the constructor of SMTPConnection: nothing of this class is there yet but what the server knows.
    return new Input(this, (this._server as ChannelServer).settings.limits.authLine) // a Channel is only made by one of these
  }

  /**
   * Goes on with `next` when there is an answer: now, when it is there already. A rejection is a {@link FAILURE}, as the answer.
   * Meanwhile nothing more is read.
   */
  answer<T, X>(
    answer: Maybe<T>,
    next: (connection: this, answer: NoInfer<T> | WireReply, context: X) => void,
    context: X,
  ): void {
    if (!isPromise(answer)) {
      next(this, answer, context)
      return
    }
    this.input.block()
    answer.then(
      (value) => this.#goOn(() => next(this, value, context)),
      (error: unknown) => {
        this.settings.onError(error)
        this.#goOn(() => next(this, FAILURE, context))
      },
    )
  }

  /** Goes on with `next` after some time, at once for 0. Meanwhile nothing more is read. */
  later(delayMs: number, next: () => void): void {
    if (delayMs <= 0) {
      next()
      return
    }
    this.input.block()
    this.#pause = setTimeout(() => this.#goOn(next), delayMs)
  }

  #goOn(next: () => void): void {
    if (this.#isClosed) return
    this.input.release()
    this.beginStep()
    try {
      next()
    } catch (error) {
      this.failStep(error)
    }
    this.endStep()
    if (this.input.isBlocked) this.flush()
    else this.input.run()
  }

  /** A piece of input is looked at. */
  protected beginStep(): void {
    this.#deadlines.touch(this.server.clock.now)
    this.#isDispatching = true
  }

  /** Something was thrown on the way: nothing has passed. */
  protected failStep(error: unknown): void {
    this.settings.onError(error)
    this.say(FAILURE)
  }

  /** The piece has been dealt with, or waits for its answer. */
  protected endStep(): void {
    this.#isDispatching = false
    if (this.#ending !== undefined && !this.input.isBlocked) this.#leave()
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

  onFailure(error: unknown): void {
    this.settings.onError(error)
    this.abort('error')
  }

  /** Adds a reply to what goes out next. A 421 closes the connection, RFC 5321 §3.8. */
  say(answer: WireReply, format = formatReply): void {
    this.#out += format(answer)
    if (answer.disconnect || answer.code === 421) this.end('refused')
  }

  /** Adds what {@link formatReply} or `formatPlain` made before. */
  put(text: string): void {
    this.#out += text
  }

  /** Sends what there is to send, in one write. */
  flush(): void {
    if (this.#out === '' || this._upgrading) return
    const text = this.#out
    this.#out = ''
    if (wireTap.hasSubscribers) this.tell('out', text)
    if (!this._socket.destroyed && this._socket.writable) this._socket.write(text, 'latin1')
  }

  /** The octets of a message are to come: their rate is watched from now on. */
  watchContent(): void {
    this.#deadlines.startContent(this.server.clock.now)
  }

  /** Closes once what is going on has been answered, with these last words. */
  end(reason: CloseReason, farewell?: WireReply): void {
    this.#ending ??= reason
    this.#farewell ??= farewell
  }

  /** {@link end}, at once when nothing is going on. */
  endSoon(reason: CloseReason, farewell: WireReply): void {
    this.end(reason, farewell)
    if (!this.#isDispatching && (!this.input.isBlocked || this.#isStalled)) this.#leave()
  }

  #leave(): void {
    if (this.#isClosed) return
    if (this.#farewell !== undefined) this.#out += formatReply(this.#farewell)
    this.hangUp(this.#ending ?? 'refused')
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
    clearTimeout(this.#pause)
    this.input.retire()
    this.onGone(reason)
  }

  /** Looks at the deadlines; called by the server every now and then. */
  tick(now: number): void {
    if (this.#isClosed) return
    if (this._upgrading) {
      if (this.#deadlines.isHandshakeOver(now, this.server.limits)) this.abort('timeout')
      return
    }
    if (this.input.isBlocked && !this.#isStalled) {
      this.#deadlines.hold(now)
      if (this.input.hasEnded && now - (this.#endedAt ??= now) > REPLY_TIMEOUT_MS) this.abort('client')
      return
    }
    const farewell = this.#deadlines.expired(now, this.server.limits, this.contentSize)
    if (farewell === undefined) return
    this.say(farewell)
    this.hangUp('timeout')
  }

  /** STARTTLS: from here on only what comes through TLS counts, RFC 3207 §4.2. */
  upgradeToTls(done: () => void): void {
    this.flush()
    if (this.input.hasEnded) {
      this.hangUp('client')
      return
    }
    // What the client sent behind STARTTLS came in the clear: it is thrown away, and nothing of it is ever answered. CVE-2011-0411
    this.input.retire()
    const secured = (): void => {
      if (this.#isClosed) return
      this.#deadlines.touch(this.server.clock.now)
      done()
    }
    this.upgrade(() => {}, secured)
  }

  /** Deadlines are looked after by `tick`, for all connections with one timer. Called for the socket of STARTTLS before its handshake. */
  override _armTimeout(socket: SMTPConnection['_socket'] = this._socket): void {
    if (!this._upgrading) return
    giveUpAtEnd(socket, this._socket)
  }

  override _resetSession(): void {
    // The session of smtp-server is not used.
  }

  override _onError(error: Error & { code?: string }): void {
    const isGone = GONE.has(error.code ?? '')
    if (!isGone) this.settings.onError(this._upgrading ? new HandshakeError(error, this.peer) : error)
    this.abort(isGone ? 'client' : 'error')
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
