/**
 * What the verbs see of a connection, and what a connection sees of its verbs. Either half can be read without the other: a verb asks, says
 * and tells what has changed, and never writes into the state of the connection itself.
 */
import type { Endpoint, MailParameters } from '@postroad/mail'
import type { Settings } from '../config/settings.ts'
import type { Maybe, Offer, Stages, Wire, WireReply } from '../stages.ts'
import type { Input } from '../wire/input.ts'
import type { formatReply } from '../wire/reply.ts'
import type { WireTransaction } from './transaction.ts'

/** What a client's lines and octets come to. Nothing is remembered here: all state is that of the conversation. */
export interface Verbs {
  /** `connect` has been answered: the banner, or a refusal. */
  greet(conversation: Conversation, answer: WireReply | undefined): void
  /** One line that is a command. `strict` is false when it ended in a bare LF, or has a CR or a NUL in it. */
  dispatch(conversation: Conversation, line: string, strict: boolean): void
  /** One line that is no command but the response to a challenge of AUTH. */
  respond(conversation: Conversation, line: string): void
  /** Octets of the message that is coming in. */
  content(conversation: Conversation, octets: Buffer): void
  /** The end of the message behind DATA. */
  messageEnd(conversation: Conversation): void
  /** The last octet of a chunk of BDAT. */
  chunkEnd(conversation: Conversation, chunk: Chunk): void
}

/** One chunk of BDAT that is coming in. */
export interface Chunk {
  readonly size: number
  readonly isLast: boolean
  /** What it is answered, when its octets are not wanted. */
  readonly refusal: WireReply | undefined
  /** The refusal is that of the whole message. */
  readonly isOver?: boolean
}

/** Who speaks from now on, as a host in front of us has it. */
export interface Introduction {
  readonly remote: Endpoint
  readonly local: Endpoint
  /** Who the client has proved to be there, if that is to be believed. */
  readonly login: string | undefined
}

/** Takes a response of the client to a challenge, or a reply that says why there is none. */
export type Responder = (response: Buffer | WireReply) => void

/** A session with one client, as its verbs see it: what holds now, what can be said, and what they change. */
export interface Conversation extends Wire {
  readonly settings: Settings
  readonly stages: Stages
  readonly input: Input
  /** Our end, whatever XCLIENT says of it. */
  readonly here: Endpoint
  /** XCLIENT has been said: whoever speaks is not who connected, and what TLS knows is not of them. */
  readonly isForwarded: boolean
  /** There is no client: the proxy wants to see that we are there. */
  readonly isProbe: boolean
  readonly isClosed: boolean
  /** The connection is to close once what is going on has been answered. */
  readonly isEnding: boolean
  /** STARTTLS can be honoured. */
  readonly hasCertificate: boolean
  /** Ties AUTH to this TLS connection; undefined without one, before TLS 1.3, or when it is not that of the client. */
  readonly channelBinding: Buffer | undefined
  /** HELO, EHLO or LHLO has been taken, and no STARTTLS or XCLIENT has come since. */
  readonly isIntroduced: boolean
  /** What was offered last, or would be now. */
  readonly offer: Offer
  readonly isAuthenticated: boolean
  readonly transaction: WireTransaction | undefined
  /** The chunk of BDAT that is coming in. */
  readonly chunk: Chunk | undefined
  /** MAIL commands so far. */
  readonly transactions: number

  /** Adds a reply to what goes out next. A 421 closes the connection, RFC 5321 §3.8. */
  say(answer: WireReply, format?: typeof formatReply): void
  /** Adds what `formatReply` or `formatPlain` made before. */
  put(text: string): void
  /** Sends what there is to send, in one write. */
  flush(): void
  /**
   * Goes on with `next` when there is an answer: now, when it is there already. A rejection is a 451, as the answer. Meanwhile nothing more
   * is read.
   */
  answer<T, X>(
    answer: Maybe<T>,
    next: (conversation: this, answer: NoInfer<T> | WireReply, context: X) => void,
    context: X,
  ): void
  /** Goes on with `next` after some time, at once for 0. Meanwhile nothing more is read. */
  later(delayMs: number, next: () => void): void
  /** Closes once what is going on has been answered. */
  end(reason: 'refused'): void
  /** Says what is still to be said and closes; the client has some seconds to read it. */
  hangUp(reason: 'quit'): void

  /** The wire itself refuses a command; too many of these end the connection. */
  refuse(command: string, answer: WireReply, format?: typeof formatReply): void
  /** Says a reply that counts as an error of the client. One that makes many of them has to wait for the replies. */
  countError(answer: WireReply): void
  /** Says that a recipient is refused, or MAIL; too many without a message that is taken end the connection. `counts`: default for 5yz. */
  countRefused(answer: WireReply, counts?: boolean): void
  /** Says no to what could not succeed any more in this transaction: an error, but for the first `free` times. */
  countFutile(answer: WireReply, free: number): void
  /** A command that does nothing for a message; when there are too many it is refused here, and the answer is false. */
  countNoop(): boolean
  /** XCLIENT and XFORWARD: some for each MAIL are as it should be, more of them do nothing; false as in {@link countNoop}. */
  countSpeech(): boolean
  /** HELO, EHLO and LHLO: more than it takes to be introduced do nothing; false as in {@link countNoop}. */
  countHello(): boolean
  /** Another MAIL is asked of the stages. */
  countMail(): void

  /** The client has a name: gives what is offered to it from now on. */
  introduce(): Offer
  /** The client is not called what it says. */
  refuseHello(answer: WireReply): void
  /** The client is who it says. */
  authenticate(): void
  /** Takes the next line, which is no command but the response to a challenge of AUTH. */
  awaitResponse(responder: Responder): void
  /** Whoever waits for a response, and does no more. */
  takeResponder(): Responder | undefined
  /** Whoever has closed its side has no use for the answer that is awaited next. */
  forgoReply(): void
  /** STARTTLS has been answered: goes on inside TLS. */
  startTls(): void
  /** XCLIENT: counts the connection for the client that is named; false when that has too many. */
  admit(address: string): boolean
  /** Which limit the last client met that was not admitted. */
  tooMany(): string
  /** XCLIENT: a session with another client begins on this connection, and nothing that is known of the one before holds for it. */
  restart(introduction: Introduction): void
  /** XFORWARD: what is said of the client of this transaction. */
  forward(attributes: Readonly<Record<string, string>>): void
  /** MAIL was answered 2yz. */
  beginTransaction(parameters: MailParameters): void
  /** The octets of a message are to come: their rate is watched from now on. */
  watchContent(): void
  /** The octets of a chunk follow. */
  beginChunk(chunk: Chunk): void
  /** The transaction is over, and what comes next is a new one. `isAccepted`: by a message that was taken. */
  endTransaction(isAccepted: boolean): void
  /** Ends a transaction that came to no message. */
  abandon(): void
}
