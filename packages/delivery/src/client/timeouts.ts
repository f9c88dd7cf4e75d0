/** How long a server may take, in milliseconds. */

/** One time for each stage. */
export interface Timeouts {
  /** TCP, to one address; RFC 5321 leaves it open, and the kernel's own can be minutes. */
  readonly connect: number
  readonly greeting: number
  /** From connecting to the first MAIL, everything together: the budget of one host. */
  readonly setup: number
  /** EHLO, STARTTLS, AUTH, RSET: each reply. */
  readonly command: number
  readonly mail: number
  readonly rcpt: number
  /** Until 354. */
  readonly data: number
  /** Each piece of the message, until the network takes it. */
  readonly block: number
  /** After the final dot. A short one makes duplicates, RFC 1047. */
  readonly final: number
}

const MINUTE = 60_000

/** RFC 5321 §4.5.3.2. */
export const TIMEOUTS: Timeouts = Object.freeze({
  connect: 30_000,
  greeting: 5 * MINUTE,
  setup: 5 * MINUTE,
  command: 5 * MINUTE,
  mail: 5 * MINUTE,
  rcpt: 5 * MINUTE,
  data: 2 * MINUTE,
  block: 3 * MINUTE,
  final: 10 * MINUTE,
})
