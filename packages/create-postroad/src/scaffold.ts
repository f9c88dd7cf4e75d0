/** Writes the beginning of a plugin: a template with the names replaced, and a package.json with the versions this package was tested with. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** What is wanted. */
export interface Scaffold {
  /** Of the plugin: lower-case letters, digits and hyphens; or of its package, `@acme/postroad-plugin-no-lottery`. */
  readonly name: string
  /** Where; for `package` default `postroad-plugin-NAME`, for `file` the working directory. */
  readonly folder?: string | undefined
  /** `package` (default): a folder to be published. `file`: one file and its test, for a project that is there. */
  readonly kind?: 'package' | 'file'
}

/** What was written. */
export interface Scaffolded {
  /** Absolute. */
  readonly folder: string
  /** Paths within the folder. */
  readonly files: readonly string[]
  /** Packages, with versions, that the plugin and its tests need. */
  readonly needs: Readonly<Record<string, string>>
}

const TEMPLATE = fileURLToPath(new URL('../template/', import.meta.url))
const NAME = /^(?:(@[a-z0-9][a-z0-9._-]{0,63}\/))?(?:postroad-plugin-)?([a-z][a-z0-9]*(?:-[a-z0-9]+)*)$/
const RESERVED =
  /^(?:break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|export|extends|false|finally|for|function|if|import|in|instanceof|new|null|return|super|switch|this|throw|true|try|typeof|var|void|while|with|let|static|yield|await|options)$/

/**
 * Writes the beginning of a plugin.
 *
 * @throws {RangeError} when the name is not one, or something is there already; nothing is written then
 * @example await scaffold({ name: 'no-lottery' })
 */
export async function scaffold({ name: given, folder, kind = 'package' }: Scaffold): Promise<Scaffolded> {
  const [, scope = '', name = ''] = NAME.exec(given) ?? []
  if (name === '' || name.length > 64)
    throw new RangeError(
      `A plugin's name is of lower-case letters, digits and hyphens, with or without a scope, not "${given}"`,
    )
  const target = path.resolve(folder ?? (kind === 'package' ? `postroad-plugin-${name}` : '.'))
  const needs = await versions()
  const files =
    kind === 'package'
      ? [...(await packageFiles()), manifestFile(`${scope}postroad-plugin-${name}`, needs)]
      : await singleFiles()
  const named = files.map(({ path: file, text }) => ({
    path: rename(file, name),
    text: rename(text.replaceAll('postroad-plugin-my-plugin', `${scope}postroad-plugin-my-plugin`), name),
  }))
  await refuseToOverwrite(target, kind, named)
  for (const { path: file, text } of named) {
    await mkdir(path.dirname(path.join(target, file)), { recursive: true })
    await writeFile(path.join(target, file), text, { flag: 'wx' })
  }
  return { folder: target, files: named.map((file) => file.path), needs }
}

/** What was written, and what to do next, for people. */
export function describeScaffold({ folder, files, needs }: Scaffolded, kind: Scaffold['kind'] = 'package'): string {
  const place = path.relative('.', folder)
  const written = files.map((file) => `  ${path.join(place, file)}`).join('\n')
  if (kind === 'package') return `${written}\n\nNext:\n  cd ${place} && npm install && npm test\n`
  const tools = ['@postroad/plugin', '@postroad/testing', 'zod'].map((tool) => `${tool}@${needs[tool]}`).join(' ')
  const test = path.join(place, files.at(-1) ?? '')
  return `${written}\n\nNext:\n  npm install ${tools}\n  node --test ${test}\n\nThen: import it in postroad.config.ts, and app.use(…) it.\n`
}

interface TextFile {
  readonly path: string
  readonly text: string
}

async function packageFiles(): Promise<TextFile[]> {
  const base = path.join(TEMPLATE, 'package')
  const entries = await readdir(base, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(base, path.join(entry.parentPath, entry.name)))
  // npm would not pack a file that is named `.gitignore`.
  return Promise.all(
    files
      .sort()
      .map(async (file) => ({ path: file.replace(/^gitignore$/, '.gitignore'), text: await read(base, file) })),
  )
}

async function singleFiles(): Promise<TextFile[]> {
  return [
    { path: 'my-plugin.ts', text: await read(TEMPLATE, 'package/src/my-plugin.ts') },
    { path: 'my-plugin.test.ts', text: await read(TEMPLATE, 'file/my-plugin.test.ts') },
  ]
}

function read(...parts: readonly string[]): Promise<string> {
  return readFile(path.join(...parts), 'utf8')
}

/** Versions of what a plugin is made with; this package's own development dependencies, so that releases keep them true. */
async function versions(): Promise<Readonly<Record<string, string>>> {
  const manifest: { readonly devDependencies: Readonly<Record<string, string>> } = JSON.parse(
    await read(TEMPLATE, '..', 'package.json'),
  )
  return manifest.devDependencies
}

function manifestFile(name: string, needs: Readonly<Record<string, string>>): TextFile {
  const { zod = '', '@postroad/plugin': plugin = '', ...tools } = needs
  const manifest = {
    name,
    version: '0.1.0',
    description: 'A Postroad plugin.',
    keywords: ['postroad', 'postroad-plugin'],
    license: 'MIT',
    type: 'module',
    engines: { node: '>=22.19' },
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' }, './package.json': './package.json' },
    files: ['dist', '!dist/**/*.test.*'],
    sideEffects: false,
    scripts: { test: 'node --test "src/**/*.test.ts"', check: 'tsc --noEmit', build: 'tsc', prepack: 'npm run build' },
    peerDependencies: { '@postroad/plugin': `^${plugin}` },
    dependencies: { zod: `^${zod}` },
    devDependencies: {
      '@postroad/plugin': `^${plugin}`,
      ...Object.fromEntries(Object.entries(tools).map(([tool, version]) => [tool, `^${version}`])),
    },
  }
  return { path: 'package.json', text: `${JSON.stringify(manifest, undefined, 2)}\n` }
}

/** The template's own names become the plugin's. */
function rename(text: string, name: string): string {
  const camel = name.replace(/-+([a-z0-9]?)/g, (_, letter: string) => letter.toUpperCase())
  return text.replaceAll('my-plugin', name).replaceAll('myPlugin', RESERVED.test(camel) ? `${camel}Plugin` : camel)
}

async function refuseToOverwrite(folder: string, kind: 'package' | 'file', files: readonly TextFile[]): Promise<void> {
  const present = await readdir(folder).catch((): string[] => []) // it is made when it is not there
  const taken = kind === 'package' ? present[0] : files.find((file) => present.includes(file.path))?.path
  if (taken !== undefined)
    throw new RangeError(
      `${path.relative('.', path.join(folder, taken)) || taken} is there already: nothing was written`,
    )
}
