/**
 * Makes few files of the many that tsc has written for a package: each file is found, read and compiled by itself when a server starts,
 * and a server had 470 of ours. What is imported late stays a file of its own, and so does what a thread or a process begins with.
 *
 *     cd packages/core && tsc -p tsconfig.json && node ../../test/kit/bundle.ts
 */
import { existsSync, globSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { build } from 'esbuild'

interface Manifest {
  readonly exports?: Readonly<Record<string, string | { readonly default?: string }>>
  readonly bin?: Readonly<Record<string, string>>
}

/** `new URL('./thread.js', import.meta.url)`: what a thread or a process begins with. */
const BEGINS = /'\.\/([\w-]+)\.js', import\.meta\.url/g
/** `import('../dist/bin.js')` in a file of `bin`, which is there before the build. */
const STARTS = /'\.\.\/dist\/([\w/-]+)\.js'/g

const folder = process.cwd()
const dist = join(folder, 'dist')
const written = files('**/*.js').filter((path) => !path.startsWith(`page/`))
const entries = new Map<string, string>()
for (const path of [...exported(), ...begun()]) {
  const name = basename(path, '.js')
  if (entries.has(name) && entries.get(name) !== path)
    throw new Error(
      `${folder}: ${entries.get(name)} and ${path} have one name; what others begin with stands in dist itself`,
    )
  entries.set(name, path)
}

const { metafile, warnings } = await build({
  absWorkingDir: dist,
  entryPoints: Object.fromEntries([...entries].map(([name, path]) => [name, join(dist, path)])),
  outdir: dist,
  allowOverwrite: true,
  bundle: true,
  splitting: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node22.19',
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  metafile: true,
})
if (warnings.length > 0) throw new Error(`${folder}: ${warnings.map(({ text }) => text).join('; ')}`)

const made = new Set(Object.keys(metafile.outputs))
for (const path of written) {
  if (made.has(path)) continue
  rmSync(join(dist, path))
  rmSync(join(dist, `${path}.map`), { force: true })
}

function exported(): string[] {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest // ours
  const targets = Object.values(manifest.exports ?? {}).map((target) =>
    typeof target === 'string' ? target : target.default,
  )
  return [...targets, ...Object.values(manifest.bin ?? {})]
    .filter((target) => target?.startsWith('./dist/') && target.endsWith('.js'))
    .map((target) => relative('./dist', target as string)) // filtered
}

function begun(): string[] {
  const inside = written.flatMap((path) =>
    matches(join(dist, path), BEGINS).map((name) => join(dirname(path), `${name}.js`)),
  )
  const outside = globSync('bin/*.js', { cwd: folder }).flatMap((path) =>
    matches(join(folder, path), STARTS).map((name) => `${name}.js`),
  )
  const wanted = [...inside, ...outside]
  for (const path of wanted) if (!existsSync(join(dist, path))) throw new Error(`${folder}: dist/${path} is not there`)
  return wanted
}

function matches(path: string, pattern: RegExp): string[] {
  return [...readFileSync(path, 'utf8').matchAll(pattern)].map(([, name = '']) => name)
}

function files(pattern: string): string[] {
  return globSync(pattern, { cwd: dist }).sort()
}
