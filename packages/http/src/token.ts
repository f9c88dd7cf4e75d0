/** Tokens: who shows a secret is whom its hash names. */
import { hash, randomBytes } from 'node:crypto'
import type { HttpCaller, HttpRole } from '@postroad/plugin'
import type { HttpToken } from './options.ts'

/** A new secret, 256 bits. The prefix lets scanners of repositories find one that got there. */
export function newToken(): { readonly secret: string; readonly sha256: string } {
  const secret = `prt_${randomBytes(32).toString('base64url')}`
  return { secret, sha256: hashOf(secret) }
}

/** What each role may besides itself. */
const INCLUDED: Readonly<Record<HttpRole, readonly HttpRole[]>> = {
  read: ['read'],
  operate: ['read', 'operate'],
  admin: ['read', 'operate', 'admin', 'send'],
  send: ['send'],
}

/** A caller of these roles, with what they include. */
export function callerOf(name: string, roles: readonly HttpRole[]): HttpCaller {
  return { name, roles: [...new Set(roles.flatMap((role) => INCLUDED[role]))] }
}

/** The tokens of a listener. */
export class Tokens {
  #byHash: ReadonlyMap<string, { readonly caller: HttpCaller; readonly expires: number }> = new Map()

  /** From now on it is these. */
  replace(tokens: readonly HttpToken[]): void {
    this.#byHash = new Map(
      tokens.map(({ name, sha256, roles, expires }) => [
        sha256,
        {
          caller: callerOf(name, roles),
          expires: expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires),
        },
      ]),
    )
  }

  /** Whom a token of this name lets in. */
  named(name: string, now: number): HttpCaller | undefined {
    for (const { caller, expires } of this.#byHash.values()) if (caller.name === name && now < expires) return caller
    return undefined
  }

  /**
   * Whose secret it is; undefined when it is nobody's, or has expired. It is looked up by its hash: how long that takes says nothing of secrets that
   * are near, since nobody can choose a hash.
   */
  find(secret: string, now: number): HttpCaller | undefined {
    const found = this.#byHash.get(hashOf(secret))
    return found && now < found.expires ? found.caller : undefined
  }
}

function hashOf(secret: string): string {
  return hash('sha256', secret, 'hex')
}

const WINDOW_MS = 60_000
const REMEMBERED = 10_000

/** Counts wrong tokens by address, so that nobody tries for long. */
export class WrongTokens {
  readonly #counts = new Map<string, number>()
  #since = 0

  /** Milliseconds that the address has to wait; 0 when it may try. */
  waitOf(address: string, most: number, now: number): number {
    this.#turn(now)
    return (this.#counts.get(address) ?? 0) < most ? 0 : this.#since + WINDOW_MS - now
  }

  add(address: string, now: number): void {
    this.#turn(now)
    if (this.#counts.size < REMEMBERED || this.#counts.has(address))
      this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1)
  }

  #turn(now: number): void {
    if (now - this.#since < WINDOW_MS && now >= this.#since) return
    this.#since = now
    this.#counts.clear()
  }
}
