/** `npm run crash -- --rounds N`: the crash kit, for as long as one likes. */
import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { eventsCommand } from './events/campaign.ts'
import { killCommand, reloadCommand } from './kill/cli.ts'
import { SCENARIOS } from './kill/scenario.ts'
import { STEPS } from './steps.ts'

const HELP = `npm run crash -- [--rounds N]
npm run crash -- --kills N [--seed S] [--scenario NAME] [--workers N] [--side N] [--lives N] [--patience S] [--out FILE] [--resume] [--keep]
npm run crash -- --world I --seed S …
npm run crash -- --events N [--seed S] [--side N] [--out FILE] [--resume]
npm run crash -- --reloads N [--seed S] [--workers N] [--patience S] [--out FILE]

The first kills a queue at each of its ${STEPS.length} steps, at random under load, and one of two processes on one queue; kills a whole
server; cuts the power in a record of every write; fills a disk. Fails when something that was acknowledged is lost or damaged, or
arrives twice without a reason. Each part tells what it did: messages acknowledged, arrived twice, kills, promises kept.

  --rounds N   kills at random of each kind, and a thirtieth of the power cuts (default 20)

The second kills real \`postroad start\` processes, their workers and \`postroad queue\` commands while they start, take mail, drain, are
reloaded or frozen, and while calls to the system fail; worlds of some lives each, until there were N kills. At the end of a world
everything that was acknowledged must have arrived, whole; what came twice is explained by a death; the queue is empty; nothing hangs.

  --kills N        so many kills in all
  --seed S         of all that is left to chance; printed (the moments themselves are the machine's)
  --world I        only this world, as a campaign with the same seed and options made it
  --scenario NAME  only ${Object.keys(SCENARIOS).join(', ')}
  --workers N      processes of each server (default: one or three)
  --side N         worlds at the same time (default 3)
  --lives N        of servers in a world (default 12)
  --patience S     seconds without an answer or progress that are a hang (default 60)
  --out FILE       results as JSON, written after each world (default .work/crash.json)
  --resume         goes on with what that file has
  --keep           keeps the folders of all worlds below .work, not only where something was found

The third reloads servers N times in all, 50 each, with one and three processes in turn, under load and with commands meanwhile.

The fourth kills servers N times that tell an endpoint what becomes of mail, with both queues: every event of what was acknowledged must
arrive, under one id, in the order of its message, and none that did not happen. The endpoint fails, hangs and dies as well.

  --help           this text

Steps: ${STEPS.join(', ')}`

const args = process.argv.slice(2)
const isGiven = (name: string): boolean => args.some((each) => each === name || each.startsWith(`${name}=`))
process.exitCode = await choose()

function choose(): Promise<number> {
  if (isGiven('--help')) return main()
  if (isGiven('--events')) return eventsCommand(args)
  if (isGiven('--reloads')) return reloadCommand(args)
  return isGiven('--kills') || isGiven('--world') ? killCommand(args) : main()
}

async function main(): Promise<number> {
  const rounds = readRounds()
  if (rounds === undefined) {
    process.stdout.write(`${HELP}\n`)
    return process.argv.includes('--help') ? 0 : 2
  }
  const folder = fileURLToPath(new URL('.', import.meta.url))
  const tests = (await readdir(folder)).filter((name) => name.endsWith('.test.ts')).map((name) => `${folder}${name}`)
  const child = spawn(process.execPath, ['--conditions=@postroad/source', '--test', '--test-concurrency=1', ...tests], {
    stdio: 'inherit',
    env: { ...process.env, CRASH_ROUNDS: rounds },
  })
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)))
}

/** Undefined: help is wanted, or needed. */
function readRounds(): string | undefined {
  try {
    const { values } = parseArgs({
      options: { rounds: { type: 'string', default: '20' }, help: { type: 'boolean', default: false } },
    })
    return !values.help && /^[1-9]\d*$/.test(values.rounds) ? values.rounds : undefined
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    return undefined
  }
}
