import { randomInt } from 'node:crypto'

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const PROCESS = digits(randomInt(32 ** 4), 4)
let counter = randomInt(32 ** 2)

/**
 * A session id: 17 characters of Crockford's base 32 that sort by time, RFC 5321 `atom`s, unique over processes:
 * 9 of the time in milliseconds, 4 of a counter, 4 of the process.
 */
export function sessionId(now: number): string {
  counter = (counter + 1) & 0xfffff
  return digits(now, 9) + digits(counter, 4) + PROCESS
}

function digits(value: number, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = DIGITS.charAt(rest % 32) + text
  return text
}
