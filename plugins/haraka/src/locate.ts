/** Where plugins are: in a folder of Haraka, in `node_modules`, or where a path says. */
import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { INSTEAD, PUBLISHED, RENAMED } from './core-plugins.ts'

/** A plugin that was found. */
export interface Located {
  /** As its results and its log are called. */
  readonly name: string
  /** The file, or `package.json` of its package. */
  readonly path: string
  readonly isPackage: boolean
}

/** Where to look. */
export interface PluginPlaces {
  /** The folder of Haraka, if there is one. */
  readonly folder: string | undefined
  /** Folders from which packages are found, as `require` finds them. */
  readonly bases: readonly string[]
}

const PREFIX = 'haraka-plugin-'
const HERE = dirname(fileURLToPath(import.meta.url))

/** The name without its prefix, and an old one as it is called now. */
export function shortName(line: string): string {
  const name = line.startsWith(PREFIX) ? line.slice(PREFIX.length) : line
  return RENAMED.get(name) ?? name
}

/**
 * Finds a plugin by what stands in the options, or in `config/plugins`.
 *
 * @throws {Error} that says where it was looked for, and what it may have been meant to be
 */
export function locate(line: string, places: PluginPlaces): Located {
  if (/^(?:\.{0,2}\/)/.test(line)) return atPath(line, resolve(places.bases[0] ?? '.', line))
  const name = shortName(line)
  const instead = INSTEAD.get(name)
  if (instead !== undefined) throw new Error(`plugin "${line}" does what the server does itself: use ${instead}`)
  const found = find(name, line, places)
  if (found) return found
  const guess = closest(name)
  const looked = [
    ...(places.folder === undefined ? [] : [join(places.folder, 'plugins')]),
    ...places.bases.map((base) => join(base, 'node_modules')),
  ]
  const hint = PUBLISHED.includes(name)
    ? `; install it: npm install ${PREFIX}${name}`
    : `${guess === undefined ? '' : `; did you mean "${guess}"?`} Plugins that come with Haraka itself need its package: npm install Haraka`
  throw new Error(`plugin "${line}" is not there: looked in ${[...new Set(looked)].join(', ')}${hint}`)
}

/** The package of Haraka, from which plugins inherit; undefined when it is not installed. */
export function haraka({ folder, bases }: PluginPlaces): string | undefined {
  const found = packageFile('Haraka', [...(folder === undefined ? [] : [folder]), ...bases])
  return found && dirname(found)
}

function find(name: string, line: string, places: PluginPlaces): Located | undefined {
  const { folder, bases } = places
  const core = haraka(places)
  const roots = [...(folder === undefined ? [] : [folder]), ...(core === undefined ? [] : [core])]
  for (const root of roots) {
    const file = join(root, 'plugins', `${name}.js`)
    if (isFile(file)) return { name, path: file, isPackage: false }
    const packed = join(root, 'plugins', name, 'package.json')
    if (isFile(packed)) return { name, path: packed, isPackage: true }
  }
  const from = [...(folder === undefined ? [] : [folder]), ...bases, ...(core === undefined ? [] : [core]), HERE]
  const path = packageFile(`${PREFIX}${name}`, from) ?? (line.startsWith('@') ? packageFile(line, from) : undefined)
  return path === undefined ? undefined : { name, path, isPackage: true }
}

function atPath(line: string, path: string): Located {
  const name = shortName((path.split('/').at(-1) ?? line).replace(/\.c?js$/, ''))
  if (isFile(join(path, 'package.json'))) return { name, path: join(path, 'package.json'), isPackage: true }
  for (const file of [path, `${path}.js`, join(path, 'index.js')])
    if (isFile(file)) return { name, path: file, isPackage: false }
  throw new Error(
    `plugin "${line}" is not there: no file, and no folder with a package.json or an index.js, is at ${path}`,
  )
}

function packageFile(name: string, bases: readonly string[]): string | undefined {
  for (const base of bases) {
    const folders = createRequire(join(base, 'x.js')).resolve.paths(name) ?? []
    for (const folder of folders) {
      const file = join(folder, name, 'package.json')
      if (isFile(file)) return file
    }
  }
  return undefined
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile()
}

/** The published plugin that a misspelt name is nearest to. */
function closest(name: string): string | undefined {
  const ranked = PUBLISHED.map((known) => [distance(name, known), known] as const).sort(([a], [b]) => a - b)
  const [best] = ranked
  return best && best[0] <= 3 ? best[1] : undefined
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, place) => place)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1))
    row = next
  }
  return row[b.length] ?? 0
}
