/** One mail transaction on the wire: what has been said since MAIL, RFC 5321 §3.3. */

import type { MailParameters } from '@postroad/mail'
import type { Body, WireReply } from '../stages.ts'

/** From a MAIL that was answered 2yz to the reply to the message, RSET, or the end of the connection. */
export class Transaction {
  readonly parameters: MailParameters
  /** Recipients answered 2yz. */
  accepted = 0
  /** Recipients refused. */
  refused = 0
  /** Replies that said no to what could not succeed any more. */
  futile = 0
  /** Chunks of BDAT that were hardly worth their reply. */
  smallChunks = 0
  /** Content has begun to come: after 354, or the first BDAT. */
  hasContent = false
  /** Open from 354 (or the first BDAT) to the end of the message. */
  body: Body | undefined
  /** Why the message that is coming in will not be taken; its octets are thrown away from then on. */
  failure: WireReply | undefined
  /** Octets of content so far, RFC 1870 §5. */
  size = 0

  constructor(parameters: MailParameters) {
    this.parameters = parameters
  }

  /** Content comes from now on. */
  begin(body: Body): void {
    this.hasContent = true
    this.body = body
  }

  /** Gives the message up: what comes of it is passed over, and `failure` is the answer to it. */
  fail(failure: WireReply): void {
    this.failure ??= failure
    this.abort()
  }

  /** Tells the store that the message will not come to its end. */
  abort(): void {
    const body = this.body
    this.body = undefined
    body?.abort()
  }
}
