/** Who may import whom: the table of the architecture, held against every import. */
import assert from 'node:assert/strict'
import { isBuiltin } from 'node:module'
import { test } from 'node:test'
import {
  findImports,
  readSources,
  readWorkspaces,
  resolveImport,
  type Source,
  splitImport,
  type Workspace,
} from './workspace.ts'

const workspaces = readWorkspaces()
const byPackageName = new Map(workspaces.map((workspace) => [workspace.manifest.name, workspace]))

/** What a package may import of ours. `testing` and `cli` may import every package; plugins and examples have rules of their own. */
const DIRECTIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ['mail', []],
  ['admin-api', []],
  ['siblings', []],
  ['options', ['mail']],
  ['plugin', ['mail']],
  ['message', ['mail', 'options']],
  ['dns', ['options', 'plugin']],
  ['authres', ['plugin', 'options']],
  ['mailauth', ['plugin', 'options']],
  ['embedded', ['mail', 'options', 'plugin', 'message', 'queue']],
  ['listener', ['mail']],
  ['smtp', ['mail', 'options', 'listener']],
  ['http', ['mail', 'plugin', 'listener']],
  ['milter', ['mail', 'listener', 'smtp']],
  ['policy-service', ['mail', 'listener', 'smtp']],
  ['records', ['admin-api', 'options', 'plugin']],
  ['core', ['mail', 'options', 'plugin', 'message', 'listener', 'smtp', 'http', 'policy-service', 'milter']],
  ['queue', ['admin-api', 'mail', 'options', 'plugin']],
  ['delivery', ['mail', 'options']],
  ['redis-link', ['plugin']],
  ['tls-policy', ['mail', 'plugin']],
  ['upstream', ['options', 'plugin']],
  ['directory', ['options', 'plugin', 'upstream']],
  ['login', ['options', 'plugin']],
  ['trace', ['options']],
  ['learn', []],
  ['doctor', ['dns', 'mailauth', 'options', 'plugin', 'tls-policy']],
  ['content', ['mail', 'plugin']],
  ['report', ['mail', 'options', 'plugin', 'delivery', 'tls-policy']],
])
const LEAVES = [
  'mail',
  'admin-api',
  'siblings',
  'options',
  'plugin',
  'message',
  'authres',
  'mailauth',
  'dns',
  'queue',
  'delivery',
  'tls-policy',
  'upstream',
  'directory',
  'login',
  'content',
  'report',
  'records',
  'doctor',
  'trace',
  'learn',
]

/** What single plugins may import besides, because it brings much along. */
const BESIDES: ReadonlyMap<string, readonly string[]> = new Map([
  // The embedded queue is one store among others: only its own plugin brings LMDB along.
  ['queue', ['embedded']],
  // Where a plugin meets the configured Redis; its types are those of ioredis.
  ['redis', ['redis-link']],
  ['redis-queue', ['redis-link']],
  // What it learns with; nobody else does. And where lessons of several nodes are.
  ['junk', ['learn', 'redis-link']],
  // Streams of events and refusals as listeners of kind `http` have them, and the files of the page.
  ['admin', ['http', 'console']],
  // The plugin asks filters, and speaks their protocol.
  ['policy', ['policy-service']],
  ['milter', ['milter']],
])

/** Servers made of plugins, for programs: above all the others, and imported by none of them. */
const COMPOSED: ReadonlySet<string> = new Set(['receive', 'catch'])

/** Packages by folder that production code of this workspace may import. */
function allowedFor({ kind, name }: Workspace): readonly string[] | 'packages' | 'all' {
  if (kind === 'examples' || COMPOSED.has(name)) return 'all'
  if (kind === 'plugins') return [...LEAVES, ...(BESIDES.get(name) ?? [])]
  return DIRECTIONS.get(name) ?? 'packages'
}

