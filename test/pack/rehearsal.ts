/** A copy of this repository that can be released without touching it: its own git, its own versions, the same tools. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { collect } from '../kit/command.ts'
import { ROOT } from '../structure/workspace.ts'
import { run } from './project.ts'

/** Folders of `node_modules` that lead back into the repository. */
const OWN = new Set(['@postroad', '@postroad-example', 'postroad', 'create-postroad', '.package-lock.json'])

/** Makes the copy, with what is built here, and without the changesets that wait: a rehearsal brings its own. */
export function copyRepository(folder: string): void {
  const git = (...args: string[]) =>
    check(run(folder, 'git', ['-c', 'user.name=Rehearsal', '-c', 'user.email=rehearsal@postroad.test', ...args]))
  const files = check(run(ROOT, 'git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'])).split('\0')
  const isWanted = (name: string): boolean => name !== '' && !/^\.changeset\/(?!README).*\.md$/.test(name)
  for (const file of files.filter(isWanted)) cpSync(path.join(ROOT, file), path.join(folder, file))
  for (const kind of ['packages', 'plugins'])
    for (const name of readdirSync(path.join(ROOT, kind))) {
      const dist = path.join(kind, name, 'dist')
      if (existsSync(path.join(ROOT, dist))) cpSync(path.join(ROOT, dist), path.join(folder, dist), { recursive: true })
    }
  linkModules(folder)
  git('init', '-q', '-b', 'main')
  git('add', '-A')
  git('commit', '-q', '-m', 'a rehearsal')
}

/** Foreign packages are those of the repository; ours are those of the copy, by the same relative links. */
function linkModules(folder: string): void {
  const [from, to] = [path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules')]
  mkdirSync(to)
  for (const name of readdirSync(from))
    if (!OWN.has(name)) symlinkSync(path.join(from, name), path.join(to, name))
    else if (!name.endsWith('.json'))
      cpSync(path.join(from, name), path.join(to, name), { recursive: true, verbatimSymlinks: true })
}

/** Adds a changeset. */
export function announce(folder: string, bumps: Readonly<Record<string, string>>): void {
  const head = Object.entries(bumps).map(([name, bump]) => `"${name}": ${bump}`)
  writeFileSync(path.join(folder, '.changeset/rehearsal.md'), `---\n${head.join('\n')}\n---\n\nA rehearsal.\n`)
}

/** Names and versions of what is published from the copy. */
export function versionsIn(folder: string): Readonly<Record<string, string>> {
  const manifests = ['packages', 'plugins'].flatMap((kind) =>
    readdirSync(path.join(folder, kind)).map((name) =>
      JSON.parse(readFileSync(path.join(folder, kind, name, 'package.json'), 'utf8')),
    ),
  )
  return Object.fromEntries(manifests.map(({ name, version }) => [name, version]))
}

/** Runs a program to its end while this process goes on, for it is the registry. @throws {Error} with what it said, when it fails */
export async function follow(
  folder: string,
  command: string,
  { args, env = {} }: { args: readonly string[]; env?: object },
): Promise<string> {
  // The settings of the test run are not the user's; certificates are the machine's.
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(?:npm_(?!config_)|NODE_(?!EXTRA|COMPILE_CACHE)|INIT_CWD)/i.test(name),
    ),
  )
  const child = spawn(command, args, { cwd: folder, env: { ...clean, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  const [code] = await once(child, 'close')
  return check({ code: code as number | null, out: `${out()}${err()}` }) // as Node documents it
}

function check({ code, out }: { readonly code: number | null; readonly out: string }): string {
  if (code !== 0) throw new Error(`ended with ${code}:\n${out.slice(-4_000)}`)
  return out
}
