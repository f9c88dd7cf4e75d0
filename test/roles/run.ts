/** `npm run roles`: the same dialogues through one configuration as server, as milter of Postfix, and as its policy service. */
import { parseArgs } from 'node:util'
import { type Compared, compare } from './compare.ts'

const HELP = `npm run roles -- [--seed N] [--count N] [--verbose]

Plays dialogues (default 200) through one configuration as server, and again as milter and as policy service
under a real Postfix, and compares code and enhanced status at every stage. Needs Postfix and root. Exit code 0:
they are the same everywhere, but for the exceptions whose reasons are printed. --verbose lists these, and all that was heard.
`

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '20261130' },
    count: { type: 'string', default: '200' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(HELP)
else process.exitCode = await main()

async function main(): Promise<number> {
  const [seed, count] = [Number(values.seed), Number(values.count)]
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(count) || count < 1) {
    process.stderr.write(`--seed and --count are whole numbers\n\n${HELP}`)
    return 2
  }
  let isSame = true
  for (const [role, refuseAt] of [
    ['milter', 'rcpt'],
    ['policy', 'rcpt'],
    ['milter', 'now'],
    ['policy', 'now'],
  ] as const) {
    const compared = await compare({ role, refuseAt, seed, count: refuseAt === 'now' ? Math.ceil(count / 4) : count })
    process.stdout.write(report(`${role}, refuseAt: '${refuseAt}'`, compared))
    isSame &&= compared.faults.length === 0 && compared.trouble.length === 0
  }
  return isSame ? 0 : 1
}

function report(title: string, compared: Compared): string {
  const { dialogues, stages, refusals, differences, faults, trouble, answers } = compared
  const reasons = new Map<string, number>()
  for (const { reason } of differences) if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  const lines = [...reasons].map(([reason, times]) => `  ${String(times).padStart(4)} × ${reason}`)
  const shown = values.verbose ? differences : faults
  const rows = shown.map(
    ({ dialogue, stage, mta, other }) => `  ${String(dialogue).padEnd(9)}${stage.padEnd(10)}${mta.padEnd(30)}${other}`,
  )
  const said = [...answers]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([answer, times]) => `  ${String(times).padStart(4)} × heard ${answer}`)
  const table = rows.length > 0 ? ['  dialogue stage     as server                     asked', ...rows] : []
  return `${title}: ${dialogues} dialogues, ${stages} replies (${refusals} refusals), ${faults.length} differ without a reason\n${[...lines, ...(values.verbose ? said : []), ...table, ...trouble.slice(0, 10).map((line) => `  trouble: ${line.slice(0, 400)}`)].map((line) => `${line}\n`).join('')}`
}
