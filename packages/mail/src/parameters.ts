/** What may stand behind the path in MAIL FROM and RCPT TO. */

/** Parameters of MAIL FROM that were declared and understood. */
export interface MailParameters {
  /** Octets the client announced, RFC 1870. */
  readonly size?: number
  /** RFC 6152, RFC 3030. */
  readonly body?: '7BIT' | '8BITMIME' | 'BINARYMIME'
  /** RFC 6531. */
  readonly smtputf8?: boolean
  /** RFC 8689. */
  readonly requireTls?: boolean
  /** The client takes one reply a recipient after the message, draft-hall-prdr-00. */
  readonly prdr?: boolean
  /** How much of the message a DSN returns, RFC 3461 §4.3. */
  readonly ret?: 'FULL' | 'HDRS'
  /** Envelope id, xtext decoded, RFC 3461 §4.4. */
  readonly envid?: string
  /** RFC 4954 §5: `null` is `AUTH=<>`. */
  readonly auth?: string | null
  /** Milliseconds since the epoch before which it does not go on, RFC 4865. Only mail of one's own can say it. */
  readonly holdUntil?: number
  /** Of mail of one's own: the queue takes one message with this key, until this time in milliseconds since the epoch. */
  readonly idempotency?: { readonly key: string; readonly until: number }
}

/** Parameters of RCPT TO that were declared and understood, RFC 3461. */
export interface RcptParameters {
  /** When to tell the sender, RFC 3461 §4.1. */
  readonly notify?: readonly ('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[]
  /** Original recipient: address type and address, xtext decoded, RFC 3461 §4.2. */
  readonly orcpt?: { readonly type: string; readonly address: string }
}
