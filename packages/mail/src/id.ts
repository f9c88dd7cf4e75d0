/** Ids that sort by the time they were made at, in Crockford's base 32: safe in replies, header fields, file names and keys. */
import { randomInt } from 'node:crypto'

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const PROCESS = digits(randomInt(32 ** 4), 4)
let counter = randomInt(32 ** 2)
/** Every two digits of an id, lower case. */
const PAIRS = Array.from({ length: 1_024 }, (_, value) => digits(value, 2).toLowerCase())
let lastTime = Number.NaN
let timeDigits = ''

/**
 * A session id: 17 upper-case characters, RFC 5321 `atom`s, unique over processes: 9 of the time, 4 of a counter, 4 of the process.
 *
 * @param now milliseconds since the epoch
 */
export function makeSessionId(now: number): string {
  counter = (counter + 1) & 0xfffff
  return digits(now, 9) + digits(counter, 4) + PROCESS
}

/**
 * A queue id: 20 lower-case characters, 10 of the time and 10 of chance.
 *
 * @param now milliseconds since the epoch
 */
export function makeQueueId(now: number, random: () => number = Math.random): string {
  if (now !== lastTime) {
    lastTime = now
    timeDigits = digits(now, 10).toLowerCase()
  }
  let chance = ''
  for (let pair = 0; pair < 5; pair++) chance += PAIRS[Math.floor(random() * 1_024)]
  return timeDigits + chance
}

/** Whether a text has the shape of a queue id; to be asked before it becomes a key or a file name. */
export function isQueueId(text: string): boolean {
  return /^[0-9a-hjkmnp-tv-z]{20}$/.test(text)
}

function digits(value: number, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = DIGITS.charAt(rest % 32) + text
  return text
}
