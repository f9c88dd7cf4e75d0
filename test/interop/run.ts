/**
 * `npm run interop -- NAME…`: the tests against real programs. Those of `NAME.test.ts` take seconds each and are a part of `npm test`; those of
 * `NAME.long.ts` run here only. With `all` the result is written to `result.md`, to be committed.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const FILE = /^(.+)\.(?:test|long)\.ts$/
const RESULT = join(import.meta.dirname, 'result.md')
/** Milliseconds for one test. */
const TEST_LIMIT_MS = 600_000

/** What became of the tests of one name. */
interface Result {
  readonly name: string
  readonly seconds: number
  /** Titles of its tests, as TAP has them: `ok`, `not ok`, or skipped with a reason. */
  readonly lines: readonly string[]
  readonly isWell: boolean
}

const files = readdirSync(import.meta.dirname).filter((file) => FILE.test(file))
const names = [...new Set(files.map(nameOf))].sort()
process.exitCode = main(process.argv.slice(2))

function nameOf(file: string): string {
  return FILE.exec(file)?.[1] ?? ''
}

function main(asked: readonly string[]): number {
  const unknown = asked.filter((name) => name !== 'all' && !names.includes(name))
  if (asked.length === 0 || unknown.length > 0) {
    if (unknown.length > 0) process.stderr.write(`there is no ${unknown.join(', ')}\n`)
    process.stdout.write(`npm run interop -- NAME… | all\n\n${names.map((name) => `  ${name}\n`).join('')}`)
    return unknown.length > 0 || !process.argv.includes('--help') ? 2 : 0
  }
  const isAll = asked.includes('all')
  const results = names.filter((name) => isAll || asked.includes(name)).map(runAll)
  process.stdout.write(`\n${results.map(summary).join('\n')}\n`)
  if (isAll) writeFileSync(RESULT, page(results))
  return results.every(({ isWell }) => isWell) ? 0 : 1
}

function runAll(name: string): Result {
  const folder = mkdtempSync(join(tmpdir(), 'postroad-interop-'))
  const tap = join(folder, 'tap')
  const own = files.filter((file) => nameOf(file) === name).map((file) => join(import.meta.dirname, file))
  const begun = performance.now()
  try {
    const { status } = spawnSync(
      process.execPath,
      [
        '--conditions=@postroad/source',
        '--test',
        '--test-concurrency=1',
        `--test-timeout=${TEST_LIMIT_MS}`,
        ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
        ...['--test-reporter=tap', `--test-reporter-destination=${tap}`],
        ...own,
      ],
      { stdio: 'inherit' },
    )
    const lines = readFileSync(tap, 'utf8')
      .split('\n')
      .filter((line) => /^\s*(?:not )?ok \d+ - /.test(line))
    return {
      name,
      seconds: Math.round((performance.now() - begun) / 1_000),
      lines,
      isWell: status === 0 && lines.length > 0,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function summary({ name, seconds, lines, isWell }: Result): string {
  const failed = lines.filter((line) => /^\s*not ok/.test(line)).length
  const skipped = lines.filter((line) => /# SKIP/.test(line)).length
  const passed = lines.length - failed - skipped
  return `${isWell ? 'well  ' : 'FAILED'} ${name.padEnd(24)} ${passed} passed, ${failed} failed, ${skipped} skipped, ${seconds} s`
}

/** Every test by its title, so that a diff shows what changed. */
function page(results: readonly Result[]): string {
  const title = (line: string): string =>
    line.replace(
      /^(\s*)(not ok|ok) \d+ - (.*)$/,
      (_, indent: string, word: string, rest: string) =>
        `${indent}- ${word === 'ok' ? '' : '**failed** '}${rest.replace(/ # SKIP.*/, ' (skipped)')}`,
    )
  const of = ({ name, lines }: Result): string => `## ${name}\n\n${lines.map(title).join('\n')}\n`
  return `# The last run of \`npm run interop -- all\`\n\nWritten by it; see [README](../README.md).\n\n\`\`\`\n${results.map(summary).join('\n')}\n\`\`\`\n\n${results.map(of).join('\n')}`
}
