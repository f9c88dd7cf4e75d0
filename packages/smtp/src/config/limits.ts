/** How much of everything one connection, and all of them together, may have. */

/** Bounds of a listener; see architecture §9 for the reasons. Octets and milliseconds. */
export interface Limits {
  /** Octets of a command line with its CRLF. RFC 5321 §4.5.3.1.4 asks for 512, more with extensions. */
  readonly commandLine: number
  /** Octets of an AUTH command or of a line of its exchange. RFC 4954 §4 asks for 12,288. */
  readonly authLine: number
  /** Octets of a text line with its CRLF. RFC 5321 §4.5.3.1.6 asks for 1,000; real senders exceed it. */
  readonly line: number
  /** Octets of a message, RFC 1870. */
  readonly size: number
  /** Recipients of one transaction. RFC 5321 §4.5.3.1.8 asks for 100. */
  readonly recipients: number
  /** Errors of the protocol, and AUTH that failed, before 421. */
  readonly errors: number
  /**
   * Recipients refused for good (5yz), and MAIL refused, between two messages that were taken, before 421: who tries out addresses has to begin
   * again. More than `errors`, because the dead addresses of a mailing list are no errors of its protocol.
   */
  readonly refusedRecipients: number
  /** Commands that do nothing (NOOP, RSET, VRFY, another EHLO …) between two messages before 421. */
  readonly noops: number
  /** How long an error is kept from the client that has made more than a third of what it may; 0 for not at all. */
  readonly errorDelayMs: number
  /** MAIL commands of one connection. */
  readonly transactions: number
  /** Open connections of the listener. */
  readonly connections: number
  /** Open connections from one address, the IPv6 /64 counting as one. */
  readonly connectionsPerAddress: number
  /** Open connections from one network, IPv4 /24 or IPv6 /48; default: four times `connectionsPerAddress`. */
  readonly connectionsPerNetwork: number
  /** New connections in a minute from one address; 0 for any number. */
  readonly connectionsPerMinute: number
  /** How long a command may take to arrive, RFC 5321 §4.5.3.2.7. */
  readonly commandTimeoutMs: number
  /** How long a TLS handshake, and the header of a proxy before it, may take. */
  readonly handshakeTimeoutMs: number
  /** How long a connection may last in all. */
  readonly sessionTimeoutMs: number
  /** Octets a second below which a message that comes in is given up, measured from its begin; 0 for never. */
  readonly minDataRate: number
  /** How long a message may be slow before `minDataRate` counts. */
  readonly dataGraceMs: number
}

/** What holds where nothing else is said. */
export const DEFAULT_LIMITS: Limits = Object.freeze({
  commandLine: 2048,
  authLine: 16_384,
  line: 65_536,
  size: 25 * 1024 * 1024,
  recipients: 1000,
  errors: 10,
  refusedRecipients: 100,
  noops: 100,
  errorDelayMs: 0,
  transactions: 1000,
  connections: 10_000,
  connectionsPerAddress: 50,
  connectionsPerNetwork: 200,
  connectionsPerMinute: 0,
  commandTimeoutMs: 300_000,
  handshakeTimeoutMs: 60_000,
  sessionTimeoutMs: 7_200_000,
  minDataRate: 500,
  dataGraceMs: 30_000,
})

/** The limits under stress: whoever keeps the server waiting makes room for others. */
export function tightened(limits: Limits): Limits {
  const { errors, refusedRecipients, commandTimeoutMs, handshakeTimeoutMs, dataGraceMs } = limits
  return {
    ...limits,
    errors: Math.min(errors, 3),
    refusedRecipients: Math.min(refusedRecipients, 20),
    errorDelayMs: 0,
    commandTimeoutMs: Math.min(commandTimeoutMs, 10_000),
    handshakeTimeoutMs: Math.min(handshakeTimeoutMs, 10_000),
    dataGraceMs: Math.min(dataGraceMs, 10_000),
  }
}
