import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Counts } from './reporter.ts'

const folder = mkdtempSync(join(tmpdir(), 'postroad-reporter-'))
after(() => rmSync(folder, { recursive: true }))

/** Runs one test file of this source under the reporter, in a process of its own: node:test does not nest. */
function reportOn(source: string): { text: string; counts: Counts } {
  const file = join(folder, `case.test.mjs`)
  writeFileSync(
    file,
    `import test, { describe, before } from 'node:test'\nimport assert from 'node:assert/strict'\n${source}\n`,
  )
  const script = `
    import { Reporter } from ${JSON.stringify(new URL('./reporter.ts', import.meta.url).href)}
    import { runFiles } from ${JSON.stringify(new URL('./run-files.ts', import.meta.url).href)}
    const reporter = new Reporter(${JSON.stringify(folder)}, process.stdout)
    const set = { files: [${JSON.stringify(file)}], reporter, limitMs: 60_000 }
    await runFiles([set], { cwd: ${JSON.stringify(folder)}, concurrency: 1, fileLimitMs: 1500 }, () => {})
    process.stdout.write('\\n' + JSON.stringify(reporter.report.counts))`
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  writeFileSync(join(folder, 'run.mjs'), script)
  const { stdout, stderr } = spawnSync(process.execPath, ['run.mjs'], { env, encoding: 'utf8', cwd: folder })
  const last = stdout.slice(stdout.lastIndexOf('\n') + 1)
  assert.match(last, /^\{/, stdout + stderr)
  return { text: stdout, counts: JSON.parse(last) }
}

test('tests are counted, suites are not', () => {
  const { counts } = reportOn(
    `describe('a', () => { test('b', () => {}); test('c', { skip: 'no such server' }, () => {}) }); test('d', () => {})`,
  )
  assert.deepEqual(counts, { passed: 2, failed: 0, skipped: 1 })
})

test('a failing subtest is counted once and shown with its error and place', () => {
  const { counts, text } = reportOn(`test('parent', async (t) => { await t.test('child', () => assert.equal(1, 2)) })`)
  assert.deepEqual(counts, { passed: 0, failed: 1, skipped: 0 })
  assert.match(text, /✖ child \(case\.test\.mjs:3\)/)
  assert.match(text, /1 !== 2/)
})

test('a failing test in a suite is counted once', () => {
  assert.deepEqual(
    reportOn(`describe('s', () => { test('x', () => { throw new Error('boom') }); test('y', () => {}) })`).counts,
    {
      passed: 1,
      failed: 1,
      skipped: 0,
    },
  )
})

test('a failing before hook is a failure even though no test ran', () => {
  const { counts } = reportOn(
    `describe('s', () => { before(() => { throw new Error('no server') }); test('x', () => {}) })`,
  )
  assert.ok(counts.failed >= 1)
  assert.equal(counts.passed, 0)
})

test('a file that throws while loading is a failure that shows the error', () => {
  const { counts, text } = reportOn(`throw new Error('cannot load')`)
  assert.deepEqual(counts, { passed: 0, failed: 1, skipped: 0 })
  assert.match(text, /cannot load/)
})

test('a file without a test is a failure', () => {
  const { counts, text } = reportOn('')
  assert.deepEqual(counts, { passed: 0, failed: 1, skipped: 0 })
  assert.match(text, /has no test/)
})

test('a process that ends in the middle of its tests is a failure', () => {
  const { counts } = reportOn(`test('x', () => {}); test('y', () => { process.exit(3) }); test('z', () => {})`)
  assert.ok(counts.failed >= 1)
})

test('a rejection nobody waited for is a failure', () => {
  const { counts } = reportOn(
    `test('x', () => { setTimeout(() => Promise.reject(new Error('floating')), 5); return new Promise((r) => setTimeout(r, 50)) })`,
  )
  assert.ok(counts.failed >= 1)
})

test('an error after a test has ended is a failure, shown with its message', () => {
  const { counts, text } = reportOn(`test('x', () => { setTimeout(() => { throw new Error('too late') }, 20) })`)
  assert.deepEqual(counts, { passed: 1, failed: 1, skipped: 0 })
  assert.match(text, /too late/)
})

test('a file that never ends is stopped and is a failure', () => {
  const { counts } = reportOn(`test('x', () => {}); setInterval(() => {}, 1000)`)
  assert.ok(counts.failed >= 1)
})
