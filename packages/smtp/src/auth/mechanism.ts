/** The SASL mechanisms the wire speaks, by name. */
import { isUtf8 } from 'node:buffer'
import { reply } from '../reply.ts'
import type { Exchange, Step } from './exchange.ts'

/** RFC 4954 §4: 501 5.5.2 when a response cannot be understood. */
const MALFORMED: Step = { refusal: reply(501, '5.5.2', 'Malformed authentication data') }
const CONTROL = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/

/** Makes the exchange of one AUTH command. */
export const MECHANISMS: Readonly<Record<string, () => Exchange>> = {
  PLAIN: () => ({ next: plain }),
  LOGIN: () => new Login(),
}

/** RFC 4616 §2: authorization identity, NUL, authentication identity, NUL, password. */
function plain(response: Buffer | undefined): Step {
  if (response === undefined) return { challenge: '' }
  const [authorize, username, password, ...more] = isUtf8(response) ? response.toString('utf8').split('\0') : []
  if (!username || password === undefined || more.length > 0) return MALFORMED
  if (CONTROL.test(username) || CONTROL.test(authorize ?? '')) return MALFORMED
  return { attempt: { mechanism: 'PLAIN', username, password, authorize: authorize || undefined } }
}

/** draft-murchison-sasl-login-00: two questions. */
class Login implements Exchange {
  #username: string | undefined

  next(response: Buffer | undefined): Step {
    if (response === undefined) return { challenge: 'Username:' }
    if (!isUtf8(response)) return MALFORMED
    const text = response.toString('utf8')
    if (this.#username !== undefined)
      return { attempt: { mechanism: 'LOGIN', username: this.#username, password: text, authorize: undefined } }
    if (text === '' || CONTROL.test(text)) return MALFORMED
    this.#username = text
    return { challenge: 'Password:' }
  }
}
