/** One session with a client: its state, and the way from its lines to the verbs. What the commands mean is in `verb/`. */
import type { TLSSocket } from 'node:tls'
import type { CloseReason, TlsInfo } from '@postroad/mail'
import type { Origin, Server } from '../listener/server.ts'
import type { Offer, Stages, Wire, WireReply } from '../stages.ts'
import { channelBindingOf, tlsInfoOf } from '../tls/tls.ts'
import { respond } from '../verb/auth.ts'
import { type Chunk, chunkEnd } from '../verb/bdat.ts'
import { dispatch } from '../verb/dispatch.ts'
import { greet } from '../verb/greet.ts'
import { content, messageEnd } from '../verb/message.ts'
import { Channel } from '../wire/channel.ts'
import { type Endpoint, localOf, remoteOf } from '../wire/endpoint.ts'
import { FAILURE, formatPlain, formatReply, reply } from '../wire/reply.ts'
import type { Transaction } from './transaction.ts'

const CLOSING = reply(421, '4.3.2', 'Service is shutting down')
const TOO_MANY_ERRORS = reply(421, '4.7.0', 'Too many errors, closing the connection')
const TOO_MANY_REFUSED = reply(421, '4.7.0', 'Too many refused recipients, closing the connection')
/**
 * XCLIENT and XFORWARD before a MAIL that are not counted. What XFORWARD cannot say in one line it says in several, which add up. XCLIENT
 * has one line, though XCLIENT_README knows of more: who was named is heard next, and whatever follows may be what the client itself says.
 */
const SPEECHES = 10
const LONG_LINE = reply(500, '5.5.6', 'Line is too long')
/** RFC 2034 §4: replies to these have no enhanced status. */
const HELLO = new Set(['HELO', 'EHLO', 'LHLO'])

/** Who speaks from now on, as a host in front of us has it. */
export interface Introduction {
  readonly remote: Endpoint
  readonly local: Endpoint
  /** Who the client has proved to be there, if that is to be believed. */
  readonly login: string | undefined
}

/** A client's connection. The fields are for the verbs; to the stages it is a {@link Wire}. */
export class Connection extends Channel implements Wire {
  remote: Endpoint
  local: Endpoint
  /** Our end, whatever XCLIENT says of it. */
  readonly here: Endpoint
  /** XCLIENT has been said: whoever speaks is not who connected, and what TLS knows is not of them. */
  isForwarded = false
  /** There is no client: the proxy wants to see that we are there. */
  readonly isProbe: boolean
  tls: TlsInfo | undefined
  /** What the client called itself, and how; undefined before HELO and after STARTTLS. */
  helo: { readonly name: string; readonly isExtended: boolean } | undefined
  /** What was offered last. */
  offer: Offer | undefined
  isAuthenticated = false
  /** See {@link InputOwner}: not for the banner, for part of a message, or for AUTH, which whoever is gone has no use for. */
  owesReply = false
  transaction: Transaction | undefined
  /** The chunk of BDAT that is coming in. */
  chunk: Chunk | undefined
  /** Takes the next line, which is no command but the response to a challenge of AUTH; a reply: why there is none. */
  onResponse: ((response: Buffer | WireReply) => void) | undefined
  /** What XFORWARD said of the client of this transaction; keys in lower case. */
  forwarded: Readonly<Record<string, string>> | undefined
  /** MAIL commands so far. */
  transactions = 0
  /** Refused HELO, EHLO and LHLO. */
  refusedHellos = 0
  /** XCLIENT and XFORWARD since the last MAIL. */
  sinceMail = 0
  #stages: Stages | undefined
  #errors = 0
  #noops = 0
  #refusedRecipients = 0
  /** The server closes: leave after this transaction. */
  #isLeaving = false

