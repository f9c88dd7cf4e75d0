/** What is public: every name was put into an entry by hand, the number of them does not grow by accident, and no type of zod is among them. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT, readWorkspaces, type Workspace } from './workspace.ts'

/** Names that all published packages export together. A name more needs somebody outside of its package who imports it; when names go, lower this. */
const PUBLIC_NAMES = 918

/** An entry of a package, `.` or `./zod`, and the text of its source. */
interface Entry {
  readonly name: string
  readonly text: string
}

const published = readWorkspaces().filter(({ kind, manifest }) => kind !== 'examples' && manifest.private !== true)
const entries = published.flatMap(entriesOf)

function entriesOf({ folder, manifest }: Workspace): readonly Entry[] {
  return Object.entries(manifest.exports ?? {}).flatMap(([entry, target]) => {
    if (typeof target === 'string') return []
    const source = target['@postroad/source'] ?? ''
    return [{ name: manifest.name + entry.slice(1), text: readFileSync(join(ROOT, folder, source), 'utf8') }]
  })
}

/** The names in `export { a, type B as C } from …`, and those that a module declares itself. */
export function exportedNames(text: string): readonly string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const lists = [...code.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) => list.split(','))
  const declared = [...code.matchAll(/^export (?:async )?(?:const|function|class|interface|type) (\w+)/gm)].map(
    ([, name = '']) => name,
  )
  const listed = lists
    .map(
      (item) =>
        item
          .trim()
          .split(/ as |^type /)
          .at(-1) ?? '',
    )
    .filter((name) => name !== '')
  return [...new Set([...listed, ...declared])]
}

test('exported names are found in lists and declarations, under the name that others see', () => {
  const text =
    "/** export { no } */\nexport { a, type B, c as d } from './x.ts'\nexport type { E } from './y.ts'\nexport const f = 1\nexport type G = 2\n"
  assert.deepEqual(exportedNames(text), ['a', 'B', 'd', 'E', 'f', 'G'])
})

test('no entry exports all of a module: a name is public because somebody wrote it there', () => {
  assert.deepEqual(
    entries.filter(({ text }) => /^export \*/m.test(text)).map(({ name }) => name),
    [],
  )
})

test(`all packages together have no more than ${PUBLIC_NAMES} public names`, (t) => {
  const counts = entries.map(({ name, text }) => [name, exportedNames(text).length] as const)
  for (const [name, count] of counts) t.diagnostic(`${name} ${count}`)
  const sum = counts.reduce((total, [, count]) => total + count, 0)
  assert.ok(sum <= PUBLIC_NAMES, `${sum} names`)
})

// What an interface over HTTP answers is defined by its schemas, from which its description comes, too.
test('no public declaration names zod, but for the pieces of schemas at /zod and the admin interface: other libraries of schemas are as good', () => {
  const reports = globSync('docs/reference/api/*.txt', { cwd: ROOT })
  assert.ok(reports.length > 30, 'reports are found')
  const wrong = reports.flatMap((path) => {
    const sections = readFileSync(join(ROOT, path), 'utf8').split(/^(?=## )/m)
    return sections
      .filter((text) => !/^## (?:\S+\/zod|@postroad\/admin-api)\n/.test(text) && /\bzod\b|\bZod[A-Z]|\bz\./.test(text))
      .map((text) => text.split('\n')[0])
  })
  assert.deepEqual(wrong, [])
})
