/** What a mail server says on one connection, dealt with frame by frame: commands in, calls of the stages, answers out. */
import type { CloseReason } from '@postroad/mail'
import type { Judgement, JudgingStages, Maybe, WireReply } from '@postroad/smtp'
import { firstText, parseConnect, parsePathCommand, show } from '../command.ts'
import { MilterError } from '../errors.ts'
import type { FrameWriter, MilterFrame } from '../frame.ts'
import { type Agreement, agree, formatOptions, parseOptions } from '../negotiation.ts'
import { ANSWER, COMMAND, STEP } from '../word.ts'
import { AskingWire, isOfServer } from './asking.ts'
import { MacroBoard } from './macro-board.ts'
import { type Completion, forwardPathOf, mailParametersOf, rcptParametersOf, reversePathOf } from './path.ts'
import { framed, impossible, type Telling, writeEdits, writeReply } from './say.ts'
import { AskedTransaction } from './transaction.ts'
import { type MilterScope, readsContent, type Wants } from './wants.ts'

/** What a session has of its connection and its listener. */
export interface SessionContext {
  readonly listener: string
  readonly out: FrameWriter
  /** What is behind the listener at this moment, and how it wants to be asked. */
  current(): CurrentScope
  readonly stress: () => boolean
  /** Sends what `out` has; a promise waits until the server reads. */
  flush(): Maybe<void>
  /** Nothing more is to be read: the connection ends when what is waiting was sent. */
  end(): void
  report(error: unknown): void
}

/** What is behind a listener, and what its operator says. */
export interface CurrentScope {
  readonly scope: MilterScope
  readonly wants: Wants
  /** What is answered at the end of a message that passes. */
  readonly pass: 'continue' | 'accept'
  /** Octets of a message. */
  readonly size: number
}

const FAILURE: WireReply = Object.freeze({
  code: 451,
  status: '4.3.0',
  text: 'Local error in processing, try again later',
})
const NOT_NEGOTIATED: WireReply = Object.freeze({ ...FAILURE, status: '4.3.5' })
const BAD_SENDER: WireReply = Object.freeze({ code: 553, status: '5.1.7', text: 'Not an address' })
const BAD_RECIPIENT: WireReply = Object.freeze({ code: 553, status: '5.1.3', text: 'Not an address' })
const NOBODY: WireReply = Object.freeze({ code: 554, status: '5.5.1', text: 'No valid recipients' })

/** The half of a milter connection that understands what is said. */
export class MilterSession {
  readonly #context: SessionContext
  readonly #board = new MacroBoard()
  #agreed: Agreement | undefined
  #current: CurrentScope
  #stages: JudgingStages | undefined
  #transaction: AskedTransaction | undefined
  #hasHelo = false
  /** Mail that the server made a session up for, `non_smtpd_milters`: whoever refuses a recipient there leaves it in the queue for ever. */
  #isOfServer = false
  /** Where nobody waits for an answer, or it can only be given at the end: said at the next command that is answered. */
  #owed: WireReply | undefined

  constructor(context: SessionContext) {
    this.#context = context
    this.#current = context.current()
  }

  /** Between MAIL and the end of the message, or what takes its place. */
  get isInTransaction(): boolean {
    return this.#transaction !== undefined
  }

  /** Whether a sign of life is understood now: everybody does at the end of a message, and Postfix always. */
  get mayProgress(): boolean {
    return this.#transaction?.isEnding === true || this.#isPostfix
  }

  /** Deals with one frame. The next one is for when the promise has resolved. @throws {MilterError} when nothing that follows can be believed */
  take(frame: MilterFrame): Maybe<void> {
    const { code, data } = frame
    if (this.#agreed === undefined && code !== COMMAND.options)
      throw new MilterError(`${show(code)} where the offer was to come`)
    switch (code) {
      case COMMAND.macros:
        return this.#board.take(frame)
      case COMMAND.header:
      case COMMAND.body:
      case COMMAND.endOfHeader:
        return this.#content(code, data)
      case COMMAND.rcpt:
        return this.#rcpt(data)
      case COMMAND.mail:
        return this.#mail(data)
      case COMMAND.endOfMessage:
        return this.#end(data)
      case COMMAND.data:
        return this.#data()
      case COMMAND.helo:
        return this.#helo(firstText(data))
      case COMMAND.connect:
        return this.#connect(data)
      case COMMAND.abort:
        return this.#abort()
      case COMMAND.unknown:
        return this.#answer(() => undefined, STEP.quietUnknown)
      case COMMAND.options:
        return this.#negotiate(data)
      case COMMAND.quitSession:
        return this.close('quit')
      case COMMAND.quit:
        this.close('quit')
        return this.#context.end()
      default:
        throw new MilterError(`there is no command ${show(code)}`)
    }
  }

  /** The session is over; may be said again, and while a promise of `take` is unresolved. */
  close(reason: CloseReason): void {
    const stages = this.#stages
    this.#stages = undefined
    this.#transaction = undefined
    this.#hasHelo = false
    this.#owed = undefined
    this.#board.forget()
    stages?.close(reason)
  }

  get #open(): JudgingStages {
    if (this.#stages === undefined) throw new MilterError('a command before the client was named')
    return this.#stages
  }

  /** The message that comes in. */
  get #message(): AskedTransaction {
    if (this.#transaction === undefined) throw new MilterError('a message without a sender')
    return this.#transaction
  }

  get #steps(): number {
    return this.#agreed?.steps ?? 0
  }

