/** A mail server's dialogue with one filter: what is said in which order, what is not said to whom, and what an answer is. */
import type { Answer, BareAnswer } from '../answer.ts'
import type { Connect, MilterField, SaidCommand } from '../command.ts'
import { writeCommand, writeMacros } from '../command.ts'
import { MilterError } from '../errors.ts'
import { FrameWriter } from '../frame.ts'
import { type Agreement, checkAgreement, hasStep, type MacroStage } from '../negotiation.ts'
import type { MilterReply } from '../reply-text.ts'
import { ACTION, actionsOf, COMMAND, frameSizeOf, hasCommand, STEP, stepsOf } from '../word.ts'
import { type AnswerClock, type FilterAddress, FilterConnection } from './connection.ts'

/** Milliseconds. */
export interface FilterClocks {
  /** Until the filter has taken the connection. */
  readonly connect: number
  /** One answer, but for the one to the end of a message. */
  readonly command: number
  /** The answer to the end of a message, or until the filter says that it is at work. */
  readonly content: number
  /** One answer in all, however often the filter says that it is at work. */
  readonly limit: number
}

/** How a filter is spoken to. */
export interface FilterDialogueOptions {
  /** The newest version that is offered. */
  readonly version: number
  readonly clocks: FilterClocks
}

/** What a command came to. `skip` is kept here: it is `continue` to who asks. */
export type FilterDecision = { readonly kind: Exclude<BareAnswer, 'skip'> } | ({ readonly kind: 'reply' } & MilterReply)

/** What a filter changes at the end of a message. */
export type FilterEdit = Exclude<Answer, FilterDecision | { readonly kind: 'options' | 'progress' | 'skip' }>

/** Macros of a command, by name; what is undefined is not known. */
export type MacroSource = (name: string) => string | undefined

const CONTINUE: FilterDecision = { kind: 'continue' }

/** What Postfix sends by itself; a filter may ask for others in place of them. */
const USUAL_MACROS: Readonly<Record<MacroStage, readonly string[]>> = {
  connect: [
    'j',
    'daemon_name',
    'daemon_addr',
    'daemon_port',
    'if_addr',
    'v',
    '_',
    'client_addr',
    'client_name',
    'client_port',
    'client_ptr',
  ],
  helo: ['tls_version', 'cipher', 'cipher_bits', 'cert_subject', 'cert_issuer'],
  mail: ['i', 'auth_type', 'auth_authen', 'auth_author', 'mail_addr', 'mail_host', 'mail_mailer'],
  rcpt: ['i', 'rcpt_addr', 'rcpt_host', 'rcpt_mailer'],
  data: ['i'],
  endOfHeader: ['i'],
  endOfMessage: ['i'],
}

/** A command that has steps of its own: whether it is sent, and whether it is answered. */
type Step = 'connect' | 'helo' | 'mail' | 'rcpt' | 'data' | 'header' | 'endOfHeader' | 'body' | 'unknown'

const NOT: Readonly<Record<Step, keyof typeof STEP>> = {
  connect: 'noConnect',
  helo: 'noHelo',
  mail: 'noMail',
  rcpt: 'noRcpt',
  data: 'noData',
  header: 'noHeaders',
  endOfHeader: 'noEndOfHeader',
  body: 'noBody',
  unknown: 'noUnknown',
}
const QUIET: Readonly<Record<Step, keyof typeof STEP>> = {
  connect: 'quietConnect',
  helo: 'quietHelo',
  mail: 'quietMail',
  rcpt: 'quietRcpt',
  data: 'quietData',
  header: 'quietHeader',
  endOfHeader: 'quietEndOfHeader',
  body: 'quietBody',
  unknown: 'quietUnknown',
}
/** What a modification needs, of what was agreed. */
const NEEDED: Readonly<Record<FilterEdit['kind'], number>> = {
  addHeader: ACTION.addHeaders,
  insertHeader: ACTION.addHeaders,
  changeHeader: ACTION.changeHeaders,
  replaceBody: ACTION.changeBody,
  addRcpt: ACTION.addRcpt | ACTION.addRcptParameters,
  deleteRcpt: ACTION.deleteRcpt,
  changeFrom: ACTION.changeFrom,
  quarantine: ACTION.quarantine,
}
/** Recipients that this server refuses are not shown. */
const UNOFFERED = STEP.refusedRcpt
/** Octets of a body that are sent in one frame: every libmilter takes so many. */
const CHUNK = 65_535
/** Octets that are put together before they are written. */
const FLUSH = 65_536

