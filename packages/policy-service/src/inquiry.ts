/**
 * One message as Postfix asks about it: all questions of one `instance` are one session of the scope, and one transaction whose recipients grow.
 */

import { parseIp, UNKNOWN_ADDRESS } from '@postroad/listener'
import { type Address, type CloseReason, type MailParameters, makeAddress } from '@postroad/mail'
import type { AttachJudging, JudgingStages, Maybe, Wire, WireReply } from '@postroad/smtp'
import { DUNNO, FAILED, judgementOf, refusalOf } from './answer.ts'
import type { PolicyAction } from './codec/action.ts'
import type { PolicyRequest } from './codec/request.ts'

/** What an inquiry needs of its listener. */
export interface InquiryContext {
  readonly listener: string
  readonly hostname: string
  /** Recipients of one message. */
  readonly recipients: number
  /** What is said where nobody objects. */
  readonly pass: PolicyAction
  readonly attach: AttachJudging
  /** Whether anybody has ever asked about a message: a client that leaves before DATA is no sign that nobody does. */
  readonly seen: { data: boolean }
  /** What nobody who asks can be told. */
  notice(text: string): void
}

const BAD_SENDER: PolicyAction = {
  kind: 'refuse',
  code: 553,
  status: '5.1.7',
  text: 'The sender is not an address',
}
const BAD_RECIPIENT: PolicyAction = {
  kind: 'refuse',
  code: 553,
  status: '5.1.3',
  text: 'The recipient is not an address',
}
const TOO_MANY: PolicyAction = { kind: 'defer-if-permit', status: '4.5.3', text: 'Too many recipients' }
const UNASKED: PolicyAction = {
  kind: 'defer-if-permit',
  status: '4.3.0',
  text: 'Nobody has asked about the recipients, try again later',
}

/** The session of one instance. */
export class Inquiry {
  readonly instance: string
  /** When it was asked about last, on the clock of its listener. */
  askedAt = 0
  readonly #context: InquiryContext
  readonly #peer: Peer
  readonly #stages: JudgingStages
  #isConnected = false
  #isAsking = false
  #isOver = false
  #isClosed = false
  /** As the client said it last; undefined before. */
  #helo: string | undefined
  /** Of the transaction that is open. */
  #sender: string | undefined
  #recipients = 0
  /** What is said from now on, whatever is asked: the client, its name or the sender was refused at once. */
  #final: PolicyAction | undefined
  /** DATA has been asked about, and this was the answer to whoever asks again. */
  #judged: PolicyAction | undefined

  constructor(request: PolicyRequest, context: InquiryContext) {
    this.instance = request.instance
    this.#context = context
    this.#peer = new Peer(request, context.listener)
    this.#stages = context.attach(this.#peer)
  }

  /** Whether a question is about this message. */
  isOf(request: PolicyRequest): boolean {
    return request.instance === this.instance && request.instance !== '' && this.#peer.isClientOf(request)
  }

  /** Never rejects: what goes wrong is a refusal for now. */
  async ask(request: PolicyRequest): Promise<PolicyAction> {
    this.#isAsking = true
    try {
      const answer = await this.#ask(request)
      // Who wants the client gone has said so while another was being asked.
      const { farewell } = this.#peer
      if (farewell) this.#final ??= refusalOf(farewell)
      return this.#final ?? answer
    } catch (error) {
      this.#context.notice(`a question could not be answered: ${error instanceof Error ? error.message : error}`)
      return FAILED
    } finally {
      this.#isAsking = false
    }
  }

  /** The message is over, as far as anybody can tell. Never rejects. */
  async end(reason: CloseReason): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    try {
      // It passed: those who were told of it have to hear so.
      if (this.#recipients > 0 && !this.#judged && !this.#final && !this.#isAsking) await this.#conclude()
    } finally {
      this.#close(reason)
    }
  }

  /** There is no time left to hear what comes of it. */
  abandon(): void {
    this.#isOver = true
    this.#close('server')
  }

