/**
 * SHA-crypt, the `$5$` and `$6$` of `crypt(3)`: glibc, Dovecot, mailcow. By its specification ("Unix crypt using SHA-256 and SHA-512", Drepper);
 * Node has the digests, and no library that is kept has the rest.
 */
import { createHash } from 'node:crypto'

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const ROUNDS = { usual: 5_000, least: 1_000, most: 999_999_999 }
const SALT = 16

interface Scheme {
  readonly digest: 'sha256' | 'sha512'
  readonly size: number
  /** Octets by threes, as the text has them; two or one are left at the end. */
  order(): readonly (readonly number[])[]
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
  5: { digest: 'sha256', size: 32, order: () => [...triples(10, [0, 10, 20], [2, 0, 1]), [31, 30]] },
  6: { digest: 'sha512', size: 64, order: () => [...triples(21, [0, 21, 42], [1, 2, 0]), [63]] },
}

/**
 * All of the text of a hash, by the setting of one: `$6$salt`, `$6$rounds=10000$salt`, or a hash with it.
 *
 * @throws {TypeError} when it is no such setting
 */
export function shaCrypt(password: string, setting: string): string {
  const [, kind = '', given, salt = ''] = /^\$([56])\$(?:rounds=(\d{1,9})\$)?([^$\s:]*)/.exec(setting) ?? []
  const scheme = SCHEMES[kind]
  if (!scheme) throw new TypeError('not a setting of SHA-crypt')
  const rounds = given === undefined ? ROUNDS.usual : Math.min(ROUNDS.most, Math.max(ROUNDS.least, Number(given)))
  const short = salt.slice(0, SALT)
  const sum = digestOf(scheme, { key: Buffer.from(password), salt: Buffer.from(short), rounds })
  return `$${kind}$${given === undefined ? '' : `rounds=${rounds}$`}${short}$${encode(sum, scheme.order())}`
}

interface Work {
  readonly key: Buffer
  readonly salt: Buffer
  readonly rounds: number
}

function digestOf({ digest, size }: Scheme, { key, salt, rounds }: Work): Buffer {
  const hash = (...parts: readonly Uint8Array[]): Buffer => {
    const sum = createHash(digest)
    for (const part of parts) sum.update(part)
    return sum.digest()
  }
  const repeated = (block: Buffer, length: number): Buffer => Buffer.alloc(length, block)
  const second = hash(key, salt, key)
  const bits: Buffer[] = []
  for (let left = key.length; left > 0; left = Math.floor(left / 2)) bits.push(left % 2 === 1 ? second : key)
  let sum = hash(key, salt, key.length === 0 ? Buffer.alloc(0) : repeated(second, key.length), ...bits)
  const keys = repeated(hash(...Array.from({ length: key.length }, () => key)), key.length)
  const salts = repeated(hash(...Array.from({ length: 16 + (sum[0] ?? 0) }, () => salt)), salt.length)
  for (let round = 0; round < rounds; round++) {
    const isOdd = round % 2 === 1
    sum = hash(
      isOdd ? keys : sum,
      ...(round % 3 === 0 ? [] : [salts]),
      ...(round % 7 === 0 ? [] : [keys]),
      isOdd ? sum : keys,
    )
  }
  return sum.subarray(0, size)
}

/** The first triple, and each next with its places turned and moved on by one. */
function triples(count: number, first: readonly number[], turn: readonly number[]): number[][] {
  const made = [[...first]]
  while (made.length < count) {
    const last = made.at(-1) ?? []
    made.push(turn.map((from) => (last[from] ?? 0) + 1))
  }
  return made
}

/** Six bits a letter, the lowest first. */
function encode(sum: Buffer, order: readonly (readonly number[])[]): string {
  return order
    .map((places) => {
      let value = places.reduce((all, place) => all * 256 + (sum[place] ?? 0), 0)
      let text = ''
      for (let letter = 0; letter < places.length + 1; letter++) {
        text += ALPHABET[value % 64]
        value = Math.floor(value / 64)
      }
      return text
    })
    .join('')
}
