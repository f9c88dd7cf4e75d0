/** One session with a client: its state, and the way from its lines to the verbs. What the commands mean is in `verb/`. */

import type { TLSSocket } from 'node:tls'
import { channelBindingOf, localOf, remoteOf, tlsInfoOf } from '@postroad/listener'
import type { CloseReason, Endpoint, MailParameters, TlsInfo } from '@postroad/mail'
import type { Offer, Stages, Wire, WireReply } from '../stages.ts'
import { Channel, type ChannelServer } from '../wire/channel.ts'
import type { Origin } from '../wire/origin.ts'
import { FAILURE, formatPlain, formatReply, reply } from '../wire/reply.ts'
import { type WireSeen, wireTap } from '../wire/tap.ts'
import type { Chunk, Conversation, Introduction, Responder, Verbs } from './conversation.ts'
import { WireTransaction } from './transaction.ts'

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

/** What a session asks of the server that it is on. */
export interface SessionServer extends ChannelServer {
  /** The server is near its limits. */
  readonly stress: boolean
  readonly isImplicitTls: boolean
  /** Whether STARTTLS can be honoured. */
  readonly hasCertificate: boolean
  /** Makes the stages of a session. */
  attach(wire: Wire): Stages
  /** XCLIENT: counts the connection for the client that is named; false when that has too many. */
  admit(channel: Channel, address: string): boolean
  tooMany(): string
}

/** A client's connection. To its verbs it is a {@link Conversation}, to the stages a {@link Wire}: only what is written here changes its state. */
export class Connection extends Channel implements Conversation {
  declare readonly server: SessionServer
  remote: Endpoint
  local: Endpoint
  readonly here: Endpoint
  isForwarded = false
  readonly isProbe: boolean
  tls: TlsInfo | undefined
  isIntroduced = false
  isAuthenticated = false
  /** Not for the banner, for part of a message, or for AUTH, which whoever is gone has no use for. */
  owesReply = false
  transaction: WireTransaction | undefined
  chunk: Chunk | undefined
  forwarded: Readonly<Record<string, string>> | undefined
  transactions = 0
  readonly #verbs: Verbs
  #stages: Stages | undefined
  /** What was offered last. */
  #offer: Offer | undefined
  #responder: Responder | undefined
  /** Refused HELO, EHLO and LHLO. */
  #refusedHellos = 0
  /** XCLIENT and XFORWARD since the last MAIL. */
  #sinceMail = 0
  #errors = 0
  #noops = 0
  #refusedRecipients = 0
  /** The server closes: leave after this transaction. */
  #isLeaving = false

