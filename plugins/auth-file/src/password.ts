/** Passwords are kept as what they cannot be found from: scrypt or argon2id hashes, and SCRAM keys. */
import * as crypto from 'node:crypto'
import { promisify } from 'node:util'
import type { ScramKeys } from '@postroad/plugin'

const scrypt = promisify<string, Uint8Array, number, crypto.ScryptOptions, Buffer>(crypto.scrypt)
const pbkdf2 = promisify(crypto.pbkdf2)
const SALT = 16
const HASH = 32

/** Cost of scrypt, RFC 7914 §2. */
export interface ScryptCost {
  /** Base-2 logarithm of N. */
  readonly ln: number
  readonly r: number
  readonly p: number
}

/** Cost of argon2id, RFC 9106 §3.1. */
export interface Argon2Cost {
  /** KiB */
  readonly m: number
  readonly t: number
  readonly p: number
}

/** PHC notation, of the one version of argon2 that is in use. */
const HASHES =
  /^\$(?:scrypt\$ln=\d{1,2},r=\d{1,3},p=\d{1,3}|argon2id\$v=19\$m=\d{1,8},t=\d{1,4},p=\d{1,3})\$[A-Za-z0-9+/]+={0,2}\$[A-Za-z0-9+/]{22,}={0,2}$/

/** Whether it is a hash that {@link verifyPassword} understands. */
export function isPasswordHash(text: string): boolean {
  return HASHES.test(text)
}

/**
 * A hash in PHC notation, base64 without padding: `$scrypt$ln=15,r=8,p=3$salt$hash`, or `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`
 * when the cost is that of argon2id.
 *
 * @throws {TypeError} when the runtime has no argon2id
 */
export async function hashPassword(password: string, cost: ScryptCost | Argon2Cost): Promise<string> {
  const salt = crypto.randomBytes(SALT)
  const given = prepare(password)
  if ('m' in cost) {
    const hash = await argon2id(given, salt, { ...cost, length: HASH })
    return `$argon2id$v=19$m=${cost.m},t=${cost.t},p=${cost.p}$${base64(salt)}$${base64(hash)}`
  }
  return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${base64(salt)}$${base64(await derive(given, salt, cost))}`
}

/**
 * Whether a password is the one behind a hash; scrypt, or argon2id where the runtime has it (Node 24).
 *
 * @throws {TypeError} when the hash is of no known form
 */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const [, scheme, ...rest] = hash.split('$')
  const [cost = '', salt = '', expected = ''] = scheme === 'argon2id' ? rest.slice(1) : rest
  if (!isPasswordHash(hash)) throw new TypeError('not a password hash: neither scrypt nor argon2id')
  const wanted = Buffer.from(expected, 'base64')
  const parameters = new Map(cost.split(',').map((pair) => pair.split('=', 2) as [string, string])) // a missing value reads as NaN below
  const number = (name: string) => Number(parameters.get(name))
  const given = prepare(password)
  if (scheme === 'scrypt') {
    return crypto.timingSafeEqual(
      await derive(given, Buffer.from(salt, 'base64'), { ln: number('ln'), r: number('r'), p: number('p'), length: wanted.length }),
      wanted,
    )
  }
  return crypto.timingSafeEqual(
    await argon2id(given, Buffer.from(salt, 'base64'), { m: number('m'), t: number('t'), p: number('p'), length: wanted.length }),
    wanted,
  )
}

/** SCRAM-SHA-256 keys of a password, RFC 5802 §3. */
export async function scramKeys(password: string, iterations: number): Promise<ScramKeys> {
  const salt = crypto.randomBytes(SALT)
  const salted = await pbkdf2(prepare(password), salt, iterations, 32, 'sha256')
  const clientKey = hmac(salted, 'Client Key')
  return { salt, iterations, storedKey: crypto.createHash('sha256').update(clientKey).digest(), serverKey: hmac(salted, 'Server Key') }
}

/** `SCRAM-SHA-256$4096:salt$stored:server`, the notation of RFC 5803 and PostgreSQL. */
export function formatScram({ iterations, salt, storedKey, serverKey }: ScramKeys): string {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  return `SCRAM-SHA-256$${iterations}:${text(salt)}$${text(storedKey)}:${text(serverKey)}`
}

/** Undefined when it is not of that form. */
export function parseScram(text: string): ScramKeys | undefined {
  const parts = /^SCRAM-SHA-256\$(\d{4,9}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/.exec(text)
  if (!parts) return undefined
  const [salt, storedKey, serverKey] = [parts[2], parts[3], parts[4]].map((part) => Buffer.from(part ?? '', 'base64'))
  if (!salt || storedKey?.length !== 32 || serverKey?.length !== 32) return undefined
  return { iterations: Number(parts[1]), salt, storedKey, serverKey }
}

/** RFC 4013 in what matters: the same password typed on two keyboards is the same octets. */
function prepare(password: string): string {
  return password.normalize('NFKC')
}

function derive(
  password: string,
  salt: Uint8Array,
  { ln, r, p, length = HASH }: ScryptCost & { readonly length?: number },
): Promise<Buffer> {
  const N = 2 ** ln
  return scrypt(password, salt, length, { N, r, p, maxmem: 128 * N * r * 2 + 128 * r * p + 1_048_576 })
}

/** Whether the runtime has argon2id: Node 24. */
export function hasArgon2(): boolean {
  return typeof crypto.argon2 === 'function'
}

async function argon2id(
  password: string,
  nonce: Uint8Array,
  { m, t, p, length }: Argon2Cost & { readonly length: number },
): Promise<Buffer> {
  if (!hasArgon2()) throw new TypeError('argon2id needs Node 24')
  const run = promisify(crypto.argon2)
  return run('argon2id', { message: password, nonce, parallelism: p, tagLength: length, memory: m, passes: t })
}

function hmac(key: Uint8Array, text: string): Buffer {
  return crypto.createHmac('sha256', key).update(text).digest()
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '')
}
