/** The SASL exchange of one AUTH command, RFC 4954 §4 and RFC 4422 §3: challenges and responses until there is something to judge. */
import type { AuthAttempt, Reply } from '../stages.ts'

/** What an exchange wants after a response of the client: send a challenge, ask whether the attempt is good, or give up with a reply. */
export type Step = { readonly challenge: string } | { readonly attempt: AuthAttempt } | { readonly refusal: Reply }

/** One mechanism at work. */
export interface Exchange {
  /** `response` is undefined when AUTH came without an initial response; else decoded, and never what could not be decoded. */
  next(response: Buffer | undefined): Step
}