  get #isPostfix(): boolean {
    return this.#board.get('v')?.startsWith('Postfix') ?? false
  }

  #negotiate(data: Buffer): void {
    if (this.#agreed !== undefined) throw new MilterError('a second offer')
    this.#current = this.#context.current()
    this.#agreed = agree(parseOptions(data), this.#current.wants)
    this.#context.out.add(ANSWER.options, ...formatOptions(this.#agreed))
  }

  #connect(data: Buffer): Maybe<void> {
    const client = parseConnect(data)
    this.#leaveSession()
    const current = this.#context.current()
    // After a reload other steps may be wanted, and they are negotiated once: the server comes again.
    if (current !== this.#current && current.wants.steps !== this.#current.wants.steps) return this.#context.end()
    this.#current = current
    const wire = new AskingWire({
      listener: this.#context.listener,
      stress: this.#context.stress,
      board: this.#board,
      client,
      disconnect: (reply) => {
        this.#owed = { ...reply, disconnect: true }
      },
    })
    this.#isOfServer = isOfServer(wire.remote) && client.family !== 'unix'
    this.#stages = current.scope.attach(wire)
    return this.#answer(() => this.#open.connect(), STEP.quietConnect)
  }

  /** A session that ended without a word; what was told of the next one has come already. */
  #leaveSession(): void {
    const stages = this.#stages
    this.#stages = undefined
    this.#transaction = undefined
    this.#hasHelo = false
    this.#owed = undefined
    stages?.close('client')
  }

  /** HELO cannot be told from EHLO. It comes again after STARTTLS. */
  #helo(name: string): Maybe<void> {
    this.#transaction = undefined
    this.#hasHelo = true
    return this.#answer(() => this.#open.helo(name, 'EHLO'), STEP.quietHelo)
  }

  #mail(data: Buffer): Maybe<void> {
    this.#abort()
    const greeted = this.#hasHelo ? undefined : this.#greet()
    if (greeted === undefined) return this.#sender(data)
    const copy = Buffer.from(data)
    return greeted.then(() => this.#sender(copy))
  }

  /** Servers need not insist on HELO, and have none for mail of their own; plugins count on it. */
  #greet(): Promise<void> | undefined {
    this.#hasHelo = true
    let greeted: Maybe<WireReply | undefined>
    try {
      greeted = this.#open.helo('', 'EHLO')
    } catch (error) {
      greeted = this.#failed(error)
    }
    if (greeted instanceof Promise)
      return greeted.catch((error: unknown) => this.#failed(error)).then((reply) => this.#owe(reply))
    this.#owe(greeted)
    return undefined
  }

  #sender(data: Buffer): Maybe<void> {
    const argument = parsePathCommand(data)
    const from = reversePathOf(argument.path, this.#completion('mail_addr'))
    const transaction = new AskedTransaction(this.#open, {
      limit: this.#current.size,
      isVerbatim: (this.#steps & STEP.leadingSpace) !== 0,
      readsContent: readsContent(this.#current.scope),
      isPatient: this.#isOfServer,
    })
    this.#transaction = transaction
    return this.#answer(() => {
      if (from === undefined) return transaction.refuse(BAD_SENDER)
      return transaction.mail(from ?? undefined, mailParametersOf(argument))
    }, STEP.quietMail)
  }

  #rcpt(data: Buffer): Maybe<void> {
    const transaction = this.#message
    const argument = parsePathCommand(data)
    const to = forwardPathOf(argument.path, this.#completion('rcpt_addr'))
    return this.#answer(
      () =>
        to === undefined
          ? transaction.refuseRecipient(argument.path, BAD_RECIPIENT)
          : transaction.rcpt(to, { path: argument.path, parameters: rcptParametersOf(argument) }),
      STEP.quietRcpt,
    )
  }

  #data(): Maybe<void> {
    const transaction = this.#message
    return this.#answer(() => transaction.begin(), STEP.quietData)
  }

  #completion(macro: 'mail_addr' | 'rcpt_addr'): Completion {
    return { address: this.#board.get(macro), host: this.#board.get('j') }
  }

  #end(last: Buffer): Maybe<void> {
    const transaction = this.#message
    return this.#ended(transaction, last).catch((error: unknown) => {
      this.#refuse(this.#failed(error))
      this.#over(transaction)
    })
  }

  async #ended(transaction: AskedTransaction, last: Buffer): Promise<void> {
    const refusal = await transaction.finish(last)
    if (refusal !== undefined || this.#owed !== undefined || transaction.recipients === 0) {
      transaction.drop()
      if (this.#transaction === transaction) this.#refuse(this.#owed ?? refusal ?? NOBODY)
      return this.#over(transaction)
    }
    const judgement = await transaction.judge()
    try {
      // The server may have gone meanwhile, and nobody listens.
      if (this.#transaction === transaction) await this.#say(judgement, transaction)
    } finally {
      judgement.dispose()
      this.#over(transaction)
    }
  }

  #over(transaction: AskedTransaction): void {
    if (this.#transaction !== transaction) return
    this.#transaction = undefined
    this.#forgetMessage()
  }

  async #say(judgement: Judgement, transaction: AskedTransaction): Promise<void> {
    const { out } = this.#context
    // What was said out of turn while it was judged goes before: the connection is to end.
    if (this.#owed !== undefined) return this.#refuse(this.#owed)
    if (judgement.outcome === 'refuse') return this.#refuse(judgement.reply ?? FAILURE)
    if (judgement.outcome === 'discard') return void out.add(ANSWER.discard)
    const telling = this.#telling(transaction)
    const lacking = impossible(judgement, telling)
    if (lacking !== undefined) {
      this.#context.report(new MilterError(`the mail server does not let a filter do this: ${lacking}`))
      return this.#refuse(NOT_NEGOTIATED)
    }
    writeEdits(out, judgement, telling)
    if (judgement.edits?.body)
      for await (const piece of framed(judgement.edits.body(), this.#steps)) {
        out.add(ANSWER.replaceBody, piece)
        await this.#context.flush()
      }
    out.add(ANSWER[telling.pass])
  }

  #refuse(reply: WireReply, step = 0): void {
    writeReply(this.#context.out, reply, this.#hangsUpFor521(step))
  }

  /** At connect Postfix has its own words: it hangs up after 421, and goes on after 521. Another Postroad does after either. */
  #hangsUpFor521(step: number): boolean {
    return this.#isPostfix ? step !== STEP.quietConnect : this.#board.get('v') === 'Postroad'
  }

  #telling(transaction: AskedTransaction): Telling {
    return {
      actions: this.#agreed?.actions ?? 0,
      isVerbatim: (this.#steps & STEP.leadingSpace) !== 0,
      takesParameters: this.#isPostfix,
      pass: this.#current.pass,
      named: (address) => transaction.named(address),
    }
  }

  /** Comes also when no message is open. Connection and HELO stay. */
  #abort(): void {
    const transaction = this.#transaction
    if (transaction === undefined) return
    this.#transaction = undefined
    this.#forgetMessage()
    transaction.drop()
  }

  #forgetMessage(): void {
    if (this.#owed?.disconnect !== true) this.#owed = undefined
    this.#board.forgetMessage()
  }

  /** What comes most often: no function is made for it. What it is refused for is said at the end. */
  #content(code: number, data: Buffer): Maybe<void> {
    const message = this.#message
    const step = QUIET.get(code) ?? 0
    let written: Maybe<WireReply | undefined>
    try {
      if (code === COMMAND.header) written = message.field(data)
      else written = code === COMMAND.body ? message.piece(data) : message.endHeader()
    } catch (error) {
      written = this.#failed(error)
    }
    return this.#heard(written, step)
  }

  /** Asks, and answers what comes of it: a throw passes nothing. */
  #answer(ask: () => Maybe<WireReply | undefined>, step: number): Maybe<void> {
    let reply: Maybe<WireReply | undefined>
    try {
      reply = ask()
    } catch (error) {
      reply = this.#failed(error)
    }
    return this.#heard(reply, step)
  }

  #heard(reply: Maybe<WireReply | undefined>, step: number): Maybe<void> {
    if (!(reply instanceof Promise)) return this.#reply(reply, step)
    return reply.catch((error: unknown) => this.#failed(error)).then((late) => this.#reply(late, step))
  }

  #failed(error: unknown): WireReply {
    if (error instanceof MilterError) throw error
    this.#context.report(error)
    return FAILURE
  }

  #owe(reply: WireReply | undefined): void {
    if (reply !== undefined && reply.code >= 400) this.#owed ??= reply
  }

  #reply(reply: WireReply | undefined, step: number): void {
    // The session has ended while it was asked for.
    if (this.#stages === undefined) return
    const isQuiet = (this.#steps & step) !== 0
    const said = this.#owed ?? reply
    const isRefused = said !== undefined && said.code >= 400
    // Mail of the server's own can only be refused when all of it is there.
    if (isQuiet || (isRefused && this.#isOfServer)) this.#owe(reply)
    if (isQuiet) return
    if (isRefused && !this.#isOfServer) this.#refuse(said, step)
    else this.#context.out.add(ANSWER.continue)
  }
}

const QUIET: ReadonlyMap<number, number> = new Map([
  [COMMAND.header, STEP.quietHeader],
  [COMMAND.body, STEP.quietBody],
  [COMMAND.endOfHeader, STEP.quietEndOfHeader],
])
