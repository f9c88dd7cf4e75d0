/** The mechanisms of OAuth 2.0, where somebody else has seen the password: XOAUTH2 (Google's, Microsoft's) and OAUTHBEARER (RFC 7628). */
import type { AuthExchange, AuthStep } from './exchange.ts'
import { isName, MALFORMED, textOf } from './text.ts'

/** RFC 7628 §3.2.2: what the client is told before 535. */
const INVALID = JSON.stringify({ status: 'invalid_token', schemes: 'bearer' })
/** RFC 6750 §2.1: b64token. */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i

/** `user=NAME ^A auth=Bearer TOKEN ^A ^A`. */
export class XOAuth2 implements AuthExchange {
  next(response: Buffer | undefined): AuthStep {
    if (response === undefined) return { challenge: '' }
    const fields = fieldsOf(textOf(response) ?? '')
    const username = fields?.get('user') ?? ''
    const token = BEARER.exec(fields?.get('auth') ?? '')?.[1]
    return isName(username) && token !== undefined ? { attempt: { mechanism: 'XOAUTH2', username, token } } : MALFORMED
  }

  failure(): string {
    return JSON.stringify({ status: '401', schemes: 'bearer', scope: 'mail' })
  }
}

/** RFC 7628 §3.1: a GS2 header with the user's name, then fields. */
export class OAuthBearer implements AuthExchange {
  next(response: Buffer | undefined): AuthStep {
    if (response === undefined) return { challenge: '' }
    const text = textOf(response) ?? ''
    const header = /^n,a=([^,\x01]+),\x01/.exec(text)
    const username = decodeName(header?.[1] ?? '')
    const token = BEARER.exec(fieldsOf(text.slice(header?.[0].length ?? 0))?.get('auth') ?? '')?.[1]
    return isName(username) && token !== undefined
      ? { attempt: { mechanism: 'OAUTHBEARER', username, token } }
      : MALFORMED
  }

  failure(): string {
    return INVALID
  }
}

/** RFC 5801 §4: saslname, where `,` and `=` are written `=2C` and `=3D`; empty when it is not one. */
export function decodeName(name: string): string {
  if (/=(?!2C|3D)/.test(name)) return ''
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

/** Fields that end in ^A each, with one more at the end. */
function fieldsOf(text: string): Map<string, string> | undefined {
  if (!text.endsWith('\x01\x01')) return undefined
  const fields = new Map<string, string>()
  for (const field of text.slice(0, -2).split('\x01')) {
    const equals = field.indexOf('=')
    if (equals > 0) fields.set(field.slice(0, equals).toLowerCase(), field.slice(equals + 1))
  }
  return fields
}
