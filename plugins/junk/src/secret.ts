/** The secret of an installation: by it hashes of features, users and messages mean nothing elsewhere. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isMissing, syncFolder } from './durable-file.ts'

/** Octets of a digest that are kept. */
const SHORT = 12

/** Makes names of people, messages and words from the secret. */
export class Secret {
  readonly #octets: Buffer

  constructor(octets: Buffer) {
    this.#octets = octets
  }

  /** Seeds the hashes of features. */
  get seed(): string {
    return this.digest('seed', '')
  }

  /** What an address, or a domain, is called where it is kept. */
  person(address: string): string {
    return this.digest('person', address.toLowerCase())
  }

  /** Keyed digest of a text, for one purpose. */
  digest(purpose: string, text: string | Uint8Array): string {
    return createHmac('sha256', this.#octets)
      .update(`${purpose}\0`)
      .update(text)
      .digest()
      .subarray(0, SHORT)
      .toString('base64url')
  }

  isDigest(purpose: string, text: string, given: string): boolean {
    const own = Buffer.from(this.digest(purpose, text))
    const other = Buffer.from(given)
    return own.length === other.length && timingSafeEqual(own, other)
  }
}

const NAME = 'secret'

/** The secret in a folder, made when there is none; all processes get the same. */
export async function secretIn(folder: string): Promise<Secret> {
  const path = join(folder, NAME)
  const there = await readSecret(path)
  if (there) return there
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const own = `${path}.${process.pid}`
  const file = await open(own, 'w', 0o600)
  try {
    await file.writeFile(randomBytes(32).toString('hex'))
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await link(own, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await rm(own, { force: true })
  }
  await syncFolder(folder)
  const made = await readSecret(path)
  if (!made) throw new Error(`${path} cannot be read`)
  return made
}

async function readSecret(path: string): Promise<Secret | undefined> {
  try {
    const text = (await readFile(path, 'utf8')).trim()
    if (!/^[0-9a-f]{64}$/.test(text)) throw new Error(`${path} is damaged: it should have 64 hexadecimal digits`)
    return new Secret(Buffer.from(text, 'hex'))
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
