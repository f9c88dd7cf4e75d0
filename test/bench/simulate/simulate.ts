/** `npm run simulate`: measures the queues, plays days of mail with the figures, and prints the tables of `docs/scale.md`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Figures, Row } from './figures.ts'
import { measureQueues } from './measure.ts'
import { type Needs, needsOf } from './needs.ts'

const HELP = `npm run simulate -- [options]

  --messages N    messages of one measurement (default 6000)
  --rounds N      rounds that take turns; the figures are their medians (default 3)
  --figures FILE  do not measure: take these figures
  --json FILE     write the figures
  --day N         messages a day (default: a million to a billion)
  --help          this text`

const { values: options } = parseArgs({
  options: {
    messages: { type: 'string', default: '6000' },
    rounds: { type: 'string', default: '3' },
    figures: { type: 'string' },
    json: { type: 'string' },
    day: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) process.stdout.write(`${HELP}\n`)
else await main()

async function main(): Promise<void> {
  const figures = await figuresOf(options.figures)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(figures, null, 2)}\n`)
  const days = options.day === undefined ? [1e6, 1e7, 1e8, 1e9] : [Number(options.day)]
  process.stdout.write(
    `${tableOf(figures)}\n\n${memoryOf(figures)}\n\n${tableOfDays(days.map((day) => needsOf(figures, day)))}\n`,
  )
}

async function figuresOf(file: string | undefined): Promise<Figures> {
  if (file !== undefined) return JSON.parse(readFileSync(file, 'utf8')) // --json wrote it
  const say = (text: string): void => void process.stderr.write(`${text}\n`)
  return measureQueues({ messages: Number(options.messages), rounds: Number(options.rounds), say })
}

function tableOf({ rows }: Figures): string {
  const head =
    '| processes | step | queue | messages/s | CPU ms a message, ours | CPU ms, Redis |\n|---|---|---|---|---|---|'
  const line = ({ processes, step, kind, perSecond, cpuMs, redisCpuMs }: Row): string =>
    `| ${processes} | ${step} | ${kind} | ${whole(perSecond)} | ${cpuMs.toFixed(3)} | ${redisCpuMs?.toFixed(3) ?? ''} |`
  return [head, ...rows.map(line)].join('\n')
}

function memoryOf({ rows, octets }: Figures): string {
  const found = rows.find(({ memoryOctets }) => memoryOctets !== undefined)
  return `A message in the queue takes ${whole(found?.memoryOctets ?? 0)} octets of Redis's memory (text of ${whole(octets)} octets, compressed).`
}

function tableOfDays(all: readonly Needs[]): string {
  const head =
    '| messages a day | messages/s at the peak | attempts/s in the outage | Redis shards | cores for the queue | messages in the queue at worst | GB of Redis for them |\n|---|---|---|---|---|---|---|'
  const line = ({
    messagesADay,
    messagesPerSecond,
    attemptsPerSecond,
    shards,
    cores,
    backlog,
    memory,
  }: Needs): string =>
    `| ${whole(messagesADay)} | ${whole(messagesPerSecond)} | ${whole(attemptsPerSecond)} | ${shards} | ${cores} | ${whole(backlog)} | ${(memory / 1e9).toFixed(1)} |`
  return [head, ...all.map(line)].join('\n')
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}
