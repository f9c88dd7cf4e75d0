/**
 * One mail transaction on a connection, RFC 5321 §3.3: MAIL, RCPT for each recipient, DATA, and the message; in as few writes
 * and waits as the server allows, with a fate for each recipient whatever goes wrong and where.
 */
import type { Address, MailParameters, MessageSource, Recipient, Reply } from '@postroad/mail'
import { chunkOf } from './chunk.ts'
import { isUnknown } from './chunk-trust.ts'
import { mailCommand, rcptCommand } from './command.ts'
import { type ClientConnection, type CommandExchange, NO_ANSWER } from './connection.ts'
import { DataEncoder } from './data-encoder.ts'
import { ReadMemory } from './read-memory.ts'
import { localReply } from './reply.ts'
import type { Timeouts } from './timeouts.ts'

/** What became of one recipient. */
export interface Fate {
  readonly recipient: Recipient
  /** The deciding reply; 2yz: the server took the message for this recipient. */
  readonly reply: Reply
  /** All was sent, and no answer came: the server may have taken it. */
  readonly isUncertain: boolean
}

/** What a transaction is made of, besides its recipients. */
export interface TransactionOptions {
  readonly from: Address | undefined
  readonly parameters: MailParameters
  /** Octets, for SIZE; undefined when not known yet. */
  readonly size: number | undefined
  readonly timeouts: Timeouts
  /** The message may go with its envelope, RFC 3030 §2: the server is known to read a chunk that it refuses. Default false. */
  readonly mayChunk?: boolean
}

/** Messages up to this size go out in one write, copied together; longer ones chunk by chunk. */
const ONE_WRITE = 65_536

const FINAL_DOT = Buffer.from('.\r\n')

/** What the next reply is about. */
type Stage = 'mail' | 'rcpt' | 'data' | 'body' | 'chunk' | 'final' | 'empty' | 'done'

const WAITING_FOR: Readonly<Record<Stage, string>> = {
  mail: ', waiting for the answer to MAIL',
  rcpt: ', waiting for the answer to RCPT',
  data: ', waiting for the answer to DATA',
  body: ' while sending the message',
  chunk: ', waiting for the answer to BDAT',
  final: ', waiting for the answer to the final dot',
  empty: '',
  done: '',
}

interface RcptEntry {
  readonly recipient: Recipient
  fate: Reply | undefined
  isUncertain: boolean
  answered: ((reply: Reply) => void) | undefined
}

/** Ends by {@link send}, or is given up before; until then recipients may be added one by one. */
export class ClientTransaction implements CommandExchange {
  readonly #connection: ClientConnection
  readonly #options: TransactionOptions
  readonly #entries: RcptEntry[] = []
  /** Entries before this index need no RCPT any more. */
  #next = 0
  /** Entries whose RCPT was sent, and how many of them were answered. */
  readonly #asked: RcptEntry[] = []
  #answered = 0
  #isBegun = false
  #isDataSent = false
  /** Where we are once MAIL and RCPT are answered. */
  #phase: Exclude<Stage, 'mail' | 'rcpt'> = 'data'
  #mail: Reply | undefined
  #loss: Reply | undefined
  #message: MessageSource | undefined
  #resolve: ((fates: readonly Fate[]) => void) | undefined
  /** The server knows of a transaction that has not come to its end: RSET before the next. */
  needsReset = false
  /** No answer came in time. */
  #isLate = false
  #hasChunk = false
  /** The server has offered CHUNKING, and said to BDAT that it does not know it: those who have this fate are to be tried again by DATA. */
  chunkUnknown: Reply | undefined
  /** Why the message could not be read, if so. */
  readError: unknown

  /** MAIL goes out with the first recipient. */
  constructor(connection: ClientConnection, options: TransactionOptions) {
    this.#connection = connection
    this.#options = options
  }

