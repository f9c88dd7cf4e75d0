/**
 * `npm test`: everything, in phases; the last line is `N passed, N failed`.
 *
 * The exit code is 1 when something failed, or when a phase that was asked for ran no test.
 */
import { writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runCommand } from './command.ts'
import { listPhases, type Phase, type TestPhase } from './phase.ts'
import { type Counts, type Report, Reporter } from './reporter.ts'
import { runFiles } from './run-files.ts'

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
  Object.assign(process.env, { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', NO_UPDATE_NOTIFIER: '1', TURBO_NO_UPDATE_NOTIFIER: '1' })
  const results: { name: string; ms: number; report: Report }[] = []
  for (const phase of phases) {
    const started = performance.now()
    say(`\n▸ ${phase.name}${phase.kind === 'tests' ? ` (${phase.files.length} files)` : ''}`)
    const result = phase.kind === 'tests' ? await runTests(phase) : await runCheck(phase)
    const ms = performance.now() - started
    say(`  ${sentence(result.counts)} in ${seconds(ms)}`)
    results.push({ name: phase.name, ms, report: result })
    if (options.bail && result.counts.failed > 0) break
  }
  return conclude(results)
}

function conclude(results: readonly { name: string; ms: number; report: Report }[]): number {
  const total: Counts = { passed: 0, failed: 0, skipped: 0 }
  for (const { report } of results) for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += report.counts[key]
  const slowest = results
    .flatMap(({ report }) => report.timings)
    .sort((a, b) => b.ms - a.ms)
    .slice(0, 5)
  if (slowest.length > 0) say(`\nSlowest\n${slowest.map(({ name, ms }) => `  ${seconds(ms).padStart(7)}  ${name}`).join('\n')}`)
  const skips = results.flatMap(({ report }) => report.skips)
  if (skips.length > 0) say(`\nSkipped\n${skips.map((text) => `  ${text}`).join('\n')}`)
  const phases = results.map(({ name, ms, report }) => ({ name, ms: Math.round(ms), ...report.counts }))
  if (options.report !== undefined) writeFileSync(options.report, `${JSON.stringify({ ...total, phases }, null, 2)}\n`)
  say(`\n${phases.map(({ name, ms }) => `${name} ${seconds(ms)}`).join(', ')}\n`)
  say(sentence(total))
  return total.failed > 0 || total.passed === 0 ? 1 : 0
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

async function runCheck(phase: Extract<Phase, { kind: 'command' }>): Promise<Report> {
  const { code, output, ms } = await runCommand(phase.argv)
  const failed = code === 0 ? 0 : 1
  if (failed)
    say(
      `  ✖ ${phase.name}: ${code === undefined ? 'did not end by itself' : `exit code ${code}`}\n${output.trimEnd().replace(/^/gm, '    ')}`,
    )
  return { counts: { passed: 1 - failed, failed, skipped: 0 }, timings: [{ name: phase.name, ms }], skips: [] }
}

async function runTests(phase: TestPhase): Promise<Report> {
  const limit = AbortSignal.timeout(phase.limitMs)
  const reporter = new Reporter(ROOT, process.stdout)
  await runFiles(phase.files, reporter, {
    cwd: ROOT,
    concurrency: phase.concurrency,
    fileLimitMs: FILE_LIMIT_MS,
    execArgv: ['--conditions=@postroad/source', `--import=${new URL('./seed.ts', import.meta.url).href}`],
    signal: limit,
  })
  const result = reporter.report
  const { counts } = result
  if (limit.aborted) {
    counts.failed++
    say(`  ✖ ${phase.name} was stopped: it ran for more than ${seconds(phase.limitMs)}`)
  } else if (counts.passed + counts.failed === 0) {
    counts.failed++
    say(`  ✖ ${phase.name}: no test ran`)
  }
  return result
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
