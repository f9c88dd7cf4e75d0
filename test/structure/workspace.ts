/** The repository as data: packages, their manifests, their sources and what those import. */
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Absolute path of the repository. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** The part of a package.json that is looked at here. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly description?: string
  readonly license?: string
  readonly repository?: unknown
  readonly homepage?: string
  readonly bugs?: unknown
  readonly type?: string
  readonly engines?: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly bin?: string | Readonly<Record<string, string>>
  readonly files?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** One module. */
export interface Source {
  /** From the root of the repository, with slashes. */
  readonly path: string
  readonly text: string
  /** Fixtures too: what only tests use. */
  readonly isTest: boolean
  /** What it imports, as written: `./a.ts`, `node:net`, `@postroad/plugin`. */
  readonly imports: readonly string[]
  /** Those of them that are still there at run time: without types. */
  readonly runtimeImports: readonly string[]
}

/** One folder of `packages`, `plugins` or `examples`. */
export interface Workspace {
  readonly kind: 'packages' | 'plugins' | 'examples'
  /** Name of the folder. */
  readonly name: string
  /** From the root of the repository. */
  readonly folder: string
  readonly manifest: Manifest
  readonly sources: readonly Source[]
}

/** Every workspace, by folder. */
export function readWorkspaces(): Workspace[] {
  return (['packages', 'plugins', 'examples'] as const).flatMap((kind) =>
    globSync(`${kind}/*/package.json`, { cwd: ROOT })
      .sort()
      .map((path) => {
        const folder = dirname(path)
        return { kind, name: basename(folder), folder, manifest: readManifest(path), sources: readSources(folder) }
      }),
  )
}

/** A package.json by its path from the root. */
export function readManifest(path: string): Manifest {
  // `as`: what these tests hold against the conventions; a missing key shows as a failure there.
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as Manifest
}

/** Every module below a folder, but for what was built or installed, and for templates, which belong to the package that is made of them. */
export function readSources(folder: string): Source[] {
  return globSync(`${folder}/**/*.ts`, { cwd: ROOT, exclude: (path) => path === 'node_modules' || path === 'dist' })
    .filter((path) => !/(?:^|\/)(?:node_modules|dist|template)\//.test(path))
    .sort()
    .map((path) => readSource(path))
}

function readSource(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8')
  return {
    path,
    text,
    isTest: /(?:\.test|fixture)\.ts$/.test(path),
    imports: findImports(text),
    runtimeImports: findImports(text.replace(/^(?:import|export) type\b[^;'"`]*'[^']+'/gm, '')),
  }
}

/** What a module imports, types too. Comments are not read: an import in an example is not an import. */
export function findImports(text: string): string[] {
  const code = text.replace(/^\s*(?:\/\/.*|\/?\*.*)$/gm, '')
  const statics = code.matchAll(/^(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*'([^']+)'/gm)
  const dynamics = code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)
  return [...statics, ...dynamics].map((match) => match[1] ?? '')
}

/** The name of the package that a bare import belongs to, and what follows it. */
export function splitImport(specifier: string): { readonly name: string; readonly subpath: string } {
  const parts = specifier.split('/')
  const length = specifier.startsWith('@') ? 2 : 1
  return { name: parts.slice(0, length).join('/'), subpath: parts.slice(length).join('/') }
}

/** Path from the root of what a relative import names. */
export function resolveImport(from: Source, specifier: string): string {
  return relative(ROOT, join(ROOT, dirname(from.path), specifier))
}
