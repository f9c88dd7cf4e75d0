/** One computation of a password hash: what goes to a thread, and how it is done there. */
import * as crypto from 'node:crypto'
import bcrypt from 'bcryptjs'
import { shaCrypt } from './sha-crypt.ts'

/** Cost of scrypt, RFC 7914 §2. */
export interface ScryptCost {
  /** Base-2 logarithm of N. */
  readonly ln: number
  readonly r: number
  readonly p: number
}

/** Cost of argon2id, RFC 9106 §3.1. */
export interface Argon2Cost {
  /** Absent: argon2id. */
  readonly variant?: 'argon2i'
  /** KiB */
  readonly m: number
  readonly t: number
  readonly p: number
}

/** Cost of PBKDF2 with SHA-256, RFC 8018 §5.2. */
export interface Pbkdf2Cost {
  readonly iterations: number
}

/** A hash in the notation of `crypt(3)`: its setting (scheme, cost and salt) says how; the result is all of the text. */
export interface CryptCost {
  /** `$2y$10$…`, `$6$rounds=…$salt`. */
  readonly setting: string
}

/** What is to be hashed; the cost says how. */
export interface HashWork {
  readonly password: string
  readonly salt: Uint8Array
  /** Octets of the result. */
  readonly length: number
  readonly cost: ScryptCost | Argon2Cost | Pbkdf2Cost | CryptCost
}

/** Who does the work. */
export type Hasher = (work: HashWork) => Promise<Uint8Array>

/** Whether the runtime has argon2id: Node 24. */
export function hasArgon2(): boolean {
  return typeof crypto.argon2Sync === 'function'
}

/** Octets of memory the work takes while it is done. */
export function memoryOf({ cost }: HashWork): number {
  if ('iterations' in cost || 'setting' in cost) return 0
  if ('m' in cost) return cost.m * 1024
  return 128 * cost.r * (2 ** cost.ln + cost.p)
}

/**
 * Does the work now, on the thread that asks: fractions of a second, for which that thread does nothing else.
 *
 * @throws {TypeError} when the runtime has no argon2id
 * @throws {RangeError} when the cost is one that scrypt or argon2id refuses
 */
export function hashNow(work: HashWork): Uint8Array {
  const { password, salt, length, cost } = work
  if ('setting' in cost) return Buffer.from(cryptNow(password, cost.setting))
  if ('iterations' in cost) return crypto.pbkdf2Sync(password, salt, cost.iterations, length, 'sha256')
  if ('m' in cost) {
    if (!hasArgon2()) throw new TypeError('argon2id needs Node 24')
    const parameters = {
      message: password,
      nonce: salt,
      parallelism: cost.p,
      tagLength: length,
      memory: cost.m,
      passes: cost.t,
    }
    return crypto.argon2Sync(cost.variant ?? 'argon2id', parameters)
  }
  const { ln, r, p } = cost
  // What OpenSSL counts is a little more than RFC 7914 says.
  return crypto.scryptSync(password, salt, length, { N: 2 ** ln, r, p, maxmem: 2 * memoryOf(work) + 1_048_576 })
}

function cryptNow(password: string, setting: string): string {
  return /^\$[56]\$/.test(setting) ? shaCrypt(password, setting) : bcrypt.hashSync(password, setting)
}