/**
 * One dialogue: one session of a client. Commands are said one after the other; whoever calls waits for each. An error ends it.
 *
 * It knows no order by itself but this: whoever calls says CONNECT, HELO, MAIL, RCPT, DATA, the fields, the body, in that order.
 */
export class FilterDialogue {
  readonly agreement: Agreement
  readonly #connection: FilterConnection
  readonly #clocks: FilterClocks
  readonly #out = new FrameWriter()
  /** The filter wants no more of these, until another command comes. */
  #skipped: Step | undefined
  /** A message is open: it must be ended, or aborted. */
  #isOpen = false

  private constructor(connection: FilterConnection, agreement: Agreement, clocks: FilterClocks) {
    this.#connection = connection
    this.agreement = agreement
    this.#clocks = clocks
  }

  /** Connects, and agrees. @throws {MilterError} */
  static async open(at: FilterAddress, { version, clocks }: FilterDialogueOptions): Promise<FilterDialogue> {
    const connection = await FilterConnection.open(at, clocks.connect)
    try {
      const offer = { version, actions: actionsOf(version), steps: (stepsOf(version) & ~UNOFFERED) >>> 0 }
      const out = new FrameWriter()
      writeCommand(out, { kind: 'options', ...offer })
      const clock = { idle: clocks.command, limit: clocks.command }
      await connection.send(out.take(), clock)
      const answer = await connection.answer(clock)
      if (answer.kind !== 'options') throw new MilterError(`it answered the offer with ${answer.kind}`)
      return new FilterDialogue(connection, checkAgreement(offer, answer), clocks)
    } catch (error) {
      throw broken(connection, error)
    }
  }

  /** It can be used no more. */
  get isOver(): boolean {
    return this.#connection.isOver
  }

  /** Whether the command is sent to this filter at all. */
  wants(step: Step): boolean {
    const { version, steps } = this.agreement
    return hasCommand(version, COMMAND[step]) && !hasStep(steps, NOT[step])
  }

  /** Header values go over the wire with the blank behind the colon. */
  get hasLeadingSpace(): boolean {
    return hasStep(this.agreement.steps, 'leadingSpace')
  }

  connect(client: Connect, macros: MacroSource): Promise<FilterDecision> {
    return this.#say('connect', { kind: 'connect', ...client }, macros)
  }

  helo(name: string, macros: MacroSource): Promise<FilterDecision> {
    return this.#say('helo', { kind: 'helo', name }, macros)
  }

  /** @param path in angle brackets */
  mail(path: string, parameters: readonly string[], macros: MacroSource): Promise<FilterDecision> {
    this.#isOpen = true
    return this.#say('mail', { kind: 'mail', path, parameters }, macros)
  }

  /** @param path in angle brackets */
  rcpt(path: string, parameters: readonly string[], macros: MacroSource): Promise<FilterDecision> {
    return this.#say('rcpt', { kind: 'rcpt', path, parameters }, macros)
  }

  /** To be said before the first field: filters that got it later have hung. */
  data(macros: MacroSource): Promise<FilterDecision> {
    return this.#say('data', { kind: 'data' }, macros)
  }

  /** A verb that this server does not know. */
  unknown(command: string): Promise<FilterDecision> {
    return this.#say('unknown', { kind: 'unknown', command }, nothing)
  }

