/** The public API of each package is written down, and changes with a changeset only. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../structure/workspace.ts'
import { apiReports, surface, unannounced } from './api-report.ts'
import { announced, entriesOf } from './changeset.ts'
import { digestOf, readReleased } from './released.ts'

const reports = apiReports()

test('the reports in docs/reference/api are those of the code: npm run build && npm run api', () => {
  const stale = reports.filter(
    ({ file, text }) => !existsSync(path.join(ROOT, file)) || readFileSync(path.join(ROOT, file), 'utf8') !== text,
  )
  assert.deepEqual(
    stale.map(({ file }) => file),
    [],
  )
})

test('an API that is not what was released has a changeset', () => {
  const digests = reports.map(({ name, text }) => ({ name, digest: digestOf(text) }))
  assert.deepEqual(unannounced(digests, { released: readReleased(), changesets: announced() }), [])
})

test('a change without a changeset is found, one with it is not, and a package never released owes nothing', () => {
  const released = { a: { version: '1.0.0', digest: 'x' }, b: { version: '1.0.0', digest: 'x' } }
  const now = ['a', 'b', 'c'].map((name) => ({ name, digest: 'y' }))
  assert.deepEqual(unannounced(now, { released, changesets: new Set(['b']) }), ['a'])
  assert.deepEqual(entriesOf(`---\n"@postroad/spf": minor\n'postroad': patch\n---\n\nText: major\n`), [
    { name: '@postroad/spf', bump: 'minor' },
    { name: 'postroad', bump: 'patch' },
  ])
})

test('a surface has what is exported and what that refers to, and nothing else', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'api-'))
  writeFileSync(path.join(folder, 'index.d.ts'), "/** Doc. */\nexport { a, type B as C } from './x.js';\n")
  writeFileSync(
    path.join(folder, 'x.d.ts'),
    "import type { D } from './y.js';\n/** A. */\nexport declare function a(x: D): void;\nexport interface B {\n    /** no { brace */\n    readonly n: number;\n}\ninterface Hidden {\n    x: 1;\n}\nexport declare const unused: Hidden;\n",
  )
  writeFileSync(path.join(folder, 'y.d.ts'), 'export type D = string | E;\ntype E = 5;\n')
  assert.deepEqual(surface(path.join(folder, 'index.d.ts')), [
    'export function a(x: D): void;',
    'export interface B {\n    readonly n: number;\n}',
    'export { B as C }',
    'type D = string | E;',
    'type E = 5;',
  ])
  rmSync(folder, { recursive: true })
})
