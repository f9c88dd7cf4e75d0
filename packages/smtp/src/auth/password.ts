/** The mechanisms that show the password, and CRAM-MD5, which makes the server keep it: PLAIN, LOGIN, CRAM-MD5. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { AuthExchange, AuthStep } from './exchange.ts'
import { isName, MALFORMED, textOf } from './text.ts'

/** RFC 4616 §2: authorization identity, NUL, authentication identity, NUL, password. */
export function plain(response: Buffer | undefined): AuthStep {
  if (response === undefined) return { challenge: '' }
  const [authorize = '', username = '', password = '', ...more] = textOf(response)?.split('\0') ?? []
  if (!isName(username) || password === '' || more.length > 0 || (authorize !== '' && !isName(authorize)))
    return MALFORMED
  return { attempt: { mechanism: 'PLAIN', username, password, authorize: authorize || undefined } }
}

/** draft-murchison-sasl-login-00: two questions. */
export class Login implements AuthExchange {
  #username: string | undefined

  next(response: Buffer | undefined): AuthStep {
    if (response === undefined) return { challenge: 'Username:' }
    const text = textOf(response)
    if (text === undefined) return MALFORMED
    if (this.#username !== undefined)
      return { attempt: { mechanism: 'LOGIN', username: this.#username, password: text, authorize: undefined } }
    if (!isName(text)) return MALFORMED
    this.#username = text
    return { challenge: 'Password:' }
  }
}

/** RFC 2195 §2: the client shows that it knows the password by a keyed digest of our challenge. */
export class CramMd5 implements AuthExchange {
  readonly #challenge: string

  constructor(hostname: string) {
    this.#challenge = `<${randomBytes(16).toString('hex')}.${Date.now()}@${hostname}>`
  }

  next(response: Buffer | undefined): AuthStep {
    if (response === undefined) return { challenge: this.#challenge }
    const text = textOf(response) ?? ''
    const space = text.lastIndexOf(' ')
    const username = text.slice(0, Math.max(space, 0))
    const digest = text.slice(space + 1).toLowerCase()
    if (!isName(username) || !/^[0-9a-f]{32}$/.test(digest)) return MALFORMED
    const verify = (password: string): boolean =>
      timingSafeEqual(createHmac('md5', password).update(this.#challenge).digest(), Buffer.from(digest, 'hex'))
    return { attempt: { mechanism: 'CRAM-MD5', username, verify } }
  }
}