  get timeoutMs(): number {
    const { timeouts } = this.#options
    const stage = this.#stage
    // A server may keep all of its answers until it has taken the message.
    if (stage === 'mail' || stage === 'rcpt')
      return this.#hasChunk ? Math.max(timeouts[stage], timeouts.final) : timeouts[stage]
    if (stage === 'data') return timeouts.data
    return stage === 'body' ? timeouts.block : timeouts.final
  }

  /** Recipients the server has not refused so far. */
  get accepted(): readonly Recipient[] {
    return this.#open().map((entry) => entry.recipient)
  }

  /** All of the message is on its way: only answers are awaited. */
  get isSent(): boolean {
    return this.#phase === 'final' || this.#phase === 'chunk'
  }

  /** The connection is gone, or out of step. */
  get isLost(): boolean {
    return this.#loss !== undefined
  }

  /**
   * The server has said nothing, or not now, and nothing has happened: a connection from a pool was closed while it idled, or
   * was used for as long as the server likes it. Another one may do. A message that went with its envelope may have been taken before the
   * connection was lost, as unlikely as that is; it would come twice whenever it is sent again, so it is at once. Not when the server is only
   * late: it may be at work.
   */
  get wasStale(): boolean {
    if (this.#mail === undefined) return this.isLost && !(this.#hasChunk && this.#isLate)
    // 503: it believes that something is out of order, and that can only be what was before.
    return (this.#mail.code >= 400 && this.#mail.code < 500) || this.#mail.code === 503
  }

  /** What the server has said to MAIL, or instead: 421, and closed. Undefined: nothing. */
  get answerToMail(): Reply | undefined {
    return this.#mail ?? (this.#loss?.code === 421 ? this.#loss : undefined)
  }

  /** Adds one recipient and resolves to the server's answer to it; or to MAIL, when that was refused. */
  rcpt(recipient: Recipient): Promise<Reply> {
    return new Promise((resolve) => {
      this.#add(recipient, resolve)
      this.#advance()
    })
  }

  /** Sends the message to `recipients` and those added before. Resolves to one fate each; never rejects. */
  send(message: MessageSource, recipients: readonly Recipient[] = []): Promise<readonly Fate[]> {
    return new Promise((resolve) => this.start(message, recipients, resolve))
  }

  /** {@link send} for who waits without a promise. */
  start(message: MessageSource, recipients: readonly Recipient[], done: (fates: readonly Fate[]) => void): void {
    this.#resolve = done
    this.#message = message
    for (const recipient of recipients) this.#add(recipient, undefined)
    if (this.#loss !== undefined) this.#finish()
    else this.#advance()
  }

  reply(reply: Reply): void {
    switch (this.#stage) {
      case 'mail':
        this.#afterMail(reply)
        break
      case 'rcpt':
        this.#afterRcpt(reply)
        break
      case 'data':
        this.#afterData(reply)
        break
      case 'body':
        this.#afterEarly(reply)
        break
      case 'chunk':
      case 'final':
        this.#afterFinal(reply)
        break
      default:
        this.needsReset = false
        this.#finish()
    }
  }

  lost(reply: Reply): void {
    if (this.#loss !== undefined) return
    const stage = this.#stage
    // The server's own 421 says that it did not take the message; any other end leaves that open.
    const isOurs = reply.code !== 421
    const loss = isOurs ? { ...reply, text: reply.text + WAITING_FOR[stage] } : reply
    this.#loss = loss
    this.#isLate = reply === NO_ANSWER
    this.#decide(this.#open(), loss, isOurs && this.isSent)
    this.needsReset = false
    this.#finish()
  }

  get #stage(): Stage {
    if (this.#mail === undefined) return 'mail'
    return this.#answered < this.#asked.length ? 'rcpt' : this.#phase
  }

  /** Entries whose fate is open. */
  #open(): RcptEntry[] {
    return this.#entries.filter((entry) => entry.fate === undefined)
  }

  #decide(entries: readonly RcptEntry[], fate: Reply, isUncertain = false): void {
    for (const entry of entries) {
      entry.fate = fate
      entry.isUncertain = isUncertain
      entry.answered?.(fate)
    }
  }

  #add(recipient: Recipient, answered: ((reply: Reply) => void) | undefined): void {
    const entry: RcptEntry = { recipient, fate: undefined, isUncertain: false, answered }
    this.#entries.push(entry)
    const refusal = this.#loss ?? (this.#mail !== undefined && !isPositive(this.#mail) ? this.#mail : undefined)
    if (refusal !== undefined) this.#decide([entry], refusal)
  }

  /** Sends what may be sent now: all that is left where the server pipelines, one command where it does not. */
  #advance(): void {
    const { extensions } = this.#connection
    if (!this.#isBegun) this.#begin()
    const isOneByOne = !extensions.pipelining
    const mustWait = () => isOneByOne && (this.#mail === undefined || this.#answered < this.#asked.length)
    while (this.#next < this.#entries.length && !mustWait()) {
      const entry = this.#entries[this.#next++] as RcptEntry // within the bounds
      if (entry.fate !== undefined) continue
      this.#asked.push(entry)
      this.#connection.command(rcptCommand(entry.recipient.address, entry.recipient.parameters, extensions), this)
    }
    if (this.#message !== undefined && !this.#isDataSent && this.#next === this.#entries.length && !mustWait())
      this.#sendData()
    this.#connection.flush()
  }

  #begin(): void {
    const { from, size } = this.#options
    // RFC 6531 §3.4: an internationalized recipient needs it too, though the client knew it by another address.
    const smtputf8 =
      this.#options.parameters.smtputf8 || this.#entries.some(({ recipient }) => recipient.address.isInternational)
    const parameters = smtputf8 ? { ...this.#options.parameters, smtputf8 } : this.#options.parameters
    this.#isBegun = true
    this.needsReset = true
    this.#connection.transactions++
    this.#connection.command(mailCommand(from, parameters, this.#connection, size), this)
  }

  #sendData(): void {
    const isAnswered = this.#mail !== undefined && this.#answered === this.#asked.length
    if (isAnswered && this.#open().length === 0) {
      this.#finish()
      return
    }
    this.#isDataSent = true
    const chunk = this.#options.mayChunk && this.#message ? chunkOf(this.#message) : undefined
    if (chunk === undefined) return void this.#connection.command('DATA', this)
    this.#hasChunk = true
    this.#phase = 'chunk'
    this.#connection.chunk(chunk.octets, chunk.size, this)
  }

  #afterMail(reply: Reply): void {
    this.#mail = reply
    if (!isPositive(reply)) this.#decide(this.#open(), reply.code < 400 ? outOfStep(reply) : reply)
    this.#advance()
  }

  #afterRcpt(reply: Reply): void {
    const entry = this.#asked[this.#answered++] as RcptEntry // the stage says that there is one
    if (entry.fate === undefined) {
      if (isPositive(reply)) entry.answered?.(reply)
      else this.#decide([entry], reply.code < 400 ? outOfStep(reply) : reply)
    }
    this.#advance()
  }

