/** One connection as the wire sees it: each stage of the protocol is a file of its own. */

import type { AuthAttempt, CloseReason, MailParameters, RcptParameters, TlsInfo } from '@postroad/mail'
import type { Address, JudgementOutcome } from '@postroad/plugin'
import type { ContentSink, Judgement, JudgingStages, Maybe, Offer, Wire, WireReply } from '@postroad/smtp'
import { after } from '../run/after.ts'
import { HookCall, outliving } from '../run/call.ts'
import { Failure } from '../run/guard.ts'
import { tell } from '../run/tell.ts'
import { sessionRecord } from '../session/record.ts'
import type { Scope } from '../session/scope.ts'
import { SessionState } from '../session/session.ts'
import { Transaction } from '../session/transaction.ts'
import { auth } from './auth.ts'
import { command } from './command.ts'
import { connect } from './connect.ts'
import { abortTaps, IncomingContent, openTaps, type Taps, tapsFailed } from './content.ts'
import { data } from './data.ts'
import { finish } from './finish.ts'
import { helo } from './helo.ts'
import { type Decided, judge } from './judge.ts'
import { mail } from './mail.ts'
import { message } from './message.ts'
import { rcpt } from './rcpt.ts'
import { idOf, withId } from './refuse.ts'
import { spoolOf } from './takers.ts'
import { NOT_TAKEN } from './verdict.ts'

/** Refusals of the wire that are written down; all are counted. */
const LINES = 100
const GONE = new Error('the connection is closed')
const NO_TAPS: Taps = []
const LOST: WireReply = { code: 451, status: '4.4.2', text: 'Connection lost before the end of the message' }
/** For the log: the server in charge has its own words. */
const JUDGED: Readonly<Record<JudgementOutcome, WireReply>> = {
  pass: { code: 250, status: '2.0.0', text: 'Passed' },
  quarantine: { code: 250, status: '2.0.0', text: 'To be held' },
  discard: { code: 250, status: '2.0.0', text: 'To be discarded' },
  refuse: NOT_TAKEN,
}
const RESET: WireReply = { code: 250, status: '2.0.0', text: 'Reset' }

/** The engine’s half of a connection. */
export class SessionStages implements JudgingStages {
  readonly #session: SessionState
  readonly #offer: Offer
  readonly #gone: () => void
  /** The one that the client is in. */
  #transaction: Transaction | undefined
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

  get session(): string {
    return this.#session.id
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
    this.#session.forgetClient()
    this.#endTransaction()
  }

  authenticated(name: string): void {
    this.#session.authenticate({ name })
  }

