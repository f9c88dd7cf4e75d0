/** One word, one thing: what is exported, and what services and facts are called, is defined once over all packages and plugins. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readWorkspaces, type Source } from './workspace.ts'

/**
 * Names of types that may stand more than once, each with its reason. A twin of a type has no place here: one of the two goes, and what
 * is another thing gets another name. Types that a file keeps to itself do not count.
 */
const ALLOWED: ReadonlyMap<string, string> = new Map([])

const production = readWorkspaces()
  .filter(({ kind }) => kind !== 'examples')
  .flatMap(({ sources }) => sources.filter(({ path, isTest }) => !isTest && path.includes('/src/')))

test('an exported interface, type or class is defined once', () => {
  const double = doubles(production, exportedTypes)
  assert.deepEqual(
    double.filter(([name]) => !ALLOWED.has(name)),
    [],
  )
  const names = new Set(double.map(([name]) => name))
  assert.deepEqual(
    [...ALLOWED.keys()].filter((name) => !names.has(name)),
    [],
    'no longer needed in the list',
  )
})

test('a service is defined once', () => {
  assert.deepEqual(
    doubles(production, (source) => defined(source, 'Service')),
    [],
  )
})

test('a fact is defined once', () => {
  assert.deepEqual(
    doubles(production, (source) => defined(source, 'Fact')),
    [],
  )
})

test('definitions are found, and those that stand twice', () => {
  const source = (path: string, text: string): Source => ({
    path,
    text,
    isTest: false,
    imports: [],
    runtimeImports: [],
  })
  const a = source(
    'a.ts',
    "export interface Reply {}\nexport const Reply = defineService<{ a: string }>('reply')\nexport abstract class Job<T> {}\ninterface Own {}",
  )
  const b = source(
    'b.ts',
    "export type Reply = 1\n/** @example export const X = defineService('x') */\nconst f = defineFact<Map<string, X>>('fact', 'session')",
  )
  assert.deepEqual([...exportedTypes(a), ...exportedTypes(b)], ['Reply', 'Job', 'Reply'])
  assert.deepEqual([...defined(a, 'Service'), ...defined(b, 'Service'), ...defined(b, 'Fact')], ['reply', 'fact'])
  assert.deepEqual(doubles([a, b], exportedTypes), [['Reply', ['a.ts', 'b.ts']]])
})

test('the known services and facts are found in the tree', () => {
  const services = production.flatMap((source) => defined(source, 'Service'))
  for (const name of ['store', 'dns', 'delivery-hooks', 'redis']) assert.ok(services.includes(name), name)
  const facts = production.flatMap((source) => defined(source, 'Fact'))
  for (const name of ['spf', 'allowed-client', 'dns-listed']) assert.ok(facts.includes(name), name)
})

/** Names of types that a module exports; one that is declared with several overloads or merged counts once. */
function exportedTypes({ text }: Source): string[] {
  const declaration = /^export (?:declare )?(?:abstract )?(?:interface|type|class) (\w+)/gm
  return [...new Set([...text.matchAll(declaration)].map(([, name = '']) => name))]
}

/** Names in calls of `defineService` or `defineFact`. Comments are not read. */
function defined({ text }: Source, kind: 'Service' | 'Fact'): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const call = new RegExp(`\\bdefine${kind}(?:<[^()]*>)?\\(\\s*['"]([\\w-]+)['"]`, 'g')
  return [...code.matchAll(call)].map(([, name = '']) => name)
}

/** Names that more than one module defines, or one module twice, with their places. */
function doubles(
  sources: readonly Source[],
  names: (source: Source) => readonly string[],
): [name: string, paths: readonly string[]][] {
  const places = new Map<string, string[]>()
  for (const source of sources)
    for (const name of names(source)) places.set(name, [...(places.get(name) ?? []), source.path])
  return [...places].filter(([, paths]) => paths.length > 1).sort(([a], [b]) => (a < b ? -1 : 1))
}
