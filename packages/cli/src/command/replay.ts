/** `postroad replay`: what another configuration would have said to the mail of the past. Nothing is stored or delivered. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import { UsageError } from '../config/usage-error.ts'
import { moment } from './moment.ts'
import { findMessages } from './replay-messages.ts'
import { createReplayer } from './replay-server.ts'

interface ReplayOptions {
  readonly config?: string
  readonly messages?: string
  readonly since?: string
  readonly until?: string
  readonly dns: boolean
  readonly json?: boolean
}

/** Adds `replay`. */
export function replayCommand(program: Command, outcome: { code: number }): void {
  program
    .command('replay')
    .description(
      'run recorded transactions against another configuration and print what would change; exit code 1 when something would',
    )
    .argument('<log>', 'canonical lines, as JSON; - for standard input')
    .option('--config <config>', 'the other configuration')
    .option(
      '--messages <folder>',
      'kept messages: a Maildir, or any folder of files; found by the id in their Received field, or by name',
    )
    .option('--since <time>', 'ISO 8601, or an age: 90m, 24h, 7d')
    .option('--until <time>', 'as --since')
    .option('--no-dns', 'every name is unknown; default: as it is today')
    .option('--json', 'print JSON lines, also of what stays the same')
    .addHelpText(
      'after',
      '\nTime, store and limits are replayed: greylisting and rate limits see the past as it went by. Of a transaction whose message is not kept, the envelope is replayed.',
    )
    .action(async (log: string, options: ReplayOptions) => {
      outcome.code = await replay(log, options)
    })
}

type Line = Readonly<Record<string, unknown>>

async function replay(log: string, options: ReplayOptions): Promise<number> {
  const [since, until] = [
    moment(options.since, Number.NEGATIVE_INFINITY),
    moment(options.until, Number.POSITIVE_INFINITY),
  ]
  const messages = options.messages === undefined ? new Map<string, string>() : await findMessages(options.messages)
  const replayer = await createReplayer(options.config, { dns: options.dns })
  const count = { all: 0, changed: 0, envelopes: 0 }
  try {
    for await (const line of transactions(log)) {
      const time = Date.parse(String(line['time']))
      if (!(time >= since && time <= until)) continue
      const file = messages.get(String(line['id']))
      const now = await replayer.run(line, file)
      const then = { ...line, quarantined: replayer.quarantines.has(String(line['queue'])) }
      const [before, after] = [outcomeOf(then, file !== undefined), outcomeOf(now, file !== undefined)]
      const changed = before.join('\n') !== after.join('\n')
      count.all++
      if (changed) count.changed++
      if (file === undefined) count.envelopes++
      if (options.json)
        process.stdout.write(
          `${JSON.stringify({ id: line['id'], time: line['time'], message: file !== undefined, changed, before, after, opinions: now['opinions'] })}\n`,
        )
      else if (changed) process.stdout.write(shown(line, { before, after, now }))
    }
  } finally {
    await replayer.close()
  }
  const partly =
    count.envelopes > 0 ? `; of ${count.envelopes} the message is not kept, and only the envelope was replayed` : ''
  if (!options.json) process.stdout.write(`${count.all} transactions, ${count.changed} would change${partly}.\n`)
  return count.changed > 0 ? 1 : 0
}

async function* transactions(log: string): AsyncGenerator<Line> {
  const input = log === '-' ? process.stdin : createReadStream(log)
  const failed = new Promise<never>((_resolve, reject) =>
    input.once('error', (cause: Error) => reject(new UsageError(`${log} cannot be read: ${cause.message}`, { cause }))),
  )
  failed.catch(() => undefined) // it is raced below; a failure after the last line is none
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]()
  for (;;) {
    const { value, done } = await Promise.race([lines.next(), failed])
    if (done) return
    const line = parsed(value)
    if (line?.['event'] === 'transaction') yield line
  }
}

/** Other programs may write into the same log. */
function parsed(text: string): Line | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What a client noticed, without ids and texts that differ by nature. */
function outcomeOf(line: Line, withMessage: boolean): readonly string[] {
  const refused = (line['refused'] ?? []) as readonly { readonly to: string; readonly reply: string }[] // as the canonical line has it
  const recipients = [
    ...(line['to'] as readonly string[]).map((to) => `${to}: accepted`),
    ...refused.map(({ to, reply }) => `${to}: ${brief(reply)}`),
  ] // as the canonical line has it
  const judged = line['judged'] as { readonly outcome: string } | undefined // as the canonical line has it
  const isRefused = judged === undefined || judged.outcome === 'refuse'
  const replies = isRefused ? [line['reply']].flat().map(String) : [judged.outcome]
  const set = line['quarantined'] === true ? ['set aside'] : []
  // Without its message a transaction ends at DATA, whatever would have come.
  return withMessage || line['protocol'] === 'policy'
    ? [...recipients.sort(), ...replies.map((reply) => `message: ${brief(reply)}`), ...set]
    : recipients.sort()
}

/** A refusal with its words, a success without. */
function brief(reply: string): string {
  return reply.startsWith('2') ? 'accepted' : reply
}

function shown(
  line: Line,
  { before, after, now }: { readonly before: readonly string[]; readonly after: readonly string[]; readonly now: Line },
): string {
  const opinions = ((now['opinions'] ?? []) as readonly Line[]).map(
    (one) =>
      `    ${one['plugin']} at ${one['hook']}: ${one['kind']} ${one['points'] ?? ''} ${one['text'] ?? one['reason'] ?? ''}`,
  ) // as the canonical line has it
  const rows = [
    `${line['time']} ${line['id']} ${line['remote']} <${line['from']}>`,
    ...before.filter((row) => !after.includes(row)).map((row) => `  - ${row}`),
    ...after.filter((row) => !before.includes(row)).map((row) => `  + ${row}`),
    ...opinions,
  ]
  // Foreign text must not move the reader's cursor.
  return `${rows.map((row) => row.replace(/[\u0000-\u001f\u007f-\u009f]/g, '·')).join('\n')}\n`
}
