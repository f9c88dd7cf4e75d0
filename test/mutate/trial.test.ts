/** A trial of tests, and a sample: what is noticed, what hangs, what is drawn. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { candidates, draw } from './sample.ts'
import { runTests, unitTestsFor } from './trial.ts'

function folderOf(files: Readonly<Record<string, string>>): { readonly folder: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'postroad-mutate-test-'))
  for (const [path, text] of Object.entries({
    'test/runner/seed.ts': '',
    'package.json': '{"type":"module"}',
    ...files,
  })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

const test_ = (body: string) => `import { test } from 'node:test'\ntest('a', ${body})\n`

test('tests pass, fail, or hang until their time is over', async () => {
  using made = folderOf({
    'pass.test.ts': test_('() => {}'),
    'fail.test.ts': test_("() => { throw new Error('no') }"),
    'hang.test.ts': test_('() => new Promise(() => setInterval(() => {}, 1000))'),
    'end.test.ts': 'process.exit(3)',
  })
  const verdictOf = async (file: string, limitMs = 60_000) => (await runTests(made.folder, [file], limitMs)).verdict
  assert.equal(await verdictOf('pass.test.ts'), 'passes')
  assert.equal(await verdictOf('fail.test.ts'), 'fails')
  assert.equal(await verdictOf('end.test.ts'), 'fails')
  assert.equal(await verdictOf('hang.test.ts', 2_000), 'hangs')
})

test('the unit tests of a source are those that reach it by imports, or else all of its package', () => {
  using made = folderOf({
    'packages/a/src/x/one.ts': 'export const one = 1\n',
    'packages/a/src/lone.ts': '',
    'packages/a/src/x/one.test.ts': `import { one } from './one.ts'\n${test_('() => one')}`,
    'packages/a/src/other.test.ts': test_('() => {}'),
  })
  assert.deepEqual(unitTestsFor(made.folder, 'packages/a/src/x/one.ts'), ['packages/a/src/x/one.test.ts'])
  assert.deepEqual(unitTestsFor(made.folder, 'packages/a/src/lone.ts'), [
    'packages/a/src/other.test.ts',
    'packages/a/src/x/one.test.ts',
  ])
})

test('the same seed draws the same mutants, another one others', () => {
  using made = folderOf({
    'packages/a/src/n.ts': Array.from({ length: 40 }, (_, i) => `export const n${i} = ${i} < m\n`).join(''),
  })
  const all = candidates(made.folder, ['packages/a/src/**/*.ts'])
  const ids = (seed: string) => draw(made.folder, all, { count: 10, seed }).map(({ id }) => id)
  assert.equal(all.length, 120)
  assert.deepEqual(ids('a'), ids('a'))
  assert.notDeepEqual(ids('a'), ids('b'))
})

test('a mutant keeps its name when other lines of the file change', () => {
  const idsOf = (text: string): string[] => {
    using made = folderOf({ 'packages/a/src/n.ts': text })
    return candidates(made.folder, ['packages/a/src/**/*.ts']).map(({ id }) => id)
  }
  const alike = 'if (a)\n  b()\nif (a)\n  b()\n'
  assert.deepEqual(idsOf(alike), idsOf(`// new\n${alike}`))
  assert.equal(new Set(idsOf(alike)).size, 6)
})
