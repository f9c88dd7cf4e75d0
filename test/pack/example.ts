/** The examples, copied out of the repository: each has a folder with nothing but what its own package.json asks for. */
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { CERTIFICATE } from '../conformance/certificate.ts'
import { ROOT, readWorkspaces } from '../structure/workspace.ts'

/** One example, where it was copied to. */
export interface CopiedExample {
  /** Folder in the repository. */
  readonly name: string
  /** Absolute. */
  readonly folder: string
  /** What it asks for and the project has not: `name@version`. */
  readonly missing: readonly string[]
}

const workspaces = readWorkspaces()
const ours = new Set(workspaces.map(({ manifest }) => manifest.name))
const examples = workspaces
  .filter(({ kind }) => kind === 'examples')
  .map(({ folder, manifest }) => ({
    name: folder,
    asked: Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }),
  }))

/** What the examples need from others, as npm wants it: `name@version`. What is ours and not published is in nobody's reach. */
export const FOREIGN: readonly string[] = [
  ...new Set(
    examples.flatMap(({ asked }) =>
      asked.filter(([name]) => !ours.has(name)).map(([name, version]) => `${name}@${version}`),
    ),
  ),
]

/** What is made in an example when it is used in the repository. */
const MADE = new Set(['node_modules', 'var', 'dist', '.turbo'])

/**
 * Copies all of them below a folder that must be outside of the repository: Node looks for packages in every folder above.
 *
 * @param project where everything was installed
 */
export function copyExamples(project: string, place: string): readonly CopiedExample[] {
  const types = path.join(place, 'node_modules/@types/node')
  link(path.join(project, 'node_modules/@types/node'), types)
  return examples.map(({ name, asked }) => {
    const folder = path.join(place, name)
    cpSync(path.join(ROOT, name), folder, { recursive: true, filter: (file) => !MADE.has(path.basename(file)) })
    const missing = asked.filter(([one, version]) => versionIn(project, one) !== version)
    for (const [one] of asked) link(path.join(project, 'node_modules', one), path.join(folder, 'node_modules', one))
    return { name, folder, missing: missing.map((pair) => pair.join('@')) }
  })
}

/** The certificate and the users that the README of `submission` has one make. */
export function followReadme(folder: string): void {
  mkdirSync(path.join(folder, 'var'), { mode: 0o700 })
  for (const [name, text] of [['key.pem', CERTIFICATE.key], ['cert.pem', CERTIFICATE.cert], ['users', '']] as const) // biome-ignore format: short
    writeFileSync(path.join(folder, 'var', name), text, { mode: 0o600 })
}

function versionIn(project: string, name: string): string | undefined {
  const file = path.join(project, 'node_modules', name, 'package.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version?: string }).version : undefined // a package.json
}

function link(target: string, file: string): void {
  mkdirSync(path.dirname(file), { recursive: true })
  symlinkSync(target, file)
}
