/** What the mechanisms have in common: texts of the client that are to be text. */
import { isUtf8 } from 'node:buffer'
import { reply } from '../wire/reply.ts'
import type { AuthStep } from './exchange.ts'

/** RFC 4954 §4: 501 5.5.2 when a response cannot be understood. */
export const MALFORMED: AuthStep = Object.freeze({ refusal: reply(501, '5.5.2', 'Malformed authentication data') })

const CONTROL = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/

/** A response as text; undefined when it is not UTF-8. */
export function textOf(response: Buffer): string | undefined {
  return isUtf8(response) ? response.toString('utf8') : undefined
}

/** Whether a name can be written into a log or a header field. */
export function isName(text: string): boolean {
  return text !== '' && text.length <= 1000 && !CONTROL.test(text)
}