  constructor(server: Server, socket: Channel['_socket'], origin: Origin) {
    super(server, socket, origin)
    this.remote = origin.header?.remote ?? remoteOf(socket)
    this.isProbe = origin.header?.isProbe ?? false
    this.here = this.local = origin.header?.local ?? localOf(socket)
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

  /** Ties AUTH to this TLS connection; undefined without one, before TLS 1.3, or when it is not that of the client. */
  get channelBinding(): Buffer | undefined {
    if (this.isForwarded) return undefined
    return this.tls && channelBindingOf(this._socket as TLSSocket) // `tls` is only set when the handshake is done
  }

  protected get bodySize(): number | undefined {
    return this.transaction?.body && this.transaction.size
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
    this.endStep()
    this.flush()
  }

  onLine(line: string, strict: boolean): void {
    this.beginStep()
    this.owesReply = true
    try {
      if (this.onResponse !== undefined) respond(this, line)
      else dispatch(this, line, strict)
    } catch (error) {
      this.failStep(error)
    }
    this.endStep()
  }

  onLongLine(): void {
    const { onResponse } = this
    this.onResponse = undefined
    if (onResponse !== undefined) onResponse(LONG_LINE)
    else this.refuse('', LONG_LINE)
    this.endStep()
  }

  onContent(octets: Buffer): void {
    this.beginStep()
    this.owesReply = false
    content(this, octets)
    this.endStep()
  }

  onContentEnd(): void {
    this.beginStep()
    this.owesReply = true
    if (this.chunk !== undefined) chunkEnd(this, this.chunk)
    else messageEnd(this)
    this.endStep()
  }

  /** The wire itself refuses a command; too many of these end the connection. */
  refuse(command: string, answer: WireReply, format = HELLO.has(command) ? formatPlain : formatReply): void {
    this.countError(answer, format)
    this.stages.refused(command, answer)
  }

  /** Says a reply that counts as an error of the client. One that makes many of them has to wait for the replies. */
  countError(answer: WireReply, format = formatReply): void {
    const { errors, errorDelayMs } = this.server.limits
    const isLast = ++this.#errors >= errors
    this.later(this.#errors > errors / 3 ? errorDelayMs : 0, () => this.say(isLast ? TOO_MANY_ERRORS : answer, format))
  }

  /**
   * Says that a recipient is refused, or MAIL; too many without a message that is taken end the connection. Recipients refused for now do not
   * count: a mailing list that is greylisted is refused hundreds of them at a time.
   */
  countRefused(answer: WireReply, counts = answer.code >= 500): void {
    const isLast = counts && ++this.#refusedRecipients >= this.server.limits.refusedRecipients
    this.say(isLast ? TOO_MANY_REFUSED : answer)
  }

  /** Says no to what could not succeed any more in this transaction: an error, but for the first `free` times. */
  countFutile(answer: WireReply, free: number): void {
    if (this.transaction !== undefined && ++this.transaction.futile <= free) this.say(answer)
    else this.countError(answer)
  }

  /** XCLIENT and XFORWARD: some for each MAIL are as it should be, more of them do nothing. */
  countSpeech(): boolean {
    return ++this.sinceMail <= SPEECHES || this.countNoop()
  }

  /** A command that does nothing for a message; too many of them are refused. */
  countNoop(): boolean {
    if (++this.#noops <= this.settings.limits.noops) return true
    this.refuse('', TOO_MANY_ERRORS)
    return false
  }

  /** The transaction is over, and what comes next is a new one. `isAccepted`: by a message that was taken. */
  endTransaction(isAccepted: boolean): void {
    this.transaction = this.forwarded = undefined
    if (isAccepted) this.#noops = this.#refusedRecipients = 0
    if (this.#isLeaving) this.end('server', CLOSING)
  }

  /** Ends a transaction that came to no message. */
  abandon(): void {
    if (this.transaction === undefined) return
    this.transaction.abort()
    this.endTransaction(false)
    this.stages.reset()
  }

  disconnect(answer: WireReply): void {
    this.endSoon('refused', answer)
  }

  /** The server closes: idle clients are told now, others after their transaction. */
  leave(): void {
    this.#isLeaving = true
    if (this._upgrading) this.abort('server')
    else if (this.transaction === undefined) this.endSoon('server', CLOSING)
  }

  /** STARTTLS. The client is not what it said before, RFC 3207 §4.2. */
  startTls(): void {
    this.upgradeToTls(() => {
      this.abandon()
      this.helo = this.offer = this.onResponse = undefined
      this.isAuthenticated = false
      this.#secured(this.stages)
    })
  }

  /** XCLIENT: a session with another client begins on this connection, and nothing that is known of the one before holds for it. */
  restart({ remote, local, login }: Introduction): void {
    this.stages.close('quit')
    this.#stages = undefined
    this.remote = remote
    this.local = local
    this.helo = this.offer = this.onResponse = this.forwarded = undefined
    this.isAuthenticated = this.owesReply = false
    this.#errors = this.#refusedRecipients = this.refusedHellos = 0
    this.isForwarded = true
    this.tls = this.tls && withoutClient(this.tls)
    const stages = this.server.attach(this)
    this.#stages = stages
    if (this.tls !== undefined) stages.secured(this.tls)
    if (login !== undefined) stages.authenticated(login)
    this.isAuthenticated = login !== undefined
    this.answer(stages.connect(), greet, undefined)
  }

  #secured(stages: Stages): void {
    const tls = tlsInfoOf(this._socket as TLSSocket) // only called when the handshake is done
    this.tls = this.isForwarded ? withoutClient(tls) : tls
    stages.secured(this.tls)
  }

  protected onGone(reason: CloseReason): void {
    const { transaction } = this
    this.transaction = undefined
    for (const step of [() => transaction?.abort(), () => this.onResponse?.(CLOSING), () => this.#stages?.close(reason)])
      try {
        step()
      } catch (error) {
        this.settings.onError(error)
      }
  }
}

/** The certificate is that of the host in front of us, and the name it asked for its own affair. */
function withoutClient({ client: _client, servername: _servername, ...tls }: TlsInfo): TlsInfo {
  return tls
}
