/**
 * Who carries a delivery to its next hop, as the engine sees it. `@postroad/delivery` has the same shapes under the name
 * `Transport`; the two packages do not know each other.
 */
import type { Address, MailParameters, RcptParameters, Route } from '@postroad/plugin'
import type { Reply } from './model.ts'

/** The octets of a message. Readers may be many and at once. */
export interface MessageSource {
  /** Octets. */
  readonly size: number
  raw(): AsyncIterable<Uint8Array>
  /** All of it, when it is in memory. */
  chunks?(): readonly Uint8Array[] | undefined
}

/** What a carrier is asked to do: one transaction. */
export interface CarrierJob<R extends CarrierRecipient = CarrierRecipient> {
  readonly route: Route
  readonly from: Address | undefined
  readonly parameters: MailParameters
  readonly recipients: readonly R[]
  readonly message: MessageSource
  /** Stops the attempt, unless it stays `unanswered`. */
  readonly signal: AbortSignal
  /** Where to say that it goes on all the same. */
  readonly unanswered?: Unanswered
  /** Queue id, for the log. */
  readonly id?: string
}

/** Is told of a transaction whose final dot was sent when the attempt was to stop: to leave before the answer makes a duplicate, RFC 1047. */
export interface Unanswered {
  /** Called while the signal's listeners run. The answer is then waited for; `cut` ends it, when that takes too long. */
  stay(cut: () => void): void
}

export interface CarrierRecipient {
  readonly address: Address
  readonly parameters: RcptParameters
}

/** What became of one recipient in one attempt. */
export interface RecipientOutcome<R extends CarrierRecipient = CarrierRecipient> {
  /** The object of the job. */
  readonly recipient: R
  readonly kind: 'delivered' | 'deferred' | 'failed'
  readonly reply: Reply
  /** Name of the host that answered. */
  readonly remote?: string
  /** Protocol and cipher, when there was TLS. */
  readonly tls?: string
  /** The next hop's wish when to come again; obeyed within bounds. */
  readonly retryAfterMs?: number
  /** The next hop speaks DSN and was told NOTIFY: success is its to report, RFC 3461 §5.2.1. */
  readonly dsnRelayed?: boolean
  /** Everything was sent, the answer never came: the next attempt may make a duplicate, RFC 1047. */
  readonly uncertain?: boolean
}

/** No attempt was made: a carrier that rejects with this gives the delivery back, and none is counted. */
export class NotTried extends Error {
  constructor() {
    super('No attempt was made')
    this.name = 'NotTried'
  }
}

/** Carries deliveries. A rejection counts as deferred for all recipients, but for {@link NotTried}. */
export interface Carrier {
  deliver(job: CarrierJob): Promise<readonly RecipientOutcome[]>
}

/** Collects a source into one piece. */
export async function readAll(source: MessageSource): Promise<Buffer> {
  const ready = source.chunks?.()
  if (ready) return Buffer.concat(ready)
  const chunks: Uint8Array[] = []
  for await (const chunk of source.raw()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** A source of octets that are in memory. */
export function memorySource(chunks: readonly Uint8Array[]): MessageSource {
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  return {
    size,
    async *raw() {
      yield* chunks
    },
    chunks: () => chunks,
  }
}