  constructor(
    server: SessionServer,
    socket: Channel['_socket'],
    { origin, verbs }: { readonly origin: Origin; readonly verbs: Verbs },
  ) {
    super(server, socket, origin)
    this.#verbs = verbs
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

  get hasCertificate(): boolean {
    return this.server.hasCertificate
  }

  get offer(): Offer {
    return this.#offer ?? this.stages.offer()
  }

  get channelBinding(): Buffer | undefined {
    if (this.isForwarded) return undefined
    return this.tls && channelBindingOf(this._socket as TLSSocket) // `tls` is only set when the handshake is done
  }

  protected get contentSize(): number | undefined {
    return this.transaction?.content && this.transaction.size
  }

  override init(): void {
    this._setListeners(() => this.#open())
  }

  #open(): void {
    try {
      const stages = this.server.attach(this)
      this.#stages = stages
      if (wireTap.hasSubscribers) this.tell('open', '')
      if (this.server.isImplicitTls) this.#secured(stages)
      this.answer(stages.connect(), this.#verbs.greet, undefined)
    } catch (error) {
      this.settings.onError(error)
      this.#verbs.greet(this, FAILURE)
    }
    this.endStep()
    this.flush()
  }

  onLine(line: string, strict: boolean): void {
    if (wireTap.hasSubscribers) this.tell('in', `${line}\r\n`, this.#responder !== undefined)
    this.beginStep()
    this.owesReply = true
    try {
      if (this.#responder !== undefined) this.#verbs.respond(this, line)
      else this.#verbs.dispatch(this, line, strict)
    } catch (error) {
      this.failStep(error)
    }
    this.endStep()
  }

  onLongLine(): void {
    const responder = this.takeResponder()
    if (responder !== undefined) responder(LONG_LINE)
    else this.refuse('', LONG_LINE)
    this.endStep()
  }

  onContent(octets: Buffer): void {
    if (wireTap.hasSubscribers) this.tell('content', '', false, octets)
    this.beginStep()
    this.owesReply = false
    this.#verbs.content(this, octets)
    this.endStep()
  }

  onContentEnd(): void {
    this.beginStep()
    this.owesReply = true
    const { chunk } = this
    this.chunk = undefined
    if (chunk !== undefined) this.#verbs.chunkEnd(this, chunk)
    else this.#verbs.messageEnd(this)
    this.endStep()
  }

  refuse(command: string, answer: WireReply, format = HELLO.has(command) ? formatPlain : formatReply): void {
    this.countError(answer, format)
    this.stages.refused(command, answer)
  }

  countError(answer: WireReply, format = formatReply): void {
    const { errors, errorDelayMs } = this.server.limits
    const isLast = ++this.#errors >= errors
    this.later(this.#errors > errors / 3 ? errorDelayMs : 0, () => this.say(isLast ? TOO_MANY_ERRORS : answer, format))
  }

  /** Recipients refused for now do not count: a mailing list that is greylisted is refused hundreds of them at a time. */
  countRefused(answer: WireReply, counts = answer.code >= 500): void {
    const isLast = counts && ++this.#refusedRecipients >= this.server.limits.refusedRecipients
    this.say(isLast ? TOO_MANY_REFUSED : answer)
  }

  countFutile(answer: WireReply, free: number): void {
    if (this.transaction !== undefined && this.transaction.countFutile() <= free) this.say(answer)
    else this.countError(answer)
  }

  countSpeech(): boolean {
    return ++this.#sinceMail <= SPEECHES || this.countNoop()
  }

  countHello(): boolean {
    // EHLO, and HELO after it: whoever says it yet again makes no progress.
    return !(this.isIntroduced || this.#refusedHellos > 1) || this.countNoop()
  }

  countMail(): void {
    this.transactions++
    this.#sinceMail = 0
  }

  countNoop(): boolean {
    if (++this.#noops <= this.settings.limits.noops) return true
    this.refuse('', TOO_MANY_ERRORS)
    return false
  }

  introduce(): Offer {
    this.isIntroduced = true
    this.#offer = this.stages.offer()
    return this.#offer
  }

  refuseHello(answer: WireReply): void {
    this.#refusedHellos++
    this.say(answer, formatPlain)
  }

  authenticate(): void {
    this.isAuthenticated = true
  }

  awaitResponse(responder: Responder): void {
    this.#responder = responder
  }

  takeResponder(): Responder | undefined {
    const responder = this.#responder
    this.#responder = undefined
    return responder
  }

  forgoReply(): void {
    this.owesReply = false
  }

  forward(attributes: Readonly<Record<string, string>>): void {
    this.forwarded = attributes
  }

  beginTransaction(parameters: MailParameters): void {
    this.transaction = new WireTransaction(parameters)
  }

  beginChunk(chunk: Chunk): void {
    this.chunk = chunk
    this.input.startChunk(chunk.size)
  }

  endTransaction(isAccepted: boolean): void {
    this.transaction = this.forwarded = undefined
    if (isAccepted) this.#noops = this.#refusedRecipients = 0
    if (this.#isLeaving) this.end('server', CLOSING)
  }

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

  startTls(): void {
    this.upgradeToTls(() => {
      this.abandon()
      this.#forget()
      this.#secured(this.stages)
    })
  }

  admit(address: string): boolean {
    return this.server.admit(this, address)
  }

  tooMany(): string {
    return this.server.tooMany()
  }

  restart({ remote, local, login }: Introduction): void {
    this.stages.close('quit')
    this.#stages = undefined
    this.remote = remote
    this.local = local
    this.forwarded = undefined
    this.#forget()
    this.owesReply = false
    this.#errors = this.#refusedRecipients = this.#refusedHellos = 0
    this.isForwarded = true
    this.tls = this.tls && withoutClient(this.tls)
    const stages = this.server.attach(this)
    this.#stages = stages
    if (this.tls !== undefined) stages.secured(this.tls)
    if (login !== undefined) stages.authenticated(login)
    this.isAuthenticated = login !== undefined
    this.answer(stages.connect(), this.#verbs.greet, undefined)
  }

  /** The client is not what it said before, RFC 3207 §4.2. */
  #forget(): void {
    this.isIntroduced = this.isAuthenticated = false
    this.#offer = this.#responder = undefined
  }

  #secured(stages: Stages): void {
    const tls = tlsInfoOf(this._socket as TLSSocket) // only called when the handshake is done
    this.tls = this.isForwarded ? withoutClient(tls) : tls
    if (wireTap.hasSubscribers) this.tell('tls', [tls.version, tls.group, tls.cipher].filter(Boolean).join(' '))
    stages.secured(this.tls)
  }

  /** Only called when somebody watches. */
  protected tell(kind: WireSeen['kind'], text: string, isSecret = false, octets?: Buffer): void {
    const session = this.#stages?.session
    const seen: WireSeen = {
      side: 'server',
      kind,
      of: this,
      session,
      listener: this.settings.name,
      remote: this.remote.address,
      text,
      isSecret,
      ...(octets && { octets }),
    }
    wireTap.publish(seen)
  }

  protected onGone(reason: CloseReason): void {
    if (wireTap.hasSubscribers) this.tell('close', reason)
    const { transaction } = this
    this.transaction = undefined
    for (const step of [
      () => transaction?.abort(),
      () => this.#responder?.(CLOSING),
      () => this.#stages?.close(reason),
    ])
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
