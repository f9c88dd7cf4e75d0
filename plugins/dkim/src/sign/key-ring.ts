/** Private keys from files: parsed once, read again when the file changes, kept when the new one is no good. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { normaliseName } from '@postroad/dns'
import type { Logger } from '@postroad/plugin'
import type { KeyOptions } from './options.ts'

/** A key that can sign. */
export interface SigningKey {
  /** Lower-case A-labels. */
  readonly domain: string
  readonly selector: string
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256'
  readonly key: KeyObject
}

/** How a ring is kept up to date. */
export interface KeyRingDeps {
  readonly log: Logger
  /** Milliseconds between two looks at the files. */
  readonly reload: number
}

interface Entry {
  readonly options: KeyOptions
  readonly changed: number
  readonly signing: SigningKey
}

/**
 * Reads a private key.
 *
 * @throws {Error} when it is neither RSA of 1,024 bits or more (RFC 8301 §3.2) nor Ed25519
 */
export function readSigningKey(
  pem: string | Buffer,
  { domain, selector }: Pick<KeyOptions, 'domain' | 'selector'>,
): SigningKey {
  const key = createPrivateKey(pem)
  const name = { domain: normaliseName(domain) ?? domain.toLowerCase(), selector, key }
  if (key.asymmetricKeyType === 'ed25519') return { ...name, algorithm: 'ed25519-sha256' }
  if (key.asymmetricKeyType !== 'rsa')
    throw new Error(`a ${key.asymmetricKeyType} key cannot sign mail, use RSA or Ed25519`)
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  if (bits < 1024) throw new Error(`an RSA key of ${bits} bits is too short, use 2048`)
  return { ...name, algorithm: 'rsa-sha256' }
}

/** All keys of a server. */
export class KeyRing {
  readonly #deps: KeyRingDeps
  readonly #entries: Entry[]
  #lookedAt: number

  private constructor(entries: Entry[], deps: KeyRingDeps, now: number) {
    this.#entries = entries
    this.#deps = deps
    this.#lookedAt = now
  }

  /** @throws {Error} naming the file that cannot be used */
  static async open(keys: readonly KeyOptions[], deps: KeyRingDeps, now: number): Promise<KeyRing> {
    return new KeyRing(await Promise.all(keys.map(load)), deps, now)
  }

  /** All of them, as they were read last. */
  get all(): readonly SigningKey[] {
    return this.#entries.map(({ signing }) => signing)
  }

  /** The keys of the longest domain that is `domain` or above it; none when there is no such domain. */
  async for(domain: string, now: number): Promise<readonly SigningKey[]> {
    if (now - this.#lookedAt >= this.#deps.reload) {
      this.#lookedAt = now
      await this.#refresh()
    }
    const fitting = this.#entries
      .map(({ signing }) => signing)
      .filter((key) => domain === key.domain || domain.endsWith(`.${key.domain}`))
    const best = Math.max(...fitting.map((key) => key.domain.length))
    return fitting.filter((key) => key.domain.length === best)
  }

  /** A key that has gone bad is not worth losing mail for: the old one goes on, and the log says so. */
  async #refresh(): Promise<void> {
    for (const [index, entry] of this.#entries.entries()) {
      try {
        const { mtimeMs } = await stat(entry.options.file)
        if (mtimeMs === entry.changed) continue
        this.#entries[index] = await load(entry.options)
        this.#deps.log.info({ domain: entry.options.domain, selector: entry.options.selector }, 'key file read again')
      } catch (error) {
        this.#deps.log.warn({ file: entry.options.file, error }, 'key file cannot be read, the old key is kept')
      }
    }
  }
}

async function load(options: KeyOptions): Promise<Entry> {
  try {
    const { mtimeMs } = await stat(options.file)
    return { options, changed: mtimeMs, signing: readSigningKey(await readFile(options.file), options) }
  } catch (cause) {
    throw new Error(
      `dkim-sign: the key file ${options.file} cannot be used: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    )
  }
}
