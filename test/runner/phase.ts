/** What `npm test` runs, in which order: a list of phases, most of them found by looking at the folders. */
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Files of node:test. */
export interface TestPhase {
  readonly kind: 'tests'
  readonly name: string
  readonly files: readonly string[]
  /** Its files run one after the other, and nothing beside them. */
  readonly isAlone: boolean
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

/** What is run at one time: a command, or the files of some phases. */
export type Group = CommandPhase | readonly TestPhase[]

const MINUTE = 60_000

/** Folders below `test/` that are tools and not suites. */
const TOOLS = new Set(['runner', 'bench', 'fuzz', 'mutate'])

/** Folders below `test/` that are run as a part of another phase. */
const PARTS = new Set(['examples'])

/** The order in which suites run; a folder that is not named here runs after these, by name. */
const ORDER = [
  'structure',
  'conformance',
  'dialogues',
  'contracts',
  'integration',
  'smuggling',
  'delivery',
  'interop',
  'crash',
  'cluster',
  'kit',
  'cli',
  'pack',
]

/**
 * Suites that measure time or memory, or that need the whole machine. The files of all others share nothing: a test that starts a server asks
 * for a free port and makes a folder of its own.
 */
const ALONE = new Set(['failure', 'host', 'tools'])

/** Every phase of the run, in order. Suites without a test file are left out. */
export function listPhases(root: string): Phase[] {
  const bin = (name: string) => join(root, 'node_modules/.bin', name)
  const turbo = (...tasks: string[]) => [
    bin('turbo'),
    'run',
    ...tasks,
    '--output-logs=errors-only',
    '--log-order=grouped',
    '--no-color',
  ]
  const suites = listSuites(root).map((name) => tests(name, find(root, `test/${name}/**/*.test.ts`), 25 * MINUTE))
  const phases: Phase[] = [
    { kind: 'command', name: 'build', argv: turbo('build') },
    // `build` has checked every package against the declarations of the others; this is everything at once, tests too.
    { kind: 'command', name: 'types', argv: [bin('tsc'), '-p', join(root, 'tsconfig.json')] },
    {
      kind: 'command',
      name: 'lint',
      argv: [bin('biome'), 'check', '--colors=off', '--error-on-warnings', '--max-diagnostics=50', root],
    },
    tests('unit', find(root, '{packages,plugins}/*/src/**/*.test.ts'), 20 * MINUTE),
    ...suites.filter(({ isAlone }) => !isAlone),
    tests('examples', find(root, '{examples,test/examples}/**/*.test.ts'), 15 * MINUTE),
    ...suites.filter(({ isAlone }) => isAlone),
    // The tools have tests of their own; they run last because they say nothing about the product.
    tests('tools', find(root, `test/{${[...TOOLS].join(',')}}/**/*.test.ts`), 15 * MINUTE),
  ]
  return phases.filter((phase) => phase.kind === 'command' || phase.files.length > 0 || phase.name === 'unit')
}

/** Phases that are run together: neighbours that need not be alone. */
export function groupPhases(phases: readonly Phase[]): readonly Group[] {
  const groups: (CommandPhase | TestPhase[])[] = []
  for (const phase of phases) {
    const last = groups.at(-1)
    if (phase.kind === 'command') groups.push(phase)
    else if (Array.isArray(last) && !phase.isAlone && !last[0]?.isAlone) last.push(phase)
    else groups.push([phase])
  }
  return groups
}

function tests(name: string, files: readonly string[], limitMs: number): TestPhase {
  return { kind: 'tests', name, files, isAlone: ALONE.has(name), limitMs }
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

// What tests share is named like a test, so that it is not built; it exports, and a test does not. It may make tests for those who call it.
function isFixture(path: string): boolean {
  const text = readFileSync(path, 'utf8')
  const runs = /fixture\.test\.ts$/.test(path)
    ? /^(?:test|describe|it)\b/m.test(text)
    : /^import (?!type )[^;]*?'node:test'/m.test(text)
  return /^export /m.test(text) && !runs
}
