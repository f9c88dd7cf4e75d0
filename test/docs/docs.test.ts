import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { ROOT } from '../structure/workspace.ts'
import { loadFactories } from './factory.ts'
import { listOptions, type OptionSchema } from './option.ts'
import { fillMarkers, renderPages } from './page.ts'

const read = (path: string) => (existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), 'utf8') : '')

for (const [path, text] of await renderPages()) {
  test(`${path} says what the code says; run "npm run docs"`, () => {
    assert.equal(read(path), text)
  })
}

for (const { title, folder, schema } of await loadFactories()) {
  test(`the README of ${title} names every option, or leads to the page that does`, () => {
    const readme = read(`${folder}/README.md`)
    if (readme.includes('/docs/options.md#')) return
    const names = Object.keys(schema.properties ?? {})
    assert.deepEqual(
      names.filter((name) => !new RegExp(`\\b${name}\\b`).test(readme)),
      [],
    )
  })
}

test('a schema becomes rows: nested, lists, maps, ranges, unions and defaults', () => {
  const schema = z.strictObject({
    name: z.string().describe('What it is called'),
    size: z.int().min(1).max(9).default(3).describe('How big'),
    mode: z.enum(['a', 'b']).optional(),
    to: z.strictObject({ host: z.string(), port: z.int().optional() }).optional(),
    rules: z.array(z.strictObject({ match: z.string() })).default([]),
    map: z.record(z.string(), z.strictObject({ via: z.string() })).default({}),
    action: z
      .union([
        z.enum(['reject']),
        z.number().positive(),
        z.strictObject({ kind: z.literal('suspect'), points: z.number() }),
      ])
      .default('reject'),
  })
  // `as`: see factory.ts.
  const rows = listOptions(z.toJSONSchema(schema, { io: 'input' }) as OptionSchema)
  assert.deepEqual(
    rows.map(({ name, type, byDefault, isRequired }) => [name, type, byDefault, isRequired]),
    [
      ['name', 'string', undefined, true],
      ['size', 'integer ≥ 1, ≤ 9', '3', false],
      ['mode', '`"a"` | `"b"`', undefined, false],
      ['to', 'object', undefined, false],
      ['to.host', 'string', undefined, false],
      ['to.port', 'integer', undefined, false],
      ['rules', 'list of object', '[]', false],
      ['rules[].match', 'string', undefined, false],
      ['map', 'map of object', '{}', false],
      ['map.*.via', 'string', undefined, false],
      ['action', '`"reject"` | number > 0 | `{ kind: "suspect", points }`', '"reject"', false],
    ],
  )
  assert.equal(rows[0]?.description, 'What it is called')
})

test('what stands between the markers of a README is replaced, the rest is not', () => {
  const schema: OptionSchema = { properties: { delay: { type: 'number', default: 5, description: 'ms' } } }
  const table = '| Option | Type | Default | Meaning |\n|---|---|---|---|\n| `delay` | number | `5` | ms |'
  const readme = (inner: string) => `# x\n\n<!-- options -->\n${inner}<!-- /options -->\n\nEnd\n`
  assert.equal(fillMarkers(readme('old\n'), [{ title: 'x', folder: 'plugins/x', schema }]), readme(`\n${table}\n\n`))
  assert.equal(fillMarkers('# x\n', []), '# x\n')
})
