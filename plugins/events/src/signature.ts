/** Signatures of Standard Webhooks: HMAC-SHA256 over id, time and body. https://www.standardwebhooks.com */
import { createHmac, randomBytes } from 'node:crypto'

const PREFIX = 'whsec_'
/** Octets of a key, by the specification. */
const MIN = 24
const MAX = 64

/** The key of `whsec_…`; undefined when it is none. */
export function parseSecret(text: string): Buffer | undefined {
  const digits = text.slice(PREFIX.length)
  if (!text.startsWith(PREFIX) || !/^[A-Za-z0-9+/]+={0,2}$/.test(digits)) return undefined
  const key = Buffer.from(digits, 'base64')
  return key.length >= MIN && key.length <= MAX ? key : undefined
}

/** A new secret. */
export function makeSecret(): string {
  return PREFIX + randomBytes(32).toString('base64')
}

/** The field `webhook-signature`, one signature a key. `seconds` since the epoch. */
export function sign(
  keys: readonly Buffer[],
  { id, seconds, body }: { readonly id: string; readonly seconds: number; readonly body: string | Buffer },
): string {
  return keys
    .map((key) => `v1,${createHmac('sha256', key).update(`${id}.${seconds}.`).update(body).digest('base64')}`)
    .join(' ')
}