  /**
   * One field.
   *
   * @param field folds are LF, and its value begins right behind the colon
   * @throws {MilterError} when no frame of this filter is large enough for it
   */
  header({ name, value }: MilterField): Promise<FilterDecision> | FilterDecision {
    if (!this.wants('header') || this.#skipped === 'header') return CONTINUE
    const shown = this.hasLeadingSpace || value[0] !== 0x20 ? value : value.subarray(1)
    const size = name.length + shown.length + 2
    const most = frameSizeOf(this.agreement.steps)
    if (size > most)
      throw this.#broken(new MilterError(`a field of ${size} octets is too large for it, which takes ${most}`))
    return this.#say('header', { kind: 'header', name, value: shown }, nothing)
  }

  endOfHeader(macros: MacroSource): Promise<FilterDecision> {
    return this.#say('endOfHeader', { kind: 'endOfHeader' }, macros)
  }

  /** A piece of the body, of any size. */
  async body(octets: Uint8Array): Promise<FilterDecision> {
    for (let at = 0; at < octets.length; at += CHUNK) {
      if (!this.wants('body') || this.#skipped === 'body') return CONTINUE
      const decision = await this.#say('body', { kind: 'body', data: octets.subarray(at, at + CHUNK) }, nothing)
      if (decision.kind !== 'continue') return decision
    }
    return CONTINUE
  }

  /** The filter wants no more of the body. */
  get isBodyDone(): boolean {
    return !this.wants('body') || this.#skipped === 'body'
  }

  /**
   * The end of the message: what the filter changes, then its decision, which is the last that comes.
   *
   * @throws {MilterError} when it changes what was not agreed
   */
  async *endOfMessage(macros: MacroSource): AsyncGenerator<FilterEdit, FilterDecision, undefined> {
    const { content, limit } = this.#clocks
    const clock = { idle: content, limit: Math.max(content, limit) }
    try {
      this.#addMacros('endOfMessage', macros)
      writeCommand(this.#out, { kind: 'endOfMessage', data: new Uint8Array() })
      await this.#flush(clock)
      for (;;) {
        const answer = await this.#connection.answer(clock)
        if (answer.kind in NEEDED) {
          const edit = answer as FilterEdit // its kind is one
          if ((this.agreement.actions & NEEDED[edit.kind]) === 0)
            throw new MilterError(`it answers ${edit.kind}, which it did not ask for`)
          yield edit
          continue
        }
        const decision = decisionOf(answer)
        this.#isOpen = false
        this.#skipped = undefined
        return decision
      }
    } catch (error) {
      throw this.#broken(error, 'endOfMessage')
    }
  }

  /** The message that is open comes to no end; connection and HELO stay. */
  abort(): void {
    if (!this.#isOpen || this.isOver) return
    this.#isOpen = false
    this.#skipped = undefined
    writeCommand(this.#out, { kind: 'abort' })
  }

  /** Says goodbye, and closes. */
  quit(): void {
    if (this.isOver) return
    this.abort()
    writeCommand(this.#out, { kind: 'quit' })
    this.#connection.end(this.#out.take())
  }

  /** Closes without a word: what is under way fails with this. */
  fail(error: MilterError): void {
    this.#connection.fail(error)
  }

  async #say(step: Step, command: SaidCommand, macros: MacroSource): Promise<FilterDecision> {
    const { steps } = this.agreement
    const { command: idle } = this.#clocks
    const clock = { idle, limit: Math.max(idle, this.#clocks.limit) }
    try {
      if (step !== this.#skipped) this.#skipped = undefined
      // Macros come for commands that are not sent, too: who asks for a login wants to know it whatever it hears.
      if (step in USUAL_MACROS) this.#addMacros(step as MacroStage, macros) // its key
      if (!this.wants(step) || this.#skipped === step) return CONTINUE
      writeCommand(this.#out, command)
      if (hasStep(steps, QUIET[step])) {
        if (this.#out.length >= FLUSH) await this.#flush(clock)
        return CONTINUE
      }
      await this.#flush(clock)
      const answer = await this.#connection.answer(clock)
      if (answer.kind === 'skip') {
        this.#skipped = step
        return CONTINUE
      }
      return decisionOf(answer)
    } catch (error) {
      throw this.#broken(error, command.kind)
    }
  }

  #addMacros(stage: MacroStage, macros: MacroSource): void {
    const names = this.agreement.macros?.[stage] ?? USUAL_MACROS[stage]
    const known = names.flatMap((name) => {
      const value = macros(name)
      return value === undefined ? [] : [[name, value] as const]
    })
    writeMacros(this.#out, COMMAND[stage], known)
  }

  #flush(clock: AnswerClock): void | Promise<void> {
    return this.#connection.send(this.#out.take(), clock)
  }

  #broken(error: unknown, during?: string): MilterError {
    return broken(this.#connection, error, during)
  }
}

function broken(connection: FilterConnection, error: unknown, during?: string): MilterError {
  const known = error instanceof MilterError ? error : new MilterError(String(error), { cause: error })
  const told = during === undefined ? known : new MilterError(`at ${during}: ${known.message}`, { cause: known })
  connection.fail(told)
  return told
}

function nothing(): undefined {
  return undefined
}

/** @throws {MilterError} when it is something else that comes at another time */
function decisionOf(answer: Answer): FilterDecision {
  switch (answer.kind) {
    case 'skip':
      return CONTINUE
    case 'reply':
      return answer
    case 'continue':
    case 'accept':
    case 'reject':
    case 'tempfail':
    case 'discard':
    case 'shutdown':
    case 'connectionFailure':
      return { kind: answer.kind }
    default:
      throw new MilterError(`it answered ${answer.kind} where a decision was wanted`)
  }
}
