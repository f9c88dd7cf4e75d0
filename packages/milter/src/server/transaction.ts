/** One transaction that a mail server asks about, from MAIL to its end. */
import type { Address, MailParameters, RcptParameters } from '@postroad/mail'
import type { Judgement, JudgingStages, Maybe, WireReply } from '@postroad/smtp'
import { IncomingMessage } from './content.ts'

/** What a transaction has of its session. */
export interface AskedTransactionOptions {
  /** Octets of a message. */
  readonly limit: number
  /** Values of fields come with the blank behind the colon. */
  readonly isVerbatim: boolean
  /** Somebody looks at the message. */
  readonly readsContent: boolean
  /** Refused recipients are kept until the end: the server cannot refuse them one by one. */
  readonly isPatient: boolean
}

/** A recipient as it is asked about: `path` is how the server has written it. */
export interface AskedRecipient {
  readonly path: string
  readonly parameters: RcptParameters
}

const TOO_LARGE: WireReply = Object.freeze({ code: 552, status: '5.3.4', text: 'Message is larger than the limit' })

/** Its stages, in the order in which the server may have them. */
export class AskedTransaction {
  readonly #stages: JudgingStages
  readonly #options: AskedTransactionOptions
  /** Why nothing of it is taken. */
  #refusal: WireReply | undefined
  /** Refused recipients that the server does not know of yet. */
  readonly #kept: WireReply[] = []
  #content: IncomingMessage | undefined
  #hasBegun = false
  #recipients = 0
  #isEnding = false
  /** By address: how the server has named those that it writes in another way. */
  readonly #names = new Map<string, string>()

  constructor(stages: JudgingStages, options: AskedTransactionOptions) {
    this.#stages = stages
    this.#options = options
  }

  /** Those that nobody has refused. */
  get recipients(): number {
    return this.#recipients
  }

  /** All of it is there, and it is being judged. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  /** @see JudgingStages.mail */
  mail(from: Address | undefined, parameters: MailParameters): Maybe<WireReply | undefined> {
    const reply = this.#stages.mail(from, parameters)
    return reply instanceof Promise ? reply.then((late) => this.#asked(late)) : this.#asked(reply)
  }

  /** The wire itself refuses the sender. */
  refuse(reply: WireReply): WireReply {
    this.#stages.refused('MAIL', reply)
    this.#refusal = reply
    return reply
  }

  rcpt(to: Address, { path, parameters }: AskedRecipient): Maybe<WireReply | undefined> {
    if (this.#refusal !== undefined) return this.#refusal
    const address = String(to)
    if (path !== `<${address}>`) this.#names.set(address, path)
    const reply = this.#stages.rcpt(to, parameters)
    return reply instanceof Promise ? reply.then((late) => this.#recipient(path, late)) : this.#recipient(path, reply)
  }

  /** The wire itself refuses a recipient. */
  refuseRecipient(path: string, reply: WireReply): WireReply | undefined {
    this.#stages.refused('RCPT', reply)
    return this.#recipient(path, reply)
  }

  /** DATA, or the first of the message where that is not sent. */
  begin(): Maybe<WireReply | undefined> {
    if (this.#hasBegun) return undefined
    this.#hasBegun = true
    if (this.#refusal !== undefined) return this.#refusal
    // There is nobody to ask about: it is over at the end.
    if (this.#recipients === 0) return undefined
    const reply = this.#stages.data()
    return reply instanceof Promise ? reply.then((late) => this.#opened(late)) : this.#opened(reply)
  }

  /** A field of the header. */
  field(data: Buffer): Maybe<undefined> {
    if (this.#hasBegun) return nothing(this.#content?.field(data))
    const copy = Buffer.from(data)
    return this.#beginThen(() => this.#content?.field(copy))
  }

  /** The end of the header. */
  endHeader(): Maybe<undefined> {
    if (this.#hasBegun) return nothing(this.#content?.endHeader())
    return this.#beginThen(() => this.#content?.endHeader())
  }

  /** A piece of the body. */
  piece(data: Buffer): Maybe<undefined> {
    if (this.#hasBegun) return nothing(this.#content?.piece(data))
    const copy = Buffer.from(data)
    return this.#beginThen(() => this.#content?.piece(copy))
  }

  /** The message is all there, with a last piece or without. Resolves to why it is refused before anybody is asked. */
  async finish(last: Buffer): Promise<WireReply | undefined> {
    this.#isEnding = true
    const begun = this.begin()
    if (begun instanceof Promise) await begun
    const written = last.length > 0 ? this.#content?.piece(last) : this.#content?.endHeader()
    if (written instanceof Promise) await written
    return this.#refusal ?? (this.#content?.isTooLarge ? TOO_LARGE : this.#keptRefusal())
  }

  /** Of a message that nobody has refused so far. */
  judge(): Promise<Judgement> {
    return this.#stages.judge()
  }

  /** It is not to be judged any more. */
  drop(): void {
    this.#stages.reset()
  }

  /** A recipient as the server has named it. */
  named(address: string): string {
    return this.#names.get(address) ?? `<${address}>`
  }

  #asked(reply: WireReply | undefined): WireReply | undefined {
    if (reply !== undefined && reply.code >= 400) this.#refusal = reply
    return reply
  }

  #recipient(path: string, reply: WireReply): WireReply | undefined {
    if (reply.code < 400) {
      this.#recipients++
      return reply
    }
    if (!this.#options.isPatient) return reply
    const text = typeof reply.text === 'string' ? reply.text : reply.text.join(' ')
    this.#kept.push({ ...reply, text: `${path}: ${text}` })
    return undefined
  }

  #opened(reply: WireReply | undefined): WireReply | undefined {
    this.#asked(reply)
    if (this.#refusal === undefined && this.#options.readsContent)
      this.#content = new IncomingMessage(this.#stages.content(), this.#options)
    return reply
  }

  #beginThen(write: () => Maybe<void> | undefined): Maybe<undefined> {
    const begun = this.begin()
    if (!(begun instanceof Promise)) return nothing(write())
    return begun.then(write).then(() => undefined)
  }

  /**
   * Of several the one that is to be tried again: then all of it is. A recipient less would be lost where it was refused for now, and nobody
   * would learn of one that was refused for good.
   */
  #keptRefusal(): WireReply | undefined {
    return this.#kept.find(({ code }) => code < 500) ?? this.#kept[0]
  }
}

function nothing(written: Maybe<void> | undefined): Maybe<undefined> {
  return written instanceof Promise ? written.then(() => undefined) : undefined
}
