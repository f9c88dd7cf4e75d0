/** What `npm test` runs, in which order: a list of phases, most of them found by looking at the folders. */
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Files of node:test. */
export interface TestPhase {
  readonly kind: 'tests'
  readonly name: string
  readonly files: readonly string[]
  /** Files at the same time; 1 where they start servers or measure. */
  readonly concurrency: number
  /** Milliseconds until the phase is stopped and counted as failed. */
  readonly limitMs: number
}

/** A program that must end with code 0; counts as one check. */
export interface CommandPhase {
  readonly kind: 'command'
  readonly name: string
  readonly argv: readonly string[]
}

export type Phase = TestPhase | CommandPhase

const MINUTE = 60_000

/** Folders below `test/` that are tools and not suites. */
const TOOLS = new Set(['runner', 'bench', 'fuzz', 'mutate'])

/** Folders below `test/` that are run as a part of another phase. */
const PARTS = new Set(['examples'])

/** The order in which suites run; a folder that is not named here runs after these, by name. */
const ORDER = ['structure', 'conformance', 'dialogues', 'contracts', 'integration', 'smuggling', 'delivery', 'interop', 'crash', 'docs']

/** Suites whose files share nothing and may run at the same time. */
const PARALLEL = new Set(['structure', 'conformance', 'dialogues', 'contracts'])

/** Every phase of the run, in order. Suites without a test file are left out. */
export function listPhases(root: string): Phase[] {
  const bin = (name: string) => join(root, 'node_modules/.bin', name)
  const turbo = (...tasks: string[]) => [bin('turbo'), 'run', ...tasks, '--output-logs=errors-only', '--log-order=grouped', '--no-color']
  const phases: Phase[] = [
    { kind: 'command', name: 'build', argv: turbo('build') },
    { kind: 'command', name: 'types', argv: turbo('check', '--continue') },
    { kind: 'command', name: 'lint', argv: [bin('biome'), 'check', '--colors=off', '--error-on-warnings', '--max-diagnostics=50', root] },
    tests('unit', find(root, '{packages,plugins}/*/src/**/*.test.ts'), { concurrency: 2, limitMs: 20 * MINUTE }),
    ...listSuites(root).map((name) =>
      tests(name, find(root, `test/${name}/**/*.test.ts`), { concurrency: PARALLEL.has(name) ? 2 : 1, limitMs: 25 * MINUTE }),
    ),
    tests('examples', find(root, '{examples,test/examples}/**/*.test.ts'), { concurrency: 1, limitMs: 15 * MINUTE }),
    // The tools have tests of their own; they run last because they say nothing about the product.
    tests('tools', find(root, `test/{${[...TOOLS].join(',')}}/**/*.test.ts`), { concurrency: 1, limitMs: 15 * MINUTE }),
  ]
  return phases.filter((phase) => phase.kind === 'command' || phase.files.length > 0 || phase.name === 'unit')
}

function tests(name: string, files: readonly string[], options: { readonly concurrency: number; readonly limitMs: number }): TestPhase {
  return { kind: 'tests', name, files, ...options }
}

function listSuites(root: string): string[] {
  const folders = readdirSync(join(root, 'test'), { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !TOOLS.has(entry.name) && !PARTS.has(entry.name),
  )
  const rank = (name: string) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length)
  return folders.map((entry) => entry.name).sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))
}

function find(root: string, pattern: string): string[] {
  const isOurs = (path: string) => !/(?:^|\/)(?:node_modules|dist)\//.test(path)
  const paths = globSync(pattern, { cwd: root }).filter(isOurs).sort()
  return paths.map((path) => join(root, path)).filter((path) => !isFixture(path))
}

// What tests share is named like a test, so that it is not built; it exports, and a test does not.
function isFixture(path: string): boolean {
  const text = readFileSync(path, 'utf8')
  return /^export /m.test(text) && !/^import [^;]*?'node:test'/m.test(text)
}
