/** A reply of a server: a client's view of a next hop, and what a queue remembers of it. */

/** One reply, RFC 5321 §4.2. Text of a next hop is foreign: it is bounded, and never shown unescaped. */
export interface Reply {
  /** Basic code, RFC 5321 §4.2.1. */
  readonly code: number
  /** Enhanced status, RFC 3463 and RFC 2034; absent when there was none that fits the code. */
  readonly status?: string | undefined
  /** Without code and status; lines are separated by `\n`. */
  readonly text: string
}
