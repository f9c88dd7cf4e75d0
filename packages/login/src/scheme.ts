/** Passwords as other programs keep them: the notations of `crypt(3)`, PHC, LDAP and Dovecot, with `{SCHEME}` before them. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { suggestion } from '@postroad/options'
import type { Hasher } from './hash/work.ts'

/** Rounds and costs beyond these are a mistake, or meant to cost. */
const MOST_ROUNDS = 5_000_000
const MOST_BCRYPT = 16
const MOST_MEMORY = 1_048_576

/** Salted digests of LDAP, RFC 2307 and what came of it: quick to compute, and so quick to guess. */
const DIGESTS: Readonly<Record<string, { readonly digest: string; readonly size: number }>> = {
  SHA: { digest: 'sha1', size: 20 },
  SSHA: { digest: 'sha1', size: 20 },
  SHA256: { digest: 'sha256', size: 32 },
  SSHA256: { digest: 'sha256', size: 32 },
  SHA512: { digest: 'sha512', size: 64 },
  SSHA512: { digest: 'sha512', size: 64 },
}

/** Of which the text behind them says what they are. */
const SPOKEN = ['ARGON2ID', 'ARGON2I', 'BLF-CRYPT', 'BCRYPT', 'SHA512-CRYPT', 'SHA256-CRYPT', 'CRYPT', 'SCRYPT']
const KNOWN = [...SPOKEN, ...Object.keys(DIGESTS)]

/**
 * Whether a password is the one behind a hash that somebody else keeps. What takes time is done by `hash`.
 *
 * @throws {TypeError} when it is of no scheme that is checked here: then nobody knows whether the password is right
 * @example await checkStored('secret', '{BLF-CRYPT}$2y$10$…', (work) => pool.hash(work, signal))
 */
export async function checkStored(password: string, stored: string, hash: Hasher): Promise<boolean> {
  const [, scheme, text = ''] = /^\{([\w.-]+)\}(.*)$/s.exec(stored) ?? [undefined, undefined, stored]
  const name = scheme?.toUpperCase() ?? ''
  const [plain = '', encoding] = name.split('.')
  const digest = DIGESTS[plain]
  if (digest) return checkDigest(password, text, { ...digest, isSalted: plain.startsWith('SS'), encoding })
  if (scheme !== undefined && !SPOKEN.includes(name)) throw unknown(`{${scheme}}`, suggestion(name, KNOWN))
  if (/^\$(?:2[aby]|[56])\$/.test(text)) return checkCrypt(password, text, hash)
  const argon = /^\$(argon2id?)\$v=19\$m=(\d{1,8}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(
    text,
  )
  if (argon) {
    const [, variant, m, t, p, salt = '', wanted = ''] = argon
    if (Number(m) > MOST_MEMORY) throw new TypeError('a password hash takes more than 1 GiB')
    const cost = {
      ...(variant === 'argon2i' && { variant: 'argon2i' as const }),
      m: Number(m),
      t: Number(t),
      p: Number(p),
    }
    return compare(await hash(workOf(password, salt, wanted, cost)), Buffer.from(wanted, 'base64'))
  }
  const scrypt = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/.exec(text)
  if (scrypt) {
    const [, ln, r, p, salt = '', wanted = ''] = scrypt
    if (Number(ln) > 20) throw new TypeError('a password hash takes more than 1 GiB')
    return compare(
      await hash(workOf(password, salt, wanted, { ln: Number(ln), r: Number(r), p: Number(p) })),
      Buffer.from(wanted, 'base64'),
    )
  }
  throw unknown(scheme === undefined ? 'this one' : `what follows {${scheme}}`, undefined)
}

function workOf<C>(password: string, salt: string, wanted: string, cost: C) {
  return { password, salt: Buffer.from(salt, 'base64'), length: Buffer.from(wanted, 'base64').length, cost }
}

async function checkCrypt(password: string, text: string, hash: Hasher): Promise<boolean> {
  const [, cost] = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(text) ?? []
  const [, rounds = '5000'] = /^\$[56]\$(?:rounds=(\d+)\$)?[^$]{0,16}\$[./A-Za-z0-9]{43,86}$/.exec(text) ?? []
  const isWhole = text.startsWith('$2')
    ? cost !== undefined
    : /^\$[56]\$(?:rounds=\d+\$)?[^$]{0,16}\$[./A-Za-z0-9]{43,86}$/.test(text)
  if (!isWhole)
    throw new TypeError('a password hash is cut off, or has what is no part of one: was its column too short?')
  if (Number(cost ?? 0) > MOST_BCRYPT || Number(rounds) > MOST_ROUNDS)
    throw new TypeError('a password hash has a cost that nobody waits for')
  const setting = cost === undefined ? text : text.slice(0, 29)
  const made = await hash({ password, salt: Buffer.alloc(0), length: 0, cost: { setting } })
  return compare(made, Buffer.from(text))
}

interface DigestCheck {
  readonly digest: string
  readonly size: number
  readonly isSalted: boolean
  readonly encoding: string | undefined
}

function checkDigest(password: string, text: string, { digest, size, isSalted, encoding }: DigestCheck): boolean {
  const octets = Buffer.from(text, encoding === 'HEX' ? 'hex' : 'base64')
  if (octets.length < size || (!isSalted && octets.length !== size) || (isSalted && octets.length === size))
    throw new TypeError('a password hash is cut off, or has what is no part of one: was its column too short?')
  const made = createHash(digest).update(password).update(octets.subarray(size)).digest()
  return compare(made, octets.subarray(0, size))
}

function compare(made: Uint8Array, wanted: Uint8Array): boolean {
  return made.length === wanted.length && wanted.length > 0 && timingSafeEqual(made, wanted)
}

function unknown(what: string, meant: string | undefined): TypeError {
  return new TypeError(
    `a password is kept in a way that is not checked here (${what})${meant === undefined ? '' : `; did you mean {${meant}}?`}: argon2id, bcrypt, scrypt, SHA-crypt and salted digests are`,
  )
}
