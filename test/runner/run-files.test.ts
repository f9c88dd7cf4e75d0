import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { groupPhases, listPhases } from './phase.ts'

const folder = mkdtempSync(join(tmpdir(), 'postroad-run-files-'))
after(() => rmSync(folder, { recursive: true }))

const FILE_LIMIT_MS = 120_000

/** Runs sets (code that makes them) in a process of its own: names, passed, failed, files, whether it took time. */
function runSets(sets: string, testLimitMs: number): unknown {
  const url = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href)
  const script = `
    import { Reporter } from ${url('./reporter.ts')}
    import { runFiles } from ${url('./run-files.ts')}
    const set = (name, ...files) => ({ name, files, reporter: new Reporter('.', { write() {} }), limitMs: ${2 * FILE_LIMIT_MS} })
    const ended = []
    const options = { cwd: '.', concurrency: 2, fileLimitMs: ${FILE_LIMIT_MS}, testLimitMs: ${testLimitMs} }
    await runFiles(${sets}, options, ({ name, reporter }, ran) =>
      ended.push([name, reporter.report.counts.passed, reporter.report.counts.failed, ran.files.map(({ file }) => file).sort(), ran.ms > 0]))
    console.log(JSON.stringify(ended.sort()))`
  writeFileSync(join(folder, 'run.mjs'), script)
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout, stderr } = spawnSync(process.execPath, ['run.mjs'], { env, encoding: 'utf8', cwd: folder })
  assert.equal(stderr, '')
  return JSON.parse(stdout)
}

test('files of neighbouring sets run beside each other, and each set is reported when all of it has ended', () => {
  // Each waits for the other: one after the other they would fail.
  const meet = (mine: string, other: string): string => `
    import test from 'node:test'
    import { existsSync, writeFileSync } from 'node:fs'
    test('meets', async () => {
      writeFileSync(${JSON.stringify(join(folder, mine))}, '')
      while (!existsSync(${JSON.stringify(join(folder, other))})) await new Promise((wake) => setTimeout(wake, 10))
    })`
  writeFileSync(join(folder, 'a.test.mjs'), meet('a', 'b'))
  writeFileSync(join(folder, 'b.test.mjs'), meet('b', 'a'))
  writeFileSync(join(folder, 'c.test.mjs'), `import test from 'node:test'\ntest('c', () => { throw new Error('c') })`)
  const ended = runSets(`[set('first', 'a.test.mjs'), set('second', 'b.test.mjs', 'c.test.mjs'), set('empty')]`, 60_000)
  assert.deepEqual(ended, [
    ['empty', 0, 0, [], false],
    ['first', 1, 0, ['a.test.mjs'], true],
    ['second', 1, 1, ['b.test.mjs', 'c.test.mjs'], true],
  ])
})

test('a test that waits for ever is named and those after it run; a file ends although a test that failed has left a server open', () => {
  writeFileSync(
    join(folder, 'd.test.mjs'),
    `import test from 'node:test'
    import { createServer } from 'node:net'
    test('waits', async () => {
      createServer().listen(0, '127.0.0.1')
      await new Promise(() => {})
    })
    test('runs', () => {})`,
  )
  const began = performance.now()
  assert.deepEqual(runSets(`[set('hanging', 'd.test.mjs')]`, 1_000), [['hanging', 1, 1, ['d.test.mjs'], true]])
  assert.ok(performance.now() - began < FILE_LIMIT_MS, 'it did not wait for the limit of the file')
})

test('phases that must be alone are, the others share their time, and none is left out', () => {
  const phases = listPhases(fileURLToPath(new URL('../..', import.meta.url)))
  const groups = groupPhases(phases)
  assert.deepEqual(groups.flat(), phases)
  for (const group of groups)
    if (Array.isArray(group) && group.length > 1) assert.ok(group.every(({ isAlone }) => !isAlone))
  const together = groups.find((group) => Array.isArray(group) && group.some(({ name }) => name === 'crash'))
  assert.ok(Array.isArray(together) && together.some(({ name }) => name === 'unit'))
})
