/**
 * `npm test`: everything, in phases; the last line is `N passed, N failed`.
 *
 * The exit code is 1 when something failed, or when a phase that was asked for ran no test.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runCommand } from './command.ts'
import { keptFolder } from './folder.ts'
import { type CommandPhase, groupPhases, listPhases, type Phase, type TestPhase } from './phase.ts'
import { type Counts, type Report, Reporter } from './reporter.ts'
import { type Ran, runFiles } from './run-files.ts'

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

const HELP = `npm test -- [options]

  --only a,b      only these phases
  --skip a,b      all but these phases
  --bail          stop after the first phase that fails
  --report FILE   write the counts of every phase as JSON
  --list          print the phases and end
  --help          this text

An environment variable CI=true turns "skipped because something is not installed" into a failure.`

/** Milliseconds one test file may take: a file that hangs must not take the run with it. */
const FILE_LIMIT_MS = 600_000

/** Milliseconds one test may take: one that waits for ever is named, and those after it run. The longest need a minute on a busy machine. */
const TEST_LIMIT_MS = 300_000

/** Test files at the same time, where they may: most of them start processes and wait for them. */
const SIDE_BY_SIDE = 2

/** What became of a phase. */
interface Result {
  readonly name: string
  /** Milliseconds from its begin to its end. */
  readonly ms: number
  /** Milliseconds of all its files together. */
  readonly workMs: number
  readonly files: Ran['files']
  readonly report: Report
}

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    skip: { type: 'string' },
    bail: { type: 'boolean', default: false },
    report: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

process.exitCode = await main()

async function main(): Promise<number> {
  if (options.help) return say(HELP)
  const all = listPhases(ROOT)
  if (options.list) return say(all.map(({ name }) => name).join('\n'))
  const phases = select(all)
  if (phases === undefined) return 2
  // Nothing here may wait for a terminal or call home.
  Object.assign(process.env, {
    TURBO_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
    NO_UPDATE_NOTIFIER: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
  })
  process.env['NODE_COMPILE_CACHE'] ??= emptyCache()
  const results: Result[] = []
  for (const group of groupPhases(phases)) {
    results.push(...('kind' in group ? [await runCheck(group)] : await runTests(group)))
    if (options.bail && results.some(({ report }) => report.counts.failed > 0)) break
  }
  return conclude(results)
}

/**
 * Hundreds of processes load the same sources: what the first one stripped of its types and compiled, the others take from here. Node finds
 * an entry by the path of its file and the hash of its text; it is emptied because test folders have other paths each time.
 */
function emptyCache(): string {
  rmSync(keptFolder('compile-cache'), { recursive: true, force: true })
  return keptFolder('compile-cache')
}

function conclude(results: readonly Result[]): number {
  const total: Counts = { passed: 0, failed: 0, skipped: 0 }
  for (const { report } of results)
    for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += report.counts[key]
  sayLongest('Longest tests', results.flatMap(({ report }) => report.timings).map(({ name, ms }) => [name, ms])) // biome-ignore format: short
  sayLongest('Longest files', results.flatMap(({ files }) => files).map(({ file, ms }) => [relative(ROOT, file), ms])) // biome-ignore format: short
  const skips = results.flatMap(({ report }) => report.skips)
  if (skips.length > 0) say(`\nSkipped\n${skips.map((text) => `  ${text}`).join('\n')}`)
  const phases = results.map(({ name, ms, workMs, report }) => ({
    name,
    ms: Math.round(ms),
    workMs: Math.round(workMs),
    ...report.counts,
  }))
  if (options.report !== undefined) writeFileSync(options.report, `${JSON.stringify({ ...total, phases }, null, 2)}\n`)
  say(`\n${table(results)}\n`)
  say(sentence(total))
  return total.failed > 0 || total.passed === 0 ? 1 : 0
}

