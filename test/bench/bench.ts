/** `npm run bench`: figures as ratios against a bare responder and peers in the same run. */
import { existsSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runCommand } from '../runner/command.ts'
import { BARS } from './bar.ts'
import { clearLeftOver } from './folder.ts'
import { type Figures, measure } from './measure.ts'
import { compare, formatFigures, formatJudgement, type Judgement, judge } from './result.ts'
import { SCENARIOS, type Scenario } from './scenario.ts'
import { endServers } from './server-process.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
const ROOT = dirname(dirname(HERE))

/** What a figure may be of what it was before. */
const MOST = 1.05

const HELP = `npm run bench -- [options]

  --only a,b      scenarios: ${SCENARIOS.map(({ name }) => name).join(', ')}
  --targets a,b   only these targets
  --quick         fewer rounds, and without the long scenarios
  --rounds N      rounds that take turns; the figures are their medians (default 5; quick 3)
  --against DIR   measure each target of ours from here and from that checkout (installed and built), in pairs that take
                  turns; exit code 1 when the CPU of one is more than 5 % higher here (default then 9 rounds, and no peers)
  --json FILE     all figures as JSON
  --profile DIR   write CPU profiles of the targets (their figures are then too high)
  --no-build      measure dist/ as it is
  --help          this text

Compare figures of one run only: the speed of a machine drifts. Exit code 1 when a bar is not met.

${SCENARIOS.map(({ name, title }) => `  ${name.padEnd(14)} ${title}`).join('\n')}`

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    targets: { type: 'string' },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    against: { type: 'string' },
    json: { type: 'string' },
    profile: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

process.on('exit', endServers)
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  process.once(signal, () => process.exit(code))
clearLeftOver()
process.exitCode = await main()

async function main(): Promise<number> {
  if (options.help) return say(HELP)
  const scenarios = select()
  const rounds = Number(options.rounds ?? (options.against !== undefined ? 9 : options.quick ? 3 : 5))
  if (scenarios === undefined || !(rounds >= 1)) return 2
  if (!options['no-build'] && !(await build())) return 1
  say(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${rounds} rounds`)
  const results: { scenario: string; figures: readonly Figures[] }[] = []
  const judgements: Judgement[] = []
  for (const { scenario, targets } of scenarios) {
    const figures = await measure(scenario, targets, {
      rounds,
      roundLimitMs: options.quick ? 4_000 : 8_000,
      against: options.against && resolve(options.against),
      profiles: options.profile && resolve(options.profile),
      say: progress,
      leftOut: (target, why) => say(`\n${target} is left out: ${why}`),
    })
    progress('')
    say(`\n${formatFigures(scenario, figures)}`)
    results.push({ scenario: scenario.name, figures })
    judgements.push(
      ...(options.against === undefined ? judge(scenario, figures, BARS) : compare(scenario, figures, MOST)),
    )
  }
  say(`\nBars\n${judgements.map(formatJudgement).join('\n')}`)
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ node: process.version, rounds, results, judgements }, null, 2)}\n`)
  return judgements.every(({ isMet }) => isMet) ? 0 : 1
}

function select(): { scenario: Scenario; targets: string[] }[] | undefined {
  const only = options.only?.split(',')
  const unknown = only?.filter((name) => !SCENARIOS.some((scenario) => isCalled(scenario, name))) ?? []
  const wanted = options.targets?.split(',')
  const missing = wanted?.filter((name) => !existsSync(join(HERE, 'targets', `${name}.ts`))) ?? []
  if (unknown.length + missing.length > 0) {
    console.error(`there is no ${[...unknown, ...missing].join(', ')}; see --help`)
    return undefined
  }
  const isChosen = (scenario: Scenario) => only?.some((name) => isCalled(scenario, name))
  return SCENARIOS.filter((scenario) => isChosen(scenario) ?? !(options.quick && scenario.isLong))
    .map((scenario) => ({
      scenario,
      targets: scenario.targets.filter((name) => (wanted?.includes(name) ?? true) && isCompared(name)),
    }))
    .filter(({ targets }) => targets.length > 0)
}

function isCalled({ name, group }: Scenario, wanted: string): boolean {
  return wanted === name || wanted === group
}

/** Against another checkout only what is ours is worth a round. */
function isCompared(name: string): boolean {
  return options.against === undefined || /^(?:postroad|wire)/.test(name)
}

async function build(): Promise<boolean> {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' }
  const { code, output } = await runCommand(
    [join(ROOT, 'node_modules/.bin/turbo'), 'run', 'build', '--output-logs=errors-only'],
    { env },
  )
  if (code !== 0) console.error(`${output}\nThe build failed.`)
  return code === 0
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

function say(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}