  #afterData(reply: Reply): void {
    const open = this.#open()
    if (reply.code !== 354) {
      this.#decide(open, reply.code < 400 ? outOfStep(reply) : reply)
      this.#finish()
      if (reply.code < 400) this.#connection.destroy()
      return
    }
    if (open.length === 0) {
      this.#sendEmpty()
      return
    }
    const replies = this.#connection.isLmtp ? open.length : 1
    this.#phase = 'body'
    for (let i = 0; i < replies; i++) this.#connection.expect(this)
    this.#sendBody()
  }

  /** RFC 2920 §3.1: the server goes on although it refused all recipients; a lone dot ends a message without recipients. */
  #sendEmpty(): void {
    this.#phase = 'empty'
    this.#connection.expect(this)
    this.#connection.write(FINAL_DOT)
  }

  #sendBody(): void {
    const message = this.#message as MessageSource // DATA is sent by `send` only
    const chunks = message.chunks?.()
    if (chunks === undefined || message.size > ONE_WRITE) return void this.#stream(message, chunks)
    const out: Uint8Array[] = []
    const encoder = new DataEncoder(message.hasOnlyCrlf)
    for (const chunk of chunks) encoder.encode(chunk, out)
    encoder.end(out)
    this.#phase = 'final'
    this.#connection.write(Buffer.concat(out))
  }

  async #stream(message: MessageSource, chunks: readonly Uint8Array[] | undefined): Promise<void> {
    const connection = this.#connection
    const encoder = new DataEncoder(message.hasOnlyCrlf)
    const out: Uint8Array[] = []
    // What the socket still has is not written over.
    const memory = new ReadMemory(() => connection.unsent === 0)
    try {
      for await (const chunk of chunks ?? message.raw(memory.lend)) {
        encoder.encode(chunk, out)
        if (!writeAll(connection, out)) await connection.drained()
        if (this.#phase !== 'body') return
      }
    } catch (error) {
      this.readError = error
      // RFC 5321 §4.1.1.4: without the final dot the server must not take it; closing is the only way to say so.
      return connection.destroy(localReply(451, '4.3.0', 'The message could not be read'))
    } finally {
      memory.release()
    }
    encoder.end(out)
    // Before the write: the answer may come at any time after.
    this.#phase = 'final'
    writeAll(connection, out)
  }

  /** An answer before the final dot: a refusal counts, but server and client no longer agree on what is text and what is a command. */
  #afterEarly(reply: Reply): void {
    this.#decide(this.#open(), reply.code < 400 ? outOfStep(reply) : reply)
    this.#finish()
    this.#connection.destroy()
  }

  #afterFinal(reply: Reply): void {
    const isAllSent = this.#connection.unsent === 0
    // A yes before the end of the message was sent cannot mean this message; a no may mean its beginning.
    const final = reply.code < 400 && !(isPositive(reply) && isAllSent) ? outOfStep(reply) : reply
    const open = this.#open()
    this.#decide(this.#connection.isLmtp ? open.slice(0, 1) : open, final, final !== reply && isAllSent)
    if (this.#connection.isLmtp && open.length > 1) return
    if (this.#hasChunk && isUnknown(reply)) this.chunkUnknown = reply
    // RFC 3030 §2: what comes of a chunk that was refused is not said.
    this.needsReset = this.#hasChunk && !isPositive(reply)
    this.#finish()
    // Answered before all was sent, or not known: the server would read the rest as commands.
    if (!isAllSent || final !== reply || this.chunkUnknown !== undefined) this.#connection.destroy()
  }

  #finish(): void {
    this.#phase = 'done'
    const resolve = this.#resolve
    this.#resolve = undefined
    resolve?.(
      this.#entries.map(({ recipient, fate, isUncertain }) => ({ recipient, reply: fate ?? ABANDONED, isUncertain })),
    )
  }
}

/** A 2yz reply, RFC 5321 §4.2.1. */
export function isPositive(reply: Reply): boolean {
  return reply.code >= 200 && reply.code < 300
}

const ABANDONED = localReply(451, '4.3.0', 'The transaction was given up')

function outOfStep(reply: Reply): Reply {
  return localReply(451, '4.5.0', `Unexpected reply ${reply.code}`)
}

/** Writes and empties `out`; false when there is no room for more. */
function writeAll(connection: ClientConnection, out: Uint8Array[]): boolean {
  if (out.length === 1) return connection.write(out.pop() ?? FINAL_DOT)
  let isRoom = true
  connection.cork()
  for (const octets of out) isRoom = connection.write(octets)
  connection.uncork()
  out.length = 0
  return isRoom
}