function* bareImports(
  workspace: Workspace,
  sources = workspace.sources,
): Generator<{ source: Source; specifier: string; name: string; subpath: string }> {
  for (const source of sources)
    for (const specifier of source.imports)
      if (!specifier.startsWith('.') && !isBuiltin(specifier)) yield { source, specifier, ...splitImport(specifier) }
}

test('imports are found in code and not in comments', () => {
  const text = [
    "import { a } from './a.ts'",
    "import type {\n  B,\n} from '@postroad/b'",
    "import 'reflect-metadata'",
    "export * from './c.ts'",
    "/** @example\n * import { x } from './no.ts'\n */",
    "// import y from 'no'",
    "const z = await import('./d.ts')",
  ]
  assert.deepEqual(findImports(text.join('\n')), ['./a.ts', '@postroad/b', 'reflect-metadata', './c.ts', './d.ts'])
})

for (const workspace of workspaces) {
  const allowed = allowedFor(workspace)
  const production = workspace.sources.filter(({ isTest }) => !isTest)

  test(`${workspace.folder} imports only what the direction of dependencies allows`, () => {
    const wrong = [...bareImports(workspace, production)].flatMap(({ source, specifier, name }) => {
      const target = byPackageName.get(name)
      if (target === undefined || target === workspace || allowed === 'all') return []
      const isAllowed =
        target.kind === 'packages' &&
        !COMPOSED.has(target.name) &&
        (allowed === 'packages' || allowed.includes(target.name))
      return isAllowed ? [] : [`${source.path} imports ${specifier}`]
    })
    assert.deepEqual(wrong, [])
  })

  test(`${workspace.folder} does not reach into another package`, () => {
    const wrong = [...bareImports(workspace)].flatMap(({ source, specifier, name, subpath }) => {
      const entries = byPackageName.get(name)?.manifest.exports
      return entries === undefined || subpath === '' || `./${subpath}` in entries
        ? []
        : [`${source.path} imports ${specifier}`]
    })
    const outside = workspace.sources.flatMap((source) =>
      source.imports
        .filter(
          (specifier) =>
            specifier.startsWith('.') && !resolveImport(source, specifier).startsWith(`${workspace.folder}/`),
        )
        .map((specifier) => `${source.path} imports ${specifier}`),
    )
    // A test of an example or a package may use the tools of the repository's own tests.
    assert.deepEqual([...wrong, ...outside.filter((line) => !/\.test\.ts imports .*\/test\//.test(line))], [])
  })

  test(`${workspace.folder} declares what it imports`, () => {
    const { dependencies = {}, peerDependencies = {}, devDependencies = {} } = workspace.manifest
    const runtime = new Set([workspace.manifest.name, ...Object.keys(dependencies), ...Object.keys(peerDependencies)])
    const whenTested = new Set([...runtime, ...Object.keys(devDependencies), ...rootDevelopment])
    const wrong = [...bareImports(workspace)]
      .filter(({ source, name }) => !(source.isTest || isBuiltIn(source) ? whenTested : runtime).has(name))
      .map(({ source, specifier }) => `${source.path} imports ${specifier}`)
    assert.deepEqual(wrong, [])
  })

  test(`${workspace.folder} has no cycle of imports`, () => {
    assert.deepEqual(findCycle(production), [])
  })
}

/** The page of the console is built into one script, and a `build.ts` is what builds: nobody who installs the package loads what these import. */
function isBuiltIn({ path }: Source): boolean {
  return path.startsWith('packages/console/page/') || /^packages\/[\w-]+\/build\.ts$/.test(path)
}

const rootDevelopment = Object.keys(
  (await import('../../package.json', { with: { type: 'json' } })).default.devDependencies,
)

test('a cycle of imports is found', () => {
  const module = (path: string, ...imports: string[]): Source => ({
    path,
    text: '',
    isTest: false,
    imports,
    runtimeImports: imports,
  })
  assert.deepEqual(findCycle([module('a/x.ts', './y.ts'), module('a/y.ts', './z.ts'), module('a/z.ts')]), [])
  assert.deepEqual(findCycle([module('a/x.ts', './y.ts'), module('a/y.ts', './z.ts'), module('a/z.ts', './x.ts')]), [
    'a/x.ts',
    'a/y.ts',
    'a/z.ts',
    'a/x.ts',
  ])
})

test('only the container of the core knows tsyringe', () => {
  const knows = workspaces
    .flatMap(({ sources }) => sources)
    .filter(({ imports }) => imports.some((name) => /^(?:tsyringe|reflect-metadata)$/.test(name)))
  assert.deepEqual(
    knows.map(({ path }) => path),
    ['packages/core/src/container.ts'],
  )
})

test('only one file knows the inner modules of the npm package mailauth: there their types are declared, once', () => {
  const knows = workspaces
    .flatMap(({ sources }) => sources)
    .filter(({ imports }) => imports.some((name) => name.startsWith('mailauth')))
  assert.deepEqual(
    knows.map(({ path }) => path),
    ['packages/mailauth/src/library.ts'],
  )
})

test('only the package embedded opens LMDB files: two ways to open one lock each other out', () => {
  const knows = workspaces.filter(({ sources }) => sources.some(({ imports }) => imports.includes('lmdb')))
  assert.deepEqual(
    knows.map(({ folder }) => folder),
    ['packages/embedded'],
  )
})

test('a listener brings no schemas of options along: zod cost it 16 MB, and a quarter of its time when clients pipeline', () => {
  const byPath = new Map(workspaces.flatMap(({ sources }) => sources).map((source) => [source.path, source]))
  const reached = new Set<string>()
  const names = new Set<string>()
  const walk = (path: string): void => {
    const source = byPath.get(path)
    if (reached.has(path) || source === undefined) return
    reached.add(path)
    for (const specifier of source.runtimeImports) {
      const { name, subpath } = splitImport(specifier)
      const ours = byPackageName.get(name)
      if (specifier.startsWith('.')) walk(resolveImport(source, specifier))
      else if (ours) walk(`${ours.folder}/src/${subpath || 'index'}.ts`)
      else names.add(name)
    }
  }
  walk('packages/smtp/src/index.ts')
  assert.ok(
    reached.has('packages/options/src/network.ts') && names.has('smtp-server'),
    'the way into other packages was found',
  )
  assert.ok(!names.has('zod'), [...names].join(' '))
})

test('no plugin asks node:dns: answers come from the Dns service, with its cache, limits and deadlines', () => {
  const plugins = workspaces
    .filter(({ kind }) => kind === 'plugins')
    .flatMap(({ sources }) => sources.filter(({ isTest }) => !isTest))
  assert.deepEqual(
    plugins
      .filter(({ imports }) => imports.some((name) => /^(?:node:)?dns(?:\/|$)/.test(name)))
      .map(({ path }) => path),
    [],
  )
})

test('built-in modules are imported with node:', () => {
  const all = [...workspaces.flatMap(({ sources }) => sources), ...readSources('test')]
  const wrong = all.flatMap(({ path, imports }) =>
    imports.filter((name) => isBuiltin(name) && !name.startsWith('node:')).map((name) => `${path} imports ${name}`),
  )
  assert.deepEqual(wrong, [])
})

/** Modules that load each other cannot be understood, or initialised, one by one; types that mention each other can. One cycle as a list of paths that ends where it began; empty when there is none. */
function findCycle(sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const done = new Set<string>()
  const walk = (path: string, trail: readonly string[]): string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path]
    const source = byPath.get(path)
    if (source === undefined || done.has(path)) return []
    for (const specifier of source.runtimeImports) {
      const cycle = specifier.startsWith('.') ? walk(resolveImport(source, specifier), [...trail, path]) : []
      if (cycle.length > 0) return cycle
    }
    done.add(path)
    return []
  }
  for (const path of byPath.keys()) {
    const cycle = walk(path, [])
    if (cycle.length > 0) return cycle
  }
  return []
}
