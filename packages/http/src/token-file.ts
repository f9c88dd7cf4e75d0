/** Tokens in a file: `postroad token` writes it, listeners read it, and look whether it has changed. Only hashes are in it. */
import { chown, type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { HttpRole } from '@postroad/plugin'
import { type HttpToken, tokenMistakes } from './options.ts'
import { newToken } from './token.ts'

/** A token as the file has it. */
export interface StoredToken extends HttpToken {
  /** When it was made, ISO 8601. */
  readonly created?: string
}

/** How {@link TokenFile.watch} looks, and whom it tells. */
export interface TokenWatchOptions {
  /** As they were read before: the file may have changed since. */
  readonly known: readonly HttpToken[]
  /** Milliseconds between two looks; default 1,000: so long a token that was revoked may still be used. */
  readonly intervalMs?: number
  readonly onChange: (tokens: readonly StoredToken[]) => void
  /** Told once of a file that cannot be read; the tokens stay as they were. */
  readonly onError: (error: unknown) => void
}

/** A file of tokens. */
export interface TokenFile {
  /** None when it is not there yet. Rejects when it cannot be read, or is no list of tokens. */
  read(): Promise<readonly StoredToken[]>
  /** Whole or not at all: a listener never reads half of it. Made by root, it belongs to whom its folder belongs. */
  write(tokens: readonly StoredToken[]): Promise<void>
  /**
   * One more, whose secret nobody can read again. Makes the folder.
   *
   * @throws {TypeError} when the name is none, or there is one of it
   */
  add(token: {
    readonly name: string
    readonly roles: readonly HttpRole[]
    /** ISO 8601; absent: never. */
    readonly expires?: string | undefined
  }): Promise<{ readonly secret: string; readonly token: StoredToken }>
  /** Resolves to whether there was one of this name. */
  revoke(name: string): Promise<boolean>
  /** Looks at it every now and then. It does not keep the process alive. */
  watch(options: TokenWatchOptions): { check(): Promise<void>; close(): void }
}

/** The tokens in a file; nothing is done before it is asked for them. */
export function tokenFile(file: string): TokenFile {
  return {
    read: () => readTokens(file),
    write: (tokens) => writeTokens(file, tokens),
    add: (token) => addToken(file, token),
    async revoke(name) {
      const tokens = await readTokens(file)
      const left = tokens.filter((one) => one.name !== name)
      if (left.length === tokens.length) return false
      await writeTokens(file, left)
      return true
    },
    watch: (options) => watchTokens(file, options),
  }
}

/** Octets of a file that is read. */
const MOST = 1_048_576

async function readTokens(file: string): Promise<readonly StoredToken[]> {
  let text: string
  try {
    const { size } = await stat(file)
    if (size > MOST) throw new RangeError(`${file} has more than ${MOST} octets`)
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
  const tokens = listOf(text)
  if (!tokens) throw new TypeError(`${file} is no list of tokens, as \`postroad token new\` writes it`)
  const [mistake] = tokenMistakes(tokens)
  if (mistake !== undefined) throw new TypeError(`${file}: ${mistake}`)
  return tokens
}

async function addToken(
  file: string,
  { name, roles, expires }: Parameters<TokenFile['add']>[0],
): ReturnType<TokenFile['add']> {
  if (!/^[\w.@-]{1,64}$/.test(name))
    throw new TypeError('The name of a token has at most 64 letters, digits, dots, hyphens, @ and _')
  const tokens = await readTokens(file)
  if (tokens.some((one) => one.name === name))
    throw new TypeError(`There is a token "${name}" already: revoke it, or take another name`)
  const { secret, sha256 } = newToken()
  const created = new Date().toISOString()
  const token: StoredToken = { name, sha256, roles, created, ...(expires !== undefined && { expires }) }
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
  await writeTokens(file, [...tokens, token])
  return { secret, token }
}

async function writeTokens(file: string, tokens: readonly StoredToken[]): Promise<void> {
  const fresh = `${file}.new`
  const handle = await opened(fresh)
  try {
    await handle.writeFile(`${JSON.stringify(tokens, undefined, 2)}\n`)
    // Made by root, it is read by the user of the server.
    const { uid, gid } = await stat(path.dirname(file))
    if (process.getuid?.() === 0) await chown(fresh, uid, gid)
    await handle.sync()
    await rename(fresh, file)
  } catch (error) {
    await rm(fresh, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}

/** Its presence says that somebody writes. */
async function opened(fresh: string): Promise<FileHandle> {
  try {
    return await open(fresh, 'wx', 0o600)
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause
    throw new Error(`${fresh} is there: another command writes tokens, or one died of it; remove it then`, { cause })
  }
}

function watchTokens(
  file: string,
  { known, intervalMs = 1_000, onChange, onError }: TokenWatchOptions,
): { check(): Promise<void>; close(): void } {
  let seen: string | undefined
  let said = JSON.stringify(known)
  const look = async (): Promise<void> => {
    const mark = await markOf(file)
    if (mark === seen) return
    seen = mark
    try {
      const tokens = await readTokens(file)
      const text = JSON.stringify(tokens)
      if (text !== said) onChange(tokens)
      said = text
    } catch (error) {
      onError(error)
    }
  }
  // One after the other, lest an older answer come last.
  let turn = Promise.resolve()
  const check = (): Promise<void> => {
    turn = turn.then(look)
    return turn
  }
  const timer = setInterval(() => void check(), intervalMs).unref()
  void check()
  return { check, close: () => clearInterval(timer) }
}

async function markOf(file: string): Promise<string> {
  try {
    const { ino, mtimeMs, ctimeMs, size } = await stat(file)
    return `${ino}/${mtimeMs}/${ctimeMs}/${size}`
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  }
}

const ROLES: ReadonlySet<unknown> = new Set<HttpRole>(['read', 'operate', 'admin', 'send'])

function listOf(text: string): readonly StoredToken[] | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined // which octet it is helps nobody: no hand wrote it
  }
  return Array.isArray(value) && value.every(isToken) ? value : undefined
}

function isToken(value: unknown): value is StoredToken {
  if (typeof value !== 'object' || value === null) return false
  const { name, sha256, roles, expires, created } = value as Readonly<Record<string, unknown>> // it was found to be one
  const isTime = (time: unknown): boolean => time === undefined || typeof time === 'string'
  return (
    typeof name === 'string' &&
    typeof sha256 === 'string' &&
    Array.isArray(roles) &&
    roles.every((role) => ROLES.has(role)) &&
    isTime(expires) &&
    isTime(created)
  )
}
