/** `postroad token`: secrets that callers show to listeners of kind `http`. Only hashes are kept. */
import path from 'node:path'
import { type App, type Config, judgeConfig } from '@postroad/core'
import { tokenFile } from '@postroad/http'
import { parseDuration } from '@postroad/options'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { loadConfig } from '../config/load.ts'
import { UsageError } from '../config/usage-error.ts'

/** Which file it is about. */
interface FileOptions {
  readonly config?: string
  readonly file?: string
}

interface NewOptions extends FileOptions {
  readonly role: readonly Role[]
  readonly expires?: string
}

type Tokens = Awaited<ReturnType<ReturnType<typeof tokenFile>['read']>>
type Token = Tokens[number]
type Role = Token['roles'][number]

const ROLES: readonly Role[] = ['read', 'operate', 'admin', 'send']

const DEFAULT_ROLES: readonly Role[] = ['read']

/** Adds `token`. */
export function tokenCommand(program: Command): void {
  const token = program
    .command('token')
    .description('make, list and revoke tokens for listeners of kind http')
    .addHelpText('after', '\nA running server takes what has changed within a second.')
  withFile(token.command('new'))
    .description('make a token and print its secret, this once')
    .argument('<name>', 'names the caller in logs')
    .addOption(
      new Option('--role <role>', `${ROLES.join(', ')}; operate includes read, admin all; may be given again`)
        .default(DEFAULT_ROLES, 'read')
        .argParser(addRole),
    )
    .option('--expires <when>', 'a duration such as 90d, or a date; default: never')
    .action(create)
  withFile(token.command('list'))
    .description('list tokens by name, with what they may')
    .option('--json', 'print JSON lines')
    .action(list)
  withFile(token.command('revoke')).description('make a token worthless').argument('<name>').action(revoke)
}

/** The default is no role that was given. */
function addRole(text: string, before: readonly Role[]): readonly Role[] {
  const role = ROLES.find((one) => one === text)
  if (role === undefined) throw new InvalidArgumentError(`There are ${ROLES.join(', ')}.`)
  return before === DEFAULT_ROLES ? [role] : [...new Set([...before, role])]
}

function withFile(command: Command): Command {
  return command
    .option('--config <config>', 'configuration file or folder')
    .option(
      '--file <file>',
      'where tokens lie; default: tokenFile of the listener, or tokens.json in the server’s folder',
    )
}

async function create(name: string, { role, expires, ...where }: NewOptions): Promise<void> {
  const end = expires === undefined ? undefined : expiry(expires)
  const file = await fileOf(where)
  const { secret } = await tokenFile(file)
    .add({ name, roles: role, expires: end })
    .catch((cause: unknown) => {
      throw cause instanceof TypeError ? new UsageError(cause.message, { cause }) : cause
    })
  process.stdout.write(`${secret}\n`)
  process.stderr.write(
    `This is shown once; its hash is kept in ${shown(file)}. Callers send it as "Authorization: Bearer …".\n`,
  )
}

async function list({ json, ...where }: FileOptions & { readonly json?: boolean }): Promise<void> {
  const file = await fileOf(where)
  const tokens = await read(file)
  // Hashes are of no use to who reads this, and might be to others.
  const lines = tokens.map(({ sha256: _hash, ...token }) => (json ? JSON.stringify(token) : lineOf(token)))
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`)
  else if (!json) process.stdout.write(`There is no token in ${shown(file)}.\n`)
}

async function revoke(name: string, where: FileOptions): Promise<void> {
  const file = await fileOf(where)
  const tokens = await read(file)
  if (!(await tokenFile(file).revoke(name))) {
    const there = tokens.map((one) => one.name).join(', ')
    throw new UsageError(`There is no token "${name}" in ${shown(file)}${there === '' ? '' : `; there are ${there}`}`)
  }
  process.stdout.write(`The token "${name}" is worth nothing any more.\n`)
}

async function read(file: string): Promise<Tokens> {
  try {
    return await tokenFile(file).read()
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

/** @throws {UsageError} when it is neither a duration nor a date, or over already */
function expiry(text: string): string {
  // A bare number would be milliseconds.
  const duration = /^\d+$/.test(text) ? Number.NaN : parseDuration(text)
  const at = duration === undefined ? Date.parse(text) : Date.now() + duration
  if (Number.isNaN(at)) throw new UsageError(`--expires: "${text}" is neither a duration such as 90d nor a date`)
  if (at <= Date.now()) throw new UsageError(`--expires: ${text} is over`)
  return new Date(at).toISOString()
}

/** The file of the listeners of kind `http`; the server is not set up: without a token it might not be. */
async function fileOf({ config: given, file }: FileOptions): Promise<string> {
  if (file !== undefined) return path.resolve(file)
  const { config, base } = await loadConfig(given)
  const usual = path.resolve(base, judgeConfig(config).value.folder, 'tokens.json')
  const named = await namedFiles(config)
  const files = [...new Set(named.map((one) => (one === undefined ? usual : path.resolve(base, one))))]
  const [only = usual] = files
  if (files.length > 1)
    throw new UsageError(
      `Listeners have several files of tokens: say which, --file ${files.map(shown).join(' or --file ')}`,
    )
  return only
}

/** What each listener that asks for tokens says of their file. */
async function namedFiles(config: Config): Promise<readonly (string | undefined)[]> {
  const files: (string | undefined)[] = []
  const app: App = {
    use: () => app,
    scope(_name, fill) {
      fill(app)
      return app
    },
    listen(options) {
      if (options?.protocol === 'http' && (options.routes ?? 'all') === 'all') files.push(options.tokenFile)
      return app
    },
  }
  await config.setup(app)
  return files
}

function lineOf({ name, roles, created, expires }: Omit<Token, 'sha256'>): string {
  const isOver = expires !== undefined && Date.parse(expires) <= Date.now()
  const notes = [
    ...(created === undefined ? [] : [`made ${created.slice(0, 10)}`]),
    expires === undefined ? 'never expires' : `${isOver ? 'expired' : 'expires'} ${expires.slice(0, 10)}`,
  ]
  return `${name.padEnd(20)} ${roles.join(', ').padEnd(12)} ${notes.join(', ')}`
}

function shown(file: string): string {
  const relative = path.relative(process.cwd(), file)
  return relative.startsWith('..') ? file : relative
}
