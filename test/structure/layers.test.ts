/** The folders of a package are layers: each may import those that stand before it in its list, and no import goes round in a circle. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readWorkspaces, resolveImport, type Source } from './workspace.ts'

/**
 * From the bottom up: folders of `src`, and modules that stand in `src` itself. Modules in `src` that are not named are above all.
 * Decision 0100 says why those of the core are in this order, and `packages/smtp/src/index.ts` what each folder of that is.
 */
const LAYERS: ReadonlyMap<string, readonly string[]> = new Map([
  [
    'packages/core',
    [
      'missing-package.ts',
      'thenable.ts',
      'errors.ts',
      'container.ts',
      'log',
      'config',
      'policy',
      'plan',
      'session',
      'run',
      'stages',
      'host',
    ],
  ],
  ['packages/smtp', ['stages.ts', 'config', 'wire', 'auth', 'session', 'verb', 'listener']],
])

const workspaces = readWorkspaces().map((workspace) => ({
  ...workspace,
  production: workspace.sources.filter(({ isTest }) => !isTest),
}))

for (const [folder, order] of LAYERS) {
  const production = workspaces.find((workspace) => workspace.folder === folder)?.production ?? []
  const layerOf = (path: string): string | undefined => {
    const [name = ''] = path.slice(`${folder}/src/`.length).split('/')
    return order.includes(name) || !name.endsWith('.ts') ? name : undefined
  }

  test(`every folder of ${folder} has its place among the layers`, () => {
    const there = new Set(production.flatMap(({ path }) => layerOf(path) ?? []))
    assert.deepEqual(
      [...there].filter((layer) => !order.includes(layer)),
      [],
    )
  })

  test(`${folder} imports downwards only`, () => {
    const height = (path: string): number => {
      const layer = layerOf(path)
      return layer === undefined ? order.length : order.indexOf(layer)
    }
    const wrong = production.flatMap((source) =>
      relativeImports(source)
        .filter((target) => height(target) > height(source.path))
        .map((target) => `${source.path} imports ${target}`),
    )
    assert.deepEqual(wrong, [])
  })
}

for (const { folder, production } of workspaces)
  test(`${folder} has no circle of imports, types counted`, () => {
    assert.deepEqual(findCircles(production), [])
  })

test('circles are found, and all who are in one', () => {
  const module = (path: string, ...imports: string[]): Source => ({
    path,
    text: '',
    isTest: false,
    imports,
    runtimeImports: [],
  })
  const line = [module('a/x.ts', './y.ts'), module('a/y.ts', './z.ts'), module('a/z.ts')]
  assert.deepEqual(findCircles(line), [])
  assert.deepEqual(
    findCircles([...line.slice(0, 2), module('a/z.ts', './y.ts'), module('a/w.ts', './w.ts', './x.ts')]),
    [['a/y.ts', 'a/z.ts'], ['a/w.ts']],
  )
})

function relativeImports(source: Source): string[] {
  return source.imports
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => resolveImport(source, specifier))
}

/** Modules that reach each other by imports, `import type` counted: each group sorted; empty when there are none. */
function findCircles(sources: readonly Source[]): string[][] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const reach = new Map<string, ReadonlySet<string>>()
  for (const { path } of sources) {
    const seen = new Set<string>()
    const open = [path]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const source = byPath.get(at)
      for (const target of source ? relativeImports(source) : []) {
        if (seen.has(target)) continue
        seen.add(target)
        open.push(target)
      }
    }
    reach.set(path, seen)
  }
  const grouped = new Set<string>()
  return sources.flatMap(({ path }) => {
    if (grouped.has(path) || !reach.get(path)?.has(path)) return []
    const circle = sources
      .map((source) => source.path)
      .filter((other) => reach.get(path)?.has(other) && reach.get(other)?.has(path))
    for (const member of circle) grouped.add(member)
    return [circle.sort()]
  })
}