function sayLongest(title: string, timings: readonly (readonly [name: string, ms: number])[]): void {
  const longest = timings.toSorted(([, a], [, b]) => b - a).slice(0, 8)
  if (longest.length > 0)
    say(`\n${title}\n${longest.map(([name, ms]) => `  ${seconds(ms).padStart(8)}  ${name}`).join('\n')}`)
}

/** Where the time went. Phases overlap: the sum of their files is what a phase costs, half of it where two files run at the same time. */
function table(results: readonly Result[]): string {
  const row = (...cells: readonly string[]) => `  ${(cells[0] ?? '').padEnd(12)}${cells.slice(1).map((cell) => cell.padStart(12)).join('')}` // biome-ignore format: short
  const rows = results.map(({ name, ms, workMs, report }) =>
    row(name, seconds(ms), seconds(workMs), String(report.counts.passed)),
  )
  const work = results.reduce((sum, { workMs }) => sum + workMs, 0)
  return [
    row('Phase', 'begin to end', 'its files', 'passed'),
    ...rows,
    row('all', seconds(performance.now()), seconds(work), ''),
  ].join('\n')
}

function select(all: readonly Phase[]): Phase[] | undefined {
  const only = options.only?.split(',')
  const skip = options.skip?.split(',') ?? []
  const unknown = [...(only ?? []), ...skip].filter((name) => !all.some((phase) => phase.name === name))
  if (unknown.length > 0) {
    console.error(`unknown phase ${unknown.join(', ')}; there are: ${all.map(({ name }) => name).join(', ')}`)
    return undefined
  }
  return all.filter(({ name }) => (only?.includes(name) ?? true) && !skip.includes(name))
}

async function runCheck(phase: CommandPhase): Promise<Result> {
  say(`\n▸ ${phase.name}`)
  const { code, output, ms } = await runCommand(phase.argv)
  const failed = code === 0 ? 0 : 1
  if (failed)
    say(
      `  ✖ ${phase.name}: ${code === undefined ? 'did not end by itself' : `exit code ${code}`}\n${output.trimEnd().replace(/^/gm, '    ')}`,
    )
  const counts = { passed: 1 - failed, failed, skipped: 0 }
  say(`  ${sentence(counts)} in ${seconds(ms)}`)
  return { name: phase.name, ms, workMs: ms, files: [], report: { counts, timings: [], skips: [] } }
}

/** Phases whose files may run beside each other. */
async function runTests(phases: readonly TestPhase[]): Promise<Result[]> {
  say(`\n▸ ${phases.map(({ name, files }) => `${name} (${files.length})`).join(', ')}`)
  const sets = phases.map(({ name, files, limitMs }) => ({
    name,
    files,
    limitMs,
    reporter: new Reporter(ROOT, process.stdout, name),
  }))
  const results = new Map<string, Result>()
  const execArgv = ['--conditions=@postroad/source', `--import=${new URL('./seed.ts', import.meta.url).href}`]
  const concurrency = phases.some(({ isAlone }) => isAlone) ? 1 : SIDE_BY_SIDE
  const limits = { fileLimitMs: FILE_LIMIT_MS, testLimitMs: TEST_LIMIT_MS }
  await runFiles(sets, { cwd: ROOT, concurrency, ...limits, execArgv }, ({ name, limitMs, reporter }, ran) => {
    const { counts } = reporter.report
    if (ran.wasStopped) {
      counts.failed++
      say(`  ✖ ${name} was stopped: it ran for more than ${seconds(limitMs)}`)
    } else if (counts.passed + counts.failed === 0) {
      counts.failed++
      say(`  ✖ ${name}: no test ran`)
    }
    const workMs = ran.files.reduce((sum, { ms }) => sum + ms, 0)
    say(`  ${name}: ${sentence(counts)} in ${seconds(ran.ms)}`)
    results.set(name, { name, ms: ran.ms, workMs, files: ran.files, report: reporter.report })
  })
  return phases.flatMap(({ name }) => results.get(name) ?? [])
}

function sentence({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function say(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}
