/**
 * The seam between the wire and whoever decides: the connection calls these methods in the order of the protocol, one
 * at a time, and turns what they answer into replies. Everything may answer at once or with a promise; an answer at
 * once costs no turn of the event loop.
 */
import type {
  Address,
  AuthAttempt,
  CloseReason,
  Edits,
  Endpoint,
  Identity,
  MailParameters,
  Mechanism,
  RcptParameters,
  Recipient,
  Reply,
  TlsInfo,
} from '@postroad/mail'

export type Maybe<T> = T | Promise<T>

/** A reply that the wire is to send. */
export interface WireReply extends Omit<Reply, 'text'> {
  /** Without code and status; one element a line, or one line. The wire makes it ASCII and splits what is too long. */
  readonly text: string | readonly string[]
  /** What the log calls that which is refused: told behind the text of a 4yz or 5yz, so that who was refused can ask about it. */
  readonly id?: string | undefined
  /** Close the connection after it has been sent. */
  readonly disconnect?: boolean
}

/** Extensions that may only be offered when somebody behind the wire honours them. */
export interface Offer {
  /** SASL mechanisms; empty: no AUTH. The wire drops those that TLS rules forbid now. */
  readonly mechanisms: readonly Mechanism[]
  /** `false`: who judges SCRAM is not at this end of TLS, so SCRAM-SHA-256-PLUS is not offered. */
  readonly channelBinding?: boolean
  readonly eightBitMime: boolean
  readonly binaryMime: boolean
  readonly smtputf8: boolean
  readonly dsn: boolean
  readonly requireTls: boolean
  /** Whether `message` may answer for each recipient also in SMTP; absent: no. */
  readonly prdr?: boolean
}

/** What the wire lets the other side see and do of a connection. */
export interface Wire {
  /** Name of the listener. */
  readonly listener: string
  /** Of `milter` and `policy` the other end is a mail server, which takes responsibility and only asks. */
  readonly protocol: 'smtp' | 'lmtp' | 'milter' | 'policy'
  readonly remote: Endpoint
  readonly local: Endpoint
  readonly tls: TlsInfo | undefined
  /** The server is near its limits. */
  readonly stress: boolean
  /** Who the client proved to be to the server that asks us; read at MAIL. Absent where the wire itself does AUTH. */
  readonly identity?: Identity | undefined
  /** The id that the server that asks us has given the message; read when it is judged. */
  readonly queueId?: string | undefined
  /** What a trusted host said of the client with XFORWARD, for the log: `name`, `addr`, `helo` …; printable, and otherwise unchecked. */
  readonly forwarded?: Readonly<Record<string, string>> | undefined
  /** Sends the reply as soon as the protocol allows (after what is being answered), and closes. */
  disconnect(reply: WireReply): void
}

/** Where the decoded octets of one message go: no dot-stuffing, no final dot, chunks as they came. */
export interface ContentSink {
  /**
   * A promise slows the client down until it resolves; a rejection fails the message with 451. Never called again before it resolved. The octets
   * are the sink's; with `isAlone` so is all the memory under them, which it may free.
   */
  write(chunk: Uint8Array, isAlone?: boolean): void | Promise<void>
  /** The message will not come to its end: connection lost, too big, malformed, rejected. Called at most once, and not after `message`. */
  abort(): void
}

/** One connection, seen from behind the wire. A rejected promise or a throw is answered 451 4.3.0 and never passes anything. */
export interface Stages {
  /** Its id in log lines and for the client; absent where there is none. */
  readonly session?: string
  /** Before the banner. Nothing: the default 220. A 5yz or 4yz is sent instead of the banner, and the connection closes. */
  connect(): Maybe<WireReply | undefined>
  /** HELO, EHLO, LHLO. Nothing: the default 250. Resets the transaction, RFC 5321 §4.1.4. */
  helo(name: string, verb: 'HELO' | 'EHLO' | 'LHLO'): Maybe<WireReply | undefined>
  /** What EHLO may offer now; asked at each EHLO. */
  offer(): Offer
  /** The handshake is done (STARTTLS or implicit); what was known of the client is to be forgotten, RFC 3207 §4.2. */
  secured(tls: TlsInfo): void
  /** A host in front of us, which is trusted with it, has authenticated the client by this name: XCLIENT with LOGIN. Comes before `connect`. */
  authenticated(name: string): void
  /** Nothing: 535 5.7.8. A 2yz reply: authenticated. */
  auth(attempt: AuthAttempt): Maybe<WireReply | undefined>
  /** `from` is undefined for the null reverse-path. Nothing: 250 2.1.0. */
  mail(from: Address | undefined, parameters: MailParameters): Maybe<WireReply | undefined>
  /** Always answers; 2yz: the recipient counts. */
  rcpt(to: Address, parameters: RcptParameters): Maybe<WireReply>
  /** DATA or the first BDAT, with at least one recipient. Nothing: go on. Always followed by `content` when it went on. */
  data(): Maybe<WireReply | undefined>
  /** The store of the coming message. */
  content(): ContentSink
  /**
   * After the last octet was written. One reply, or one a recipient in the order of RCPT (LMTP, PRDR). Ends the transaction.
   *
   * @param hasOnlyCrlf the wire has seen every octet, and no CR or LF stands by itself; absent: it does not know
   */
  message(hasOnlyCrlf?: boolean): Maybe<WireReply | readonly WireReply[]>
  /** RSET, or the transaction ended without a message. */
  reset(): void
  verify(argument: string): Maybe<WireReply>
  expand(argument: string): Maybe<WireReply>
  help(argument: string): Maybe<WireReply>
  unknown(verb: string, argument: string): Maybe<WireReply>
  /** The wire itself refused something (syntax, sequence, limits); for the log. */
  refused(command: string, reply: WireReply): void
  /** The connection is gone; the last call. Comes at once, also while another call is still unanswered. */
  close(reason: CloseReason): void
}

/** Makes the other side of each connection. Must not throw. */
export type Attach = (wire: Wire) => Stages

/** What this server has to say of a message that another takes or refuses. `dispose` must be called when the edits were read. */
export interface Judgement {
  readonly outcome: 'pass' | 'refuse' | 'quarantine' | 'discard'
  /** At `refuse` only. */
  readonly reply?: WireReply
  /** At `quarantine` and `discard`. */
  readonly reason?: string
  /** Of the message, at `pass` and `quarantine`; absent when it is as it came. */
  readonly edits?: Edits
  /** At `pass` and `quarantine`; absent when the envelope is as the client gave it. */
  readonly envelope?: EnvelopeDifference
  /** Frees what the octets of another body stand in. May be called again. */
  dispose(): void
}

/** The envelope to what the client said: edits that undid each other are none. */
export interface EnvelopeDifference {
  /** The new reverse-path, `null` for `<>`; undefined: as it was. */
  readonly from: Address | null | undefined
  readonly add: readonly Recipient[]
  /** Whom `rewrite` has removed, and whose verdict was discard while others pass. */
  readonly remove: readonly Address[]
}

/** {@link Stages} for a wire whose other end takes responsibility and only asks. */
export interface JudgingStages extends Stages {
  /**
   * In place of `message`, and also where only the envelope was asked about: then without `content`. Ends the transaction. Never rejects: an
   * error of ours is `refuse` with 451.
   */
  judge(): Promise<Judgement>
}

/** Makes the other side of each session of such a wire. Must not throw. */
export type AttachJudging = (wire: Wire) => JudgingStages
