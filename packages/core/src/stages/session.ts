/** One connection as the wire sees it: each stage of the protocol is a file of its own. */

import type { AuthAttempt, CloseReason, MailParameters, RcptParameters, TlsInfo } from '@postroad/mail'
import type { Address } from '@postroad/plugin'
import type { ContentSink, Maybe, Offer, Stages, Wire, WireReply } from '@postroad/smtp'
import { after } from '../run/after.ts'
import { HookCall } from '../run/call.ts'
import { Failure } from '../run/guard.ts'
import { tell } from '../run/tell.ts'
import { sessionRecord } from '../session/record.ts'
import type { Scope } from '../session/scope.ts'
import { SessionState } from '../session/session.ts'
import { auth } from './auth.ts'
import { command } from './command.ts'
import { connect } from './connect.ts'
import { abortTaps, IncomingContent, openTaps, type Taps, tapsFailed } from './content.ts'
import { data } from './data.ts'
import { finish } from './finish.ts'
import { helo } from './helo.ts'
import { mail } from './mail.ts'
import { message } from './message.ts'
import { rcpt } from './rcpt.ts'
import { secured } from './tls.ts'

/** Refusals of the wire that are written down; all are counted. */
const LINES = 100
const GONE = new Error('the connection is closed')
const NO_TAPS: Taps = []
const LOST: WireReply = { code: 451, status: '4.4.2', text: 'Connection lost before the end of the message' }
const RESET: WireReply = { code: 250, status: '2.0.0', text: 'Reset' }

/** The engine’s half of a connection. */
export class SessionStages implements Stages {
  readonly #session: SessionState
  readonly #offer: Offer
  readonly #gone: () => void
  #taps: Taps = NO_TAPS
  #incoming: IncomingContent | undefined
  /** Why the message of this transaction will not be taken, before anybody was asked about it. */
  #refusal: WireReply | undefined

  /** `gone` is called once, when the connection is. */
  constructor(scope: Scope, wire: Wire, { offer, gone }: { readonly offer: Offer; readonly gone: () => void }) {
    this.#session = new SessionState(scope, wire)
    this.#offer = offer
    this.#gone = gone
  }

  connect(): Maybe<WireReply | undefined> {
    return connect(this.#session)
  }

  helo(name: string, verb: 'HELO' | 'EHLO' | 'LHLO'): Maybe<WireReply | undefined> {
    this.reset()
    return helo(this.#session, name, verb)
  }

  offer(): Offer {
    return this.#offer
  }

  secured(_tls: TlsInfo): void {
    secured(this.#session)
  }

  authenticated(name: string): void {
    this.#session.identity = Object.freeze({ name })
  }

  auth(attempt: AuthAttempt): Maybe<WireReply | undefined> {
    return auth(this.#session, attempt)
  }

  mail(from: Address | undefined, parameters: MailParameters): Maybe<WireReply | undefined> {
    this.#refusal = undefined
    return mail(this.#session, from, parameters)
  }

  rcpt(to: Address, parameters: RcptParameters): Maybe<WireReply> {
    return rcpt(this.#session, to, parameters)
  }

  data(): Maybe<WireReply | undefined> {
    return after(data(this.#session), SessionStages.#asked, this)
  }

  static #asked(reply: WireReply | undefined, stages: SessionStages): Maybe<WireReply | undefined> {
    stages.#refusal = reply
    return reply ?? after(openTaps(stages.#session), SessionStages.#opened, stages)
  }

  content(): ContentSink {
    this.#incoming = new IncomingContent(this.#session, this.#taps)
    this.#taps = NO_TAPS
    return this.#incoming
  }

  async message(): Promise<WireReply | readonly WireReply[]> {
    const incoming = this.#incoming
    this.#incoming = undefined
    if (!incoming) throw new Error('there is no content')
    try {
      const reply = await message(this.#session, incoming)
      this.#session.accepted += 'code' in reply ? Number(reply.code < 300) : Number(reply.some((one) => one.code < 300))
      finish(this.#session, reply)
      return reply
    } catch (error) {
      // Ours, not a plugin's: a disk that is full, for one. Nothing was taken.
      this.#session.scope.log.error({ session: this.#session.id, error }, 'a message could not be processed')
      finish(this.#session, LOST)
      return { code: 451, status: '4.3.0', text: 'Local error in processing, try again later' }
    }
  }

  reset(): void {
    this.#drop()
    this.#finish(RESET)
  }

  verify(argument: string): Maybe<WireReply> {
    return command(this.#session, 'verify', { verb: 'VRFY', argument })
  }

  expand(argument: string): Maybe<WireReply> {
    return command(this.#session, 'expand', { verb: 'EXPN', argument })
  }

  help(argument: string): Maybe<WireReply> {
    return command(this.#session, 'help', { verb: 'HELP', argument })
  }

  unknown(verb: string, argument: string): Maybe<WireReply> {
    return command(this.#session, 'unknown', { verb, argument })
  }

  refused(command: string, reply: WireReply): void {
    this.#session.refused++
    if (command === 'DATA' || command === 'BDAT') this.#refusal = reply
    if (this.#session.refused > LINES) return
    this.#session.scope.log.debug({ session: this.#session.id, command, code: reply.code, status: reply.status }, 'refused by the wire')
  }

  close(reason: CloseReason): void {
    const session = this.#session
    const { scope } = session
    this.#drop()
    session.lifetime.end(GONE)
    this.#finish(LOST)
    if (scope.table.closed) tell(scope.table.closed, new HookCall('closed', { scope, session, lifetime: scope.lifetime }, { reason }))
    if (session.unlogged) scope.record({ ...session.unlogged, attempts: session.authRefusals })
    if (scope.timed && session.transactions === 0) scope.record(sessionRecord(session, reason))
    this.#gone()
  }

  /** What listens at `receive` is open. */
  static #opened(taps: Taps | Failure, stages: SessionStages): WireReply | undefined {
    if (taps instanceof Failure) {
      stages.#refusal = tapsFailed(taps)
      return stages.#refusal
    }
    stages.#taps = taps
    // The client has gone while they were opened: there will be no content.
    if (stages.#session.lifetime.ended) stages.#drop()
    return undefined
  }

  #drop(): void {
    this.#incoming?.abort()
    this.#incoming = undefined
    abortTaps(this.#taps)
    this.#taps = NO_TAPS
  }

  /** The transaction, if there is one, came to no message; `how`, unless somebody has refused it. */
  #finish(how: WireReply): void {
    const { transaction } = this.#session
    if (!transaction) return
    if (transaction.recipients.length > 0) finish(this.#session, this.#refusal ?? how)
    else if (transaction.refused.length > 0) finish(this.#session, lastRefusal(this.#session))
    this.#session.transaction = undefined
  }
}

function lastRefusal(session: SessionState): WireReply {
  const refusal = session.transaction?.refused.at(-1)?.refusal
  return refusal ? { code: refusal.code, status: refusal.status, text: refusal.text } : RESET
}
