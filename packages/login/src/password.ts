/** Passwords are kept as what they cannot be found from: scrypt or argon2id hashes, and SCRAM keys. */
import * as crypto from 'node:crypto'
import type { ScramKeys } from '@postroad/plugin'
import { HashPool } from './hash/pool.ts'
import type { Argon2Cost, Hasher, ScryptCost } from './hash/work.ts'

/** For who asks without a server: commands, and other programs. */
const alone = new HashPool({ atOnce: 1, waiting: Number.POSITIVE_INFINITY, memory: 0 })
const hashAlone: Hasher = (work) => alone.hash(work)

const SALT = 16
const HASH = 32

/** PHC notation, of the one version of argon2 that is in use. */
const HASHES =
  /^\$(?:scrypt\$ln=\d{1,2},r=\d{1,3},p=\d{1,3}|argon2id\$v=19\$m=\d{1,8},t=\d{1,4},p=\d{1,3})\$[A-Za-z0-9+/]+={0,2}\$[A-Za-z0-9+/]{22,}={0,2}$/

/** Whether it is a hash that {@link verifyPassword} understands. */
export function isPasswordHash(text: string): boolean {
  return HASHES.test(text)
}

/**
 * A hash in PHC notation, base64 without padding: `$scrypt$ln=15,r=8,p=3$salt$hash`, or `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`
 * when the cost is that of argon2id. One is made at a time, whoever asks.
 *
 * @throws {TypeError} when the runtime has no argon2id
 */
export async function hashPassword(password: string, cost: ScryptCost | Argon2Cost): Promise<string> {
  return makeHash(password, cost, hashAlone)
}

/** {@link hashPassword}, done by `hash`. */
export async function makeHash(password: string, cost: ScryptCost | Argon2Cost, hash: Hasher): Promise<string> {
  const salt = crypto.randomBytes(SALT)
  const made = base64(await hash({ password: prepare(password), salt, length: HASH, cost }))
  if ('m' in cost) return `$argon2id$v=19$m=${cost.m},t=${cost.t},p=${cost.p}$${base64(salt)}$${made}`
  return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${base64(salt)}$${made}`
}

/**
 * Whether a password is the one behind a hash; scrypt, or argon2id where the runtime has it (Node 24). One is checked at a time, whoever asks.
 *
 * @throws {TypeError} when the hash is of no known form
 */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  return checkPassword(password, hash, hashAlone)
}

/** {@link verifyPassword}, done by `hash`. */
export async function checkPassword(password: string, expected: string, hash: Hasher): Promise<boolean> {
  const { salt, wanted, cost } = parseHash(expected)
  return crypto.timingSafeEqual(await hash({ password: prepare(password), salt, length: wanted.length, cost }), wanted)
}

function parseHash(text: string): {
  readonly salt: Uint8Array
  readonly wanted: Uint8Array
  readonly cost: ScryptCost | Argon2Cost
} {
  const [, scheme, ...rest] = text.split('$')
  const [pairs = '', salt = '', wanted = ''] = scheme === 'argon2id' ? rest.slice(1) : rest
  if (!isPasswordHash(text)) throw new TypeError('not a password hash: neither scrypt nor argon2id')
  const parameters = new Map(pairs.split(',').map((pair) => pair.split('=', 2) as [string, string])) // a missing value reads as NaN below
  const number = (name: string) => Number(parameters.get(name))
  const cost =
    scheme === 'scrypt'
      ? { ln: number('ln'), r: number('r'), p: number('p') }
      : { m: number('m'), t: number('t'), p: number('p') }
  return { salt: Buffer.from(salt, 'base64'), wanted: Buffer.from(wanted, 'base64'), cost }
}

/** SCRAM-SHA-256 keys of a password, RFC 5802 §3. */
export async function scramKeys(password: string, iterations: number): Promise<ScramKeys> {
  const salt = crypto.randomBytes(SALT)
  const salted = await hashAlone({ password: prepare(password), salt, length: HASH, cost: { iterations } })
  const clientKey = hmac(salted, 'Client Key')
  return {
    salt,
    iterations,
    storedKey: crypto.createHash('sha256').update(clientKey).digest(),
    serverKey: hmac(salted, 'Server Key'),
  }
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

function hmac(key: Uint8Array, text: string): Buffer {
  return crypto.createHmac('sha256', key).update(text).digest()
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '')
}
