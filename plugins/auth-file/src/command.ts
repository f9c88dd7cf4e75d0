/** The commands by which an operator manages users. */
import { randomBytes } from 'node:crypto'
import { type Guard, hashPassword, scramKeys } from '@postroad/login'
import { AddressTable } from '@postroad/options'
import type { CommandIo, Lock, PluginCommand } from '@postroad/plugin'
import { type AuthFileOptions, costOf } from './options.ts'
import { readPassword } from './prompt.ts'
import { type User, type Users, userKey, writeUser } from './users.ts'

/** What the commands work on. */
export interface UserCommandDeps {
  readonly options: AuthFileOptions
  /** Of the file. */
  readonly path: string
  readonly lock: Lock
  readonly guard: Guard
  users(): Users
  changed(): Promise<void>
}

const USAGE = 64
const UNAVAILABLE = 75
const SEEN =
  'one name only: a password among the arguments is seen by everyone on this machine, and kept by the shell; it is asked for'

/** `postroad auth-file add`, `password`, `remove`, `list`, `unlock`. */
export function userCommands(deps: UserCommandDeps): Readonly<Record<string, PluginCommand>> {
  return {
    add: {
      summary: 'Adds a user; the password is asked for, read from standard input, or generated and printed',
      usage: '<name> [--generate] [--from PATTERN]…',
      run: (args, io) => add(args, io, deps),
    },
    password: {
      summary: 'Gives a user another password',
      usage: '<name> [--generate]',
      run: (args, io) => changePassword(args, io, deps),
    },
    remove: {
      summary: 'Removes a user',
      usage: '<name>',
      async run([name = ''], io) {
        if (!deps.users().has(userKey(name))) return fail(io, `there is no user ${name}`)
        return write(deps, name, undefined)
      },
    },
    list: {
      summary: 'Lists the users and how they may log in',
      onlyLooks: true,
      async run(_, io) {
        for (const { name, hash, scram, plain, certificates, from } of deps.users().values()) {
          const ways = [
            hash && 'password',
            scram && 'scram',
            plain !== undefined && 'plain',
            certificates.length > 0 && 'certificate',
          ]
          io.row({ name, ways: ways.filter(Boolean).join(' '), from: from.join(' ') })
        }
      },
    },
    unlock: {
      summary: 'Lets a user or an address try again after too many failures',
      usage: '<name | address>',
      async run([what], io) {
        if (what === undefined) return USAGE
        await deps.guard.unlock(what)
        io.row({ unlocked: what })
      },
    },
  }
}

async function add(args: readonly string[], io: CommandIo, deps: UserCommandDeps): Promise<number> {
  const { name, isGenerated, from, surplus } = parse(args)
  if (name === undefined) return USAGE
  if (surplus) return fail(io, SEEN)
  if (deps.users().has(userKey(name))) return fail(io, `there is a user ${name} already`)
  new AddressTable(from.map((pattern) => [pattern, true])) // a pattern that is none is said now, not at the next start
  const password = await choose(isGenerated, io)
  if (password === undefined) return 1
  return write(deps, name, { name, certificates: [], from, ...(await secrets(password, deps.options)) })
}

async function changePassword(args: readonly string[], io: CommandIo, deps: UserCommandDeps): Promise<number> {
  const { name, isGenerated, surplus } = parse(args)
  if (name === undefined) return USAGE
  if (surplus) return fail(io, SEEN)
  const user = deps.users().get(userKey(name))
  if (!user) return fail(io, `there is no user ${name}`)
  const password = await choose(isGenerated, io)
  if (password === undefined) return 1
  return write(deps, name, { ...user, ...(await secrets(password, deps.options)) })
}

async function secrets(password: string, options: AuthFileOptions): Promise<Pick<User, 'hash' | 'scram' | 'plain'>> {
  const { iterations, plain } = options
  return {
    hash: await hashPassword(password, costOf(options)),
    scram: await scramKeys(password, iterations),
    plain: plain ? password : undefined,
  }
}

/** Two operators at once would lose one of the changes. */
async function write({ path, lock, changed }: UserCommandDeps, name: string, user: User | undefined): Promise<number> {
  const done = await lock.tryWith(`auth-file:${path}`, 10_000, async () => {
    await writeUser(path, name, user)
    return true
  })
  if (!done) return UNAVAILABLE
  await changed()
  return 0
}

function parse(args: readonly string[]): {
  readonly name: string | undefined
  readonly isGenerated: boolean
  readonly from: readonly string[]
  readonly surplus: boolean
} {
  const from = args.flatMap((arg, index) => (args[index - 1] === '--from' ? [arg] : []))
  const [name, ...others] = args.filter((arg, index) => !arg.startsWith('--') && args[index - 1] !== '--from')
  return { name, isGenerated: args.includes('--generate'), from, surplus: others.length > 0 }
}

async function choose(isGenerated: boolean, io: CommandIo): Promise<string | undefined> {
  if (!isGenerated) return readPassword({ input: process.stdin, output: process.stderr })
  const password = randomBytes(15).toString('base64url')
  io.row({ password })
  return password
}

function fail(io: CommandIo, text: string): number {
  io.print(text)
  return 1
}