  #close(reason: CloseReason): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stages.close(reason)
  }

  #ask(request: PolicyRequest): Maybe<PolicyAction> {
    if (this.#final) return this.#final
    this.#peer.learn(request)
    switch (request.state) {
      case 'CONNECT':
        return this.#connected()
      case 'HELO':
      case 'EHLO':
        return this.#greeted(request)
      case 'MAIL':
        return this.#begun(request)
      case 'RCPT':
        return this.#rcpt(request)
      case 'DATA':
      case 'BDAT':
      case 'END-OF-MESSAGE':
        return this.#data(request)
      default:
        // VRFY and ETRN carry no mail.
        return DUNNO
    }
  }

  #connected(): Maybe<PolicyAction> {
    if (this.#isConnected) return DUNNO
    this.#isConnected = true
    return after(this.#stages.connect(), (reply) => this.#refusedAtOnce(reply))
  }

  #greeted(request: PolicyRequest): Maybe<PolicyAction> {
    return after(this.#connected(), (answer) => {
      if (this.#final || this.#helo === request.helo) return answer
      this.#helo = request.helo
      this.#forgetTransaction()
      const refused = this.#stages.helo(request.helo, request.isExtended ? 'EHLO' : 'HELO')
      return after(refused, (reply) => this.#refusedAtOnce(reply))
    })
  }

  #begun(request: PolicyRequest): Maybe<PolicyAction> {
    return after(this.#greeted(request), (answer) => {
      if (this.#final || this.#sender === request.sender) return answer
      if (this.#sender !== undefined) {
        this.#stages.reset()
        this.#forgetTransaction()
      }
      const from = request.sender === '' ? undefined : addressOf(request.sender, this.#context.hostname)
      if (request.sender !== '' && !from) return BAD_SENDER
      const parameters: MailParameters = request.size === undefined ? {} : { size: request.size }
      return after(this.#stages.mail(from, parameters), (reply) => {
        this.#sender = request.sender
        return this.#refusedAtOnce(reply)
      })
    })
  }

  #rcpt(request: PolicyRequest): Maybe<PolicyAction> {
    return after(this.#begun(request), (begun) => {
      if (this.#final || begun !== DUNNO) return begun
      // Asked again after its end: the same recipient in another list of restrictions.
      if (this.#judged) return this.#judged
      if (this.#recipients >= this.#context.recipients) return TOO_MANY
      const to = addressOf(request.recipient ?? '', this.#context.hostname)
      if (!to) return BAD_RECIPIENT
      return after(this.#stages.rcpt(to, {}), (reply) => {
        const refusal = refusalOf(reply)
        if (!refusal) this.#recipients++
        return refusal ?? this.#context.pass
      })
    })
  }

  async #data(request: PolicyRequest): Promise<PolicyAction> {
    this.#context.seen.data = true
    const begun = await this.#begun(request)
    if (this.#final || begun !== DUNNO) return begun
    if (this.#judged) return this.#judged
    if (this.#recipients === 0) {
      const refused = await this.#recipientsAtLast(request)
      if (refused) return refused
    }
    const refused = refusalOf((await this.#stages.data()) ?? NOTHING)
    if (refused) {
      this.#judged = refused
      return refused
    }
    const { action, mark } = await this.#judge()
    const said = action === DUNNO ? this.#context.pass : action
    // Once said it holds: to be held twice, or marked twice, is none the better.
    this.#judged = action.kind === 'refuse' || action.kind === 'defer-if-permit' ? action : said
    if (mark === undefined) return said
    if (request.state !== 'END-OF-MESSAGE') return { kind: 'prepend', field: mark }
    this.#context.notice(
      'a field cannot be put above a message at END-OF-MESSAGE: ask in smtpd_data_restrictions, not in smtpd_end_of_data_restrictions',
    )
    return said
  }

  /** Asked about the message, and never about a recipient: where there is one it is named. */
  async #recipientsAtLast(request: PolicyRequest): Promise<PolicyAction | undefined> {
    if (request.recipient !== undefined) {
      const answer = await this.#rcpt(request)
      return answer === this.#context.pass ? undefined : answer
    }
    this.#context.notice(
      `asked at ${request.state} about ${request.recipientCount} recipients, and at RCPT about none of them: what is asked in smtpd_data_restrictions is to be asked in smtpd_recipient_restrictions, with the same permit_ before it`,
    )
    return UNASKED
  }

  /** Nobody has asked about its end. */
  async #conclude(): Promise<void> {
    const { action } = await this.#judge()
    if (action !== DUNNO && !this.#context.seen.data)
      this.#context.notice(
        `points came to ${action.kind}, and nobody has asked about that: points are summed up at DATA, ask in smtpd_data_restrictions, too`,
      )
  }

  async #judge(): Promise<ReturnType<typeof judgementOf>> {
    const judgement = await this.#stages.judge()
    judgement.dispose()
    return judgementOf(judgement)
  }

  #refusedAtOnce(reply: WireReply | undefined): PolicyAction {
    const refusal = reply && refusalOf(reply)
    if (refusal) this.#final = refusal
    return refusal ?? DUNNO
  }

  #forgetTransaction(): void {
    this.#sender = undefined
    this.#recipients = 0
    this.#judged = undefined
  }
}

/** At once where nobody has to be waited for: most questions are answered so, and each promise on the way would cost them. */
function after<T, R>(value: Maybe<T>, next: (value: T) => Maybe<R>): Maybe<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** A reply that refuses nothing. */
const NOTHING: WireReply = { code: 250, text: '' }

/** The client, as Postfix tells of it. */
class Peer implements Wire {
  readonly listener: string
  readonly protocol = 'policy'
  readonly remote: Wire['remote']
  readonly local: Wire['local']
  tls: Wire['tls']
  stress: boolean
  identity: Wire['identity']
  queueId: string | undefined
  /** Said by somebody who wants the client gone, and not at a stage of its own. */
  farewell: WireReply | undefined
  readonly #client: string

  constructor(request: PolicyRequest, listener: string) {
    const { clientAddress, clientPort, serverAddress, serverPort } = request
    this.listener = listener
    this.#client = clientOf(request)
    this.remote = { address: parseIp(clientAddress ?? '') ?? UNKNOWN_ADDRESS, port: clientPort }
    this.local = { address: parseIp(serverAddress ?? '') ?? '', port: serverPort }
    this.tls = request.tls
    this.stress = request.stress
    this.learn(request)
  }

  /** What may change while a message is asked about: the client says STARTTLS, proves who it is, and gets an id. */
  learn({ tls, stress, login, queueId }: PolicyRequest): void {
    this.tls = tls
    this.stress = stress
    this.identity = login === undefined ? undefined : { name: login }
    this.queueId = queueId ?? this.queueId
  }

  isClientOf(request: PolicyRequest): boolean {
    return clientOf(request) === this.#client
  }

  disconnect(reply: WireReply): void {
    this.farewell ??= { ...reply, disconnect: true }
  }
}

function clientOf({ clientAddress, clientPort }: PolicyRequest): string {
  return `${clientAddress ?? ''} ${clientPort}`
}

/** An address without quotes, as Postfix writes it here. One without a domain is of its own, and there is no name for that but ours. */
function addressOf(text: string, hostname: string): Address | undefined {
  const at = text.lastIndexOf('@')
  const [local, domain] = at < 0 ? [text, hostname] : [text.slice(0, at), text.slice(at + 1)]
  try {
    return makeAddress(local, domain)
  } catch {
    return undefined // the client's own invention
  }
}
