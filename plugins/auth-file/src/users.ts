/**
 * The file of users: one a line, fields parted by spaces.
 *
 *     alice@example.com $scrypt$ln=15,r=8,p=3$… SCRAM-SHA-256$4096:… from=sales@example.com
 */
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, readFile, realpath, rename, stat, unlink } from 'node:fs/promises'
import path from 'node:path'
import { formatScram, isPasswordHash, parseScram } from '@postroad/login'
import { AddressTable, parseLines } from '@postroad/options'
import type { ScramKeys } from '@postroad/plugin'

/** One user. */
export interface User {
  /** As written. */
  readonly name: string
  /** PHC notation; absent: no password is right. */
  readonly hash: string | undefined
  readonly scram: ScramKeys | undefined
  /** The password itself, for CRAM-MD5. */
  readonly plain: string | undefined
  /** SHA-256 fingerprints of certificates, lower-case hexadecimal. */
  readonly certificates: readonly string[]
  /** Patterns of further reverse-paths. */
  readonly from: readonly string[]
}

/** Users by name: compared in NFKC and without case. */
export type Users = ReadonlyMap<string, User>

/** How a name is looked up. */
export function userKey(name: string): string {
  return name.normalize('NFKC').toLowerCase()
}

/** @throws {TypeError} naming the user whose line is wrong */
export function parseUsers(text: string): Users {
  const users = new Map<string, User>()
  parseLines(text, ([encoded, ...fields]) => {
    const name = decodeURIComponent(encoded)
    const key = userKey(name)
    if (users.has(key)) throw new TypeError(`two users have the name ${encoded}`)
    users.set(key, parseUser(name, fields))
  })
  return users
}

function parseUser(name: string, fields: readonly string[]): User {
  const with_ = (prefix: string) =>
    fields.filter((field) => field.startsWith(prefix)).map((field) => field.slice(prefix.length))
  const known = ['$scrypt$', '$argon2id$', 'SCRAM-SHA-256$', 'plain=', 'cert=', 'from=']
  const odd = fields.find((field) => !known.some((prefix) => field.startsWith(prefix)))
  if (odd !== undefined) throw new TypeError(`user ${name}: "${odd.slice(0, 12)}" is not a field`)
  const hash = fields.find((field) => field.startsWith('$'))
  if (hash !== undefined && !isPasswordHash(hash)) throw new TypeError(`user ${name}: wrong password hash`)
  const [scram] = fields.filter((field) => field.startsWith('SCRAM-'))
  const keys = scram === undefined ? undefined : parseScram(scram)
  if (scram !== undefined && !keys) throw new TypeError(`user ${name}: wrong SCRAM keys`)
  const from = with_('from=')
  new AddressTable(from.map((pattern) => [pattern, true])) // throws for what is no pattern
  const [plain] = with_('plain=')
  return {
    name,
    hash,
    scram: keys,
    plain: plain === undefined ? undefined : decodeURIComponent(plain),
    certificates: with_('cert=').map((print) => print.replaceAll(':', '').toLowerCase()),
    from,
  }
}

function formatUser({ name, hash, scram, plain, certificates, from }: User): string {
  const fields = [
    hash,
    scram && formatScram(scram),
    plain === undefined ? undefined : `plain=${encodeURIComponent(plain)}`,
  ]
  const lists = [...certificates.map((print) => `cert=${print}`), ...from.map((pattern) => `from=${pattern}`)]
  return [
    name.replaceAll(/[\s%#]/g, encodeURIComponent),
    ...fields.filter((field) => field !== undefined),
    ...lists,
  ].join(' ')
}

/** Changes the file, all of it or nothing, durably. Comments and other users' lines stay as they are. */
export async function writeUser(file: string, name: string, user: User | undefined): Promise<void> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const isOther = (line: string) => {
    const [entry] = parseLines(line, (entry) => entry)
    return !entry || userKey(decodeURIComponent(entry[0])) !== userKey(name)
  }
  const lines = text.split('\n').filter(isOther)
  while (lines.at(-1) === '') lines.pop()
  if (user) lines.push(formatUser(user))
  await replace(await realpath(file).catch(() => file), `${lines.join('\n')}\n`) // one that is not there yet has no other name
}

async function replace(file: string, text: string): Promise<void> {
  const folder = path.dirname(file)
  const unfinished = path.join(folder, `.${randomUUID()}.tmp`)
  const handle = await open(unfinished, 'wx', 0o600)
  try {
    await keepOwner(file, handle)
    await handle.writeFile(text)
    await handle.sync()
    await rename(unfinished, file)
  } catch (error) {
    await unlink(unfinished).catch(() => undefined) // what failed before is what matters
    throw error
  } finally {
    await handle.close()
  }
  const directory = await open(folder, 'r')
  await directory.sync().finally(() => directory.close())
}

/** An administrator's command must not take the file from the account the server runs as. */
async function keepOwner(file: string, handle: FileHandle): Promise<void> {
  const before = await stat(file).catch(() => undefined) // a new file is its maker's
  if (!before) return
  await handle.chmod(before.mode & 0o777)
  if (process.getuid?.() === 0) await handle.chown(before.uid, before.gid)
}
