/**
 * Tokens in which nothing can be read: what is given to strangers who will bring it back, and who must not learn whom it is about.
 *
 *   KEY.SEALED
 *
 * KEY names the secret; SEALED is base64url of 16 octets of HMAC-SHA-256 over the fields, and of the fields, encrypted by AES-256-CTR with those
 * octets as its beginning: the construction of RFC 5297 (SIV), which needs no number that must not come twice. The same fields make the same token.
 */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto'
import type { TokenKey } from './token-key.ts'

/** Octets of the mark. */
const MARK = 16
/** Characters of a token that is looked at. */
const MOST = 1_024
const FORM = /^([A-Za-z0-9]{1,16})\.([A-Za-z0-9_-]{22,})$/

/**
 * The fields as a token: letters, digits, `-`, `_` and one dot.
 *
 * @param purpose what it is for: a token of one purpose is none of another
 * @throws {TypeError} when a field has a NUL in it
 */
export function sealToken(fields: readonly string[], purpose: string, { name, secret }: TokenKey): string {
  if (fields.some((field) => field.includes('\0'))) throw new TypeError('a field of a token cannot have a NUL in it')
  const plain = Buffer.from(fields.join('\0'))
  const mark = markOf(plain, purpose, secret)
  const cipher = createCipheriv('aes-256-ctr', subkey('seal', purpose, secret), mark)
  return `${name}.${Buffer.concat([mark, cipher.update(plain), cipher.final()]).toString('base64url')}`
}

/** The fields of a token that was made with one of the keys for this purpose; undefined of any other text. */
export function openToken(text: string, purpose: string, keys: readonly TokenKey[]): readonly string[] | undefined {
  const [, name = '', sealed = ''] = (text.length <= MOST ? FORM.exec(text) : null) ?? []
  const key = keys.find((one) => one.name === name)
  if (!key) return undefined
  const octets = Buffer.from(sealed, 'base64url')
  // Another spelling of the same octets is another token.
  if (octets.length < MARK || octets.toString('base64url') !== sealed) return undefined
  const mark = octets.subarray(0, MARK)
  const decipher = createDecipheriv('aes-256-ctr', subkey('seal', purpose, key.secret), mark)
  const plain = Buffer.concat([decipher.update(octets.subarray(MARK)), decipher.final()])
  return timingSafeEqual(mark, markOf(plain, purpose, key.secret)) ? plain.toString().split('\0') : undefined
}

function markOf(plain: Buffer, purpose: string, secret: Buffer): Buffer {
  return createHmac('sha256', subkey('mark', purpose, secret))
    .update(plain)
    .digest()
    .subarray(0, MARK)
}

function subkey(use: string, purpose: string, secret: Buffer): Buffer {
  return createHmac('sha256', secret).update(`${use}\0${purpose}`).digest()
}
