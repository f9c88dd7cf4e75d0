/** The SASL mechanisms the wire speaks, by name. */
import type { Mechanism } from '@postroad/mail'
import type { AuthExchange, AuthStep, ExchangeContext } from './exchange.ts'
import { CramMd5, Login, plain } from './password.ts'
import { Scram } from './scram.ts'
import { isName, MALFORMED, textOf } from './text.ts'
import { OAuthBearer, XOAuth2 } from './token.ts'

/** What a client may say in AUTH: the mechanisms that are judged, and what the wire makes of one of them by itself. */
export type WireMechanism = Mechanism | 'SCRAM-SHA-256-PLUS'

/** Makes the exchange of one AUTH command. */
export const MECHANISMS: ReadonlyMap<string, (context: ExchangeContext) => AuthExchange> = new Map<
  WireMechanism,
  (context: ExchangeContext) => AuthExchange
>([
  ['PLAIN', () => ({ next: plain })],
  ['LOGIN', () => new Login()],
  ['CRAM-MD5', ({ hostname }) => new CramMd5(hostname)],
  ['SCRAM-SHA-256', (context) => new Scram(context)],
  ['SCRAM-SHA-256-PLUS', (context) => new Scram(context, true)],
  ['XOAUTH2', () => new XOAuth2()],
  ['OAUTHBEARER', () => new OAuthBearer()],
  ['EXTERNAL', (context) => ({ next: (response) => external(response, context) })],
])

/** RFC 4422 §A: TLS has shown who the client is; the response is who it would act as, or nothing. */
function external(response: Buffer | undefined, { tls }: ExchangeContext): AuthStep {
  if (response === undefined) return { challenge: '' }
  const authorize = textOf(response)
  const certificate = tls?.client
  if (certificate === undefined || authorize === undefined || (authorize !== '' && !isName(authorize))) return MALFORMED
  return { attempt: { mechanism: 'EXTERNAL', username: authorize || nameIn(certificate.subject), certificate } }
}

/** The common name of the subject, or all of it when it has none. */
function nameIn(subject: string): string {
  return /^CN=(.+)$/m.exec(subject)?.[1] ?? subject.replaceAll('\n', ', ')
}
