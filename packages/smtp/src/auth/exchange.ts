/** The SASL exchange of one AUTH command, RFC 4954 §4 and RFC 4422 §3: challenges and responses until there is something to judge. */
import type { AuthAttempt, TlsInfo } from '@postroad/mail'
import type { WireReply } from '../stages.ts'

/** What an exchange wants after a response of the client: send a challenge, ask whether the attempt is good, or give up with a reply. */
export type AuthStep =
  | { readonly challenge: string }
  | { readonly attempt: AuthAttempt }
  | { readonly refusal: WireReply }

/** What an exchange may use of the connection. */
export interface ExchangeContext {
  readonly hostname: string
  readonly tls: TlsInfo | undefined
  /** What ties an exchange to this TLS connection, RFC 9266 §2; undefined where there is nothing of the kind. */
  readonly channelBinding: Buffer | undefined
  /** Sends a challenge while the attempt is being judged; undefined: cancelled, or the client is gone. */
  ask(challenge: string): Promise<Buffer | undefined>
}

/** One mechanism at work. */
export interface AuthExchange {
  /** `response` is undefined when AUTH came without an initial response; else decoded, and never what could not be decoded. */
  next(response: Buffer | undefined): AuthStep
  /** A last challenge after the attempt was found good; the client answers it with nothing. */
  success?(): string | undefined
  /** A last challenge after it was found bad; whatever the client answers, 535 follows. */
  failure?(): string | Promise<unknown>
}
