/** Writes the beginning of a server, a filter or a program: a folder that starts, and passes its tests. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** What may be begun beside a plugin; each word with what it is. */
export const SERVERS = {
  mx: 'takes mail for a domain, checks it, and delivers into Maildirs',
  filter: 'a filter that a Postfix or Sendmail asks',
  submission: 'where people log in and hand in their mail, with a queue that delivers',
  program: 'a program that receives mail: one function for each message',
} as const

/** One of them. */
export type ServerKind = keyof typeof SERVERS

/** What is wanted. */
export interface ServerScaffold {
  readonly kind: ServerKind
  /** Of the package: lower-case letters, digits and hyphens. */
  readonly name: string
  /** Default: the name. */
  readonly folder?: string | undefined
}

const TEMPLATE = fileURLToPath(new URL('../template/', import.meta.url))
const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/
/** Packages of each, beside what its tests need. */
const NEEDS: Readonly<Record<ServerKind, readonly string[]>> = {
  mx: ['auth-results', 'dkim', 'dmarc', 'maildir', 'plugin', 'routing', 'spf'],
  filter: ['auth-results', 'dkim', 'dmarc', 'greylist', 'plugin', 'spf'],
  submission: ['auth-file', 'queue', 'rate-limit', 'routing'],
  program: ['receive'],
}

/**
 * Writes it.
 *
 * @throws {RangeError} when the name is not one, or something is there already; nothing is written then
 */
export async function scaffoldServer({ kind, name, folder }: ServerScaffold): Promise<{
  readonly folder: string
  readonly files: readonly string[]
}> {
  if (!NAME.test(name) || name.length > 64)
    throw new RangeError(`A name is of lower-case letters, digits and hyphens, not "${name}"`)
  const target = path.resolve(folder ?? name)
  const [present] = await readdir(target).catch((): string[] => []) // it is made when it is not there
  if (present !== undefined)
    throw new RangeError(`${path.relative('.', path.join(target, present))} is there already: nothing was written`)
  const files = new Map([
    ['package.json', await manifestOf(kind, name)],
    ...(await filesOf('shared')),
    ...(await filesOf(kind)),
  ])
  await mkdir(target, { recursive: true })
  for (const [file, text] of files)
    await writeFile(path.join(target, file), text.replaceAll('my-server', name), { flag: 'wx' })
  return { folder: target, files: [...files.keys()] }
}

/** What was written, and what to do next, for people. */
export function describeServer({ folder, files }: Awaited<ReturnType<typeof scaffoldServer>>): string {
  const place = path.relative('.', folder)
  const written = files.map((file) => `  ${path.join(place, file)}`).join('\n')
  return `${written}\n\nNext:\n  cd ${place} && npm install && npm test && npm start\n`
}

/** npm would not pack a file that is named `.gitignore`. */
async function filesOf(kind: string): Promise<readonly (readonly [string, string])[]> {
  const names = (await readdir(path.join(TEMPLATE, kind))).sort()
  return Promise.all(
    names.map(
      async (name) =>
        [name.replace(/^gitignore$/, '.gitignore'), await readFile(path.join(TEMPLATE, kind, name), 'utf8')] as const,
    ),
  )
}

async function manifestOf(kind: ServerKind, name: string): Promise<string> {
  const versions: Readonly<Record<string, string>> = JSON.parse(
    await readFile(path.join(TEMPLATE, 'versions.json'), 'utf8'),
  )
  const { devDependencies: tools }: { readonly devDependencies: Readonly<Record<string, string>> } = JSON.parse(
    await readFile(path.join(TEMPLATE, '../package.json'), 'utf8'),
  )
  const ranged = (names: readonly string[]) =>
    Object.fromEntries(names.map((one) => [one, `^${versions[one] ?? tools[one]}`]))
  const manifest = {
    name,
    version: '0.0.0',
    private: true,
    type: 'module',
    engines: { node: '>=22.19' },
    scripts: {
      start: kind === 'program' ? 'node main.ts' : 'postroad start',
      test: 'node --test "*.test.ts"',
      check: kind === 'program' ? 'tsc' : 'postroad check && tsc',
    },
    dependencies: ranged(['postroad', ...NEEDS[kind].map((one) => `@postroad/${one}`)].sort()),
    devDependencies: ranged(['@postroad/testing', '@types/node', 'nodemailer', 'typescript']),
  }
  return `${JSON.stringify(manifest, undefined, 2)}\n`
}
