/** Secrets that a plugin signs with what strangers will show it again (links, addresses): a file of one a line, `NAME KEY`, in which the first one signs and all are believed. */
import { randomBytes } from 'node:crypto'
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { openToken, sealToken } from './sealed-token.ts'
import type { TokenKey } from './token-key.ts'

/** Octets of a secret. */
const OCTETS = 32
/** Older ones are dropped when a new one is made: what they have signed has expired long since. */
const MOST = 8
/** Milliseconds for which a file is believed to be as it was. */
const FRESH_MS = 1_000

/** The secrets of a file; made when it is first needed, by whichever process comes first. */
export class TokenKeys {
  readonly #file: () => Promise<string>
  #known: { readonly version: string; readonly keys: readonly TokenKey[]; readonly lookedAt: number } | undefined

  /** @param file its absolute path */
  constructor(file: () => Promise<string>) {
    this.#file = file
  }

  /**
   * The first one signs. What another process or an operator has changed is seen within a second.
   *
   * @throws {Error} when the file can be read by others, or is none of keys
   */
  async all(): Promise<readonly TokenKey[]> {
    const now = performance.now()
    if (this.#known && now - this.#known.lookedAt < FRESH_MS) return this.#known.keys
    const file = await this.#file()
    const version = await versionOf(file)
    if (version === undefined) await write(file, [fresh()], false)
    else if (this.#known?.version === version) {
      this.#known = { ...this.#known, lookedAt: now }
      return this.#known.keys
    }
    const keys = parseKeys(await readFile(file, 'utf8'), file)
    this.#known = { version: (await versionOf(file)) ?? '', keys, lookedAt: now }
    return keys
  }

  /**
   * The fields as a token in which nobody can read them, for strangers who will bring it back: letters, digits, `-`, `_` and one dot. The same fields
   * make the same token.
   *
   * @param purpose what it is for: a token of one purpose is none of another
   * @throws {Error} as `all` does
   * @throws {TypeError} when a field has a NUL in it
   */
  async seal(fields: readonly string[], purpose: string): Promise<string> {
    const [key] = await this.all()
    if (!key) throw new Error('there is no key')
    return sealToken(fields, purpose, key)
  }

  /** The fields of a token that was made with one of the keys for this purpose; undefined of any other text. Rejects as `all` does. */
  async open(text: string, purpose: string): Promise<readonly string[] | undefined> {
    return openToken(text, purpose, await this.all())
  }

  /** A new one signs from now on; what the others have signed stays good. Resolves to its name. */
  async rotate(): Promise<string> {
    const key = fresh()
    await write(await this.#file(), [key, ...(await this.all())].slice(0, MOST), true)
    this.#known = undefined
    return key.name
  }
}

/** Its modification, where only its owner may read it. */
async function versionOf(file: string): Promise<string | undefined> {
  try {
    const { mode, mtimeMs, size, ino } = await stat(file)
    if ((mode & 0o077) !== 0) throw new Error(`${file} holds secrets and others may read it: chmod 600`)
    return `${mtimeMs} ${size} ${ino}`
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function parseKeys(text: string, file: string): readonly TokenKey[] {
  const keys = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name = '', secret = ''] = line.split(/\s+/)
      return { name, secret: Buffer.from(secret, 'base64url') }
    })
  if (keys.length === 0 || keys.some(({ name, secret }) => !/^[A-Za-z0-9]{1,16}$/.test(name) || secret.length < OCTETS))
    throw new Error(`${file}: each line is a name of letters and digits, and ${OCTETS} octets or more in base64url`)
  return keys
}

function fresh(): TokenKey {
  return { name: randomBytes(4).toString('hex'), secret: randomBytes(OCTETS) }
}

/** Nobody reads half of it: it is written beside, and then put in its place. Where it must be new, the first to come wins. */
async function write(file: string, keys: readonly TokenKey[], isReplacing: boolean): Promise<void> {
  const beside = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.new`
  const handle = await open(beside, 'wx', 0o600)
  try {
    await handle.writeFile(keys.map(({ name, secret }) => `${name} ${secret.toString('base64url')}\n`).join(''))
    await handle.sync()
    if (isReplacing) await rename(beside, file)
    else
      await link(beside, file).catch((error: unknown) => {
        // Another process was faster: its key is the one.
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      })
  } finally {
    await handle.close()
    await rm(beside, { force: true })
  }
}
