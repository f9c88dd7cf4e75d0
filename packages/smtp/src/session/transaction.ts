/** One mail transaction on the wire: what has been said since MAIL, RFC 5321 §3.3. */

import type { MailParameters } from '@postroad/mail'
import type { ContentSink, WireReply } from '../stages.ts'

/** From a MAIL that was answered 2yz to the reply to the message, RSET, or the end of the connection. */
export class WireTransaction {
  readonly parameters: MailParameters
  #accepted = 0
  #refused = 0
  #futile = 0
  #smallChunks = 0
  #hasContent = false
  #content: ContentSink | undefined
  #failure: WireReply | undefined
  #size = 0

  constructor(parameters: MailParameters) {
    this.parameters = parameters
  }

  /** Recipients answered 2yz. */
  get accepted(): number {
    return this.#accepted
  }

  /** Recipients refused. */
  get refused(): number {
    return this.#refused
  }

  /** Content has begun to come: after 354, or the first BDAT. */
  get hasContent(): boolean {
    return this.#hasContent
  }

  /** Open from 354 (or the first BDAT) to the end of the message, or until that has failed. */
  get content(): ContentSink | undefined {
    return this.#content
  }

  /** Why the message that is coming in will not be taken; its octets are thrown away from then on. */
  get failure(): WireReply | undefined {
    return this.#failure
  }

  /** Octets of content so far, RFC 1870 §5. */
  get size(): number {
    return this.#size
  }

  /** A recipient has been answered. */
  countRecipient(isAccepted: boolean): void {
    if (isAccepted) this.#accepted++
    else this.#refused++
  }

  /** Another reply says no to what could not succeed any more; gives how many have by now. */
  countFutile(): number {
    return ++this.#futile
  }

  /** Another chunk of BDAT was hardly worth its reply; gives how many were by now. */
  countSmallChunk(): number {
    return ++this.#smallChunks
  }

  /** Content comes from now on. */
  begin(content: ContentSink): void {
    this.#hasContent = true
    this.#content = content
  }

  /** So many octets of content have come. */
  grow(octets: number): void {
    this.#size += octets
  }

  /** All of the content is there: the store has it, and is not told to forget it any more. */
  complete(): void {
    this.#content = undefined
  }

  /** Gives the message up: what comes of it is passed over, and `failure` is the answer to it. */
  fail(failure: WireReply): void {
    this.#failure ??= failure
    this.abort()
  }

  /** Tells the store that the message will not come to its end. */
  abort(): void {
    const content = this.#content
    this.#content = undefined
    content?.abort()
  }
}
