/** A plugin has one name: its folder, its package, what an operator writes in YAML, and what logs and `after` call it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readWorkspaces } from './workspace.ts'

/** Further plugins of a package: they need a name beside the first one's, with which they may stand in one scope. YAML says `dkim#signDkim`. */
const SECOND: ReadonlyMap<string, string> = new Map([
  ['dkim-sign', 'dkim'],
  ['redis-dns', 'redis'],
  ['redis-junk', 'junk'],
])

for (const { folder, name, kind, manifest } of readWorkspaces().filter(({ kind }) => kind === 'plugins'))
  test(`${folder}: word, package and plugin are called ${name}`, async () => {
    assert.equal(kind, 'plugins')
    assert.equal(manifest.name, `@postroad/${name}`)
    const exported: Record<string, unknown> = await import(manifest.name)
    const names = new Set(Object.values(exported).flatMap((value) => (isFactory(value) ? [value.pluginName] : [])))
    assert.ok(names.has(name), `its plugins are called ${[...names].join(', ')}`)
    assert.deepEqual(
      [...names].filter((one) => one !== name && SECOND.get(one) !== name),
      [],
    )
  })

function isFactory(value: unknown): value is { readonly pluginName: string } {
  return typeof value === 'function' && 'pluginName' in value
}