  auth(attempt: AuthAttempt): Maybe<WireReply | undefined> {
    return auth(this.#session, attempt)
  }

  mail(from: Address | undefined, parameters: MailParameters): Maybe<WireReply | undefined> {
    this.#refusal = undefined
    const { scope, peer } = this.#session
    if (scope.role === 'filter') this.#session.believe(peer.identity)
    this.#transaction = new Transaction(this.#session, from, parameters)
    return mail(this.#transaction)
  }

  rcpt(to: Address, parameters: RcptParameters): Maybe<WireReply> {
    return rcpt(this.#current, to, parameters)
  }

  data(): Maybe<WireReply | undefined> {
    const transaction = this.#current
    return after(data(transaction), SessionStages.#asked, this, transaction)
  }

  static #asked(
    reply: WireReply | undefined,
    stages: SessionStages,
    transaction: Transaction,
  ): Maybe<WireReply | undefined> {
    stages.#refusal = reply
    return reply ?? after(openTaps(transaction), SessionStages.#opened, stages)
  }

  content(): ContentSink {
    this.#incoming = new IncomingContent(this.#session.scope, this.#taps, spoolOf(this.#current))
    this.#taps = NO_TAPS
    return this.#incoming
  }

  async message(hasOnlyCrlf = false): Promise<WireReply | readonly WireReply[]> {
    const transaction = this.#current
    const incoming = this.#incoming
    this.#incoming = undefined
    if (!incoming) throw new Error('there is no content')
    try {
      const reply = named(await message(transaction, incoming, hasOnlyCrlf), transaction)
      if ('code' in reply ? reply.code < 300 : reply.some((one) => one.code < 300)) this.#session.countAccepted()
      this.#finish(transaction, reply)
      return reply
    } catch (error) {
      // Ours, not a plugin's: a disk that is full, for one. Nothing was taken.
      this.#session.scope.log.error({ session: this.#session.id, error }, 'a message could not be processed')
      this.#finish(transaction, LOST)
      return withId(NOT_TAKEN, idOf(transaction))
    }
  }

  async judge(): Promise<Judgement> {
    const transaction = this.#current
    const incoming = this.#incoming
    this.#incoming = undefined
    // Who listens for content hears that none comes.
    if (!incoming) this.#drop()
    try {
      const judged = await judge(transaction, incoming)
      const judgement = judged.reply ? { ...judged, reply: withId(judged.reply, idOf(transaction)) } : judged
      if (judgement.outcome !== 'refuse') this.#session.countAccepted()
      this.#finish(transaction, judgement.reply ?? JUDGED[judgement.outcome], judgement)
      return judgement
    } catch (error) {
      this.#session.scope.log.error({ session: this.#session.id, error }, 'a message could not be judged')
      this.#finish(transaction, NOT_TAKEN)
      return { outcome: 'refuse', reply: withId(NOT_TAKEN, idOf(transaction)), dispose: () => undefined }
    }
  }

  reset(): void {
    this.#drop()
    this.#abandon(RESET)
  }

  verify(argument: string): Maybe<WireReply> {
    return command(this.#caller, 'verify', { verb: 'VRFY', argument })
  }

  expand(argument: string): Maybe<WireReply> {
    return command(this.#caller, 'expand', { verb: 'EXPN', argument })
  }

  help(argument: string): Maybe<WireReply> {
    return command(this.#caller, 'help', { verb: 'HELP', argument })
  }

  unknown(verb: string, argument: string): Maybe<WireReply> {
    return command(this.#caller, 'unknown', { verb, argument })
  }

  refused(command: string, reply: WireReply): void {
    if (command === 'DATA' || command === 'BDAT') this.#refusal = reply
    if (this.#session.countRefused() > LINES) return
    this.#session.scope.log.debug(
      { session: this.#session.id, command, code: reply.code, status: reply.status },
      'refused by the wire',
    )
  }

  close(reason: CloseReason): void {
    const session = this.#session
    const { scope } = session
    this.#drop()
    session.lifetime.end(GONE)
    this.#abandon(LOST)
    if (scope.table.closed) tell(scope.table.closed, new HookCall('closed', outliving(session), { reason }))
    session.recordUnlogged()
    if (scope.timed && session.counts.transactions === 0) scope.record(sessionRecord(session, reason))
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

  get #open(): Transaction | undefined {
    return this.#transaction?.isOver ? undefined : this.#transaction
  }

  /** The wire takes RCPT and DATA after MAIL only. */
  get #current(): Transaction {
    const transaction = this.#open
    if (!transaction) throw new Error('there is no transaction')
    return transaction
  }

  /** Whose the hooks are that come in a transaction and outside of one. */
  get #caller(): SessionState | Transaction {
    return this.#open ?? this.#session
  }

  /** The transaction, if there is one, came to no message; `how`, unless somebody has refused it. */
  #abandon(how: WireReply): void {
    const transaction = this.#open
    if (!transaction) return
    if (transaction.recipients.length > 0) finish(transaction, this.#refusal ?? how)
    else if (transaction.refused.length > 0) finish(transaction, lastRefusal(transaction))
    this.#endTransaction()
  }

  #finish(transaction: Transaction, reply: WireReply | readonly WireReply[], judgement?: Decided): void {
    finish(transaction, reply, judgement)
    if (this.#transaction === transaction) this.#transaction = undefined
  }

  #endTransaction(): void {
    this.#transaction?.end()
    this.#transaction = undefined
  }
}

/** The answers to a message, of which those that refuse tell the id. */
function named(reply: WireReply | readonly WireReply[], transaction: Transaction): WireReply | readonly WireReply[] {
  const id = idOf(transaction)
  return 'code' in reply ? withId(reply, id) : reply.map((one) => withId(one, id))
}

function lastRefusal({ refused }: Transaction): WireReply {
  const refusal = refused.at(-1)?.refusal
  return refusal ? { code: refusal.code, status: refusal.status, text: refusal.text } : RESET
}
