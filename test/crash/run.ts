/** `npm run crash -- --rounds N`: the crash kit, for as long as one likes. */
import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { FAULT_POINTS } from '@postroad/queue'
import { killCommand } from './kill/cli.ts'

const HELP = `npm run crash -- [--rounds N]

Kills a queue at each of its ${FAULT_POINTS.length} fault points, at random under load, and one of two processes on one queue; kills a whole
server; cuts the power in a record of every write; fills a disk. Fails when something that was acknowledged is lost or damaged, or
arrives twice without a reason. Each part tells what it did: messages acknowledged, arrived twice, kills, promises kept.

  --rounds N   kills at random of each kind, and a thirtieth of the power cuts (default 20)
  --help       this text

Fault points: ${FAULT_POINTS.join(', ')}`

const args = process.argv.slice(2)
process.exitCode = args.some((each) => each === '--kills' || each === '--world') ? await killCommand(args) : await main()

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
    const { values } = parseArgs({ options: { rounds: { type: 'string', default: '20' }, help: { type: 'boolean', default: false } } })
    return !values.help && /^[1-9]\d*$/.test(values.rounds) ? values.rounds : undefined
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    return undefined
  }
}
