/** `postroad junk …`: teaching, asking, and taking back. */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { explain, type Score } from '@postroad/learn'
import { parseDuration } from '@postroad/options'
import { type Clock, type CommandIo, errorOf, type PluginCommand } from '@postroad/plugin'
import { roundScore } from './fact.ts'
import { verdictOf } from './judge.ts'
import { readFacts } from './known-facts.ts'
import { learnCommand } from './learn-command.ts'
import { newId } from './lesson.ts'
import type { JunkOptions } from './options.ts'
import type { School } from './school.ts'
import { statsRows } from './stats.ts'
import { FAILED, NO_INPUT, USAGE, UsageMistake } from './usage.ts'

/** What the commands work on. */
export interface JunkCommandDeps {
  readonly school: School
  readonly options: JunkOptions
  readonly clock: Pick<Clock, 'now'>
}

type Run = (args: readonly string[], io: CommandIo) => Promise<number | void>

/** The commands of the plugin. */
export function junkCommands(deps: JunkCommandDeps): Readonly<Record<string, PluginCommand>> {
  const { school } = deps
  const closing =
    (run: Run): Run =>
    async (args, io) => {
      try {
        return await run(args, io)
      } catch (error) {
        if (!isUsage(error)) throw error
        io.print(`junk: ${error.message}`)
        return USAGE
      }
    }
  return {
    learn: {
      summary:
        'Learns messages of files, folders, Maildirs, mailboxes (mbox) or the standard input; for everybody, or for a user',
      usage: '[--user ADDRESS] --spam FILE|FOLDER|-… [--ham FILE|FOLDER|-…]',
      run: closing((args, io) => learnCommand(args, io, deps)),
    },
    explain: {
      summary: 'Says what speaks for and against a message being junk, and what it would be worth',
      usage: '[--user ADDRESS] [--limit N] FILE|-',
      onlyLooks: true,
      run: closing((args, io) => explainCommand(args, io, deps)),
    },
    stats: {
      summary: 'Says how much was learned, what it still needs, and how often it was wrong before it was told',
      onlyLooks: true,
      run: closing(async (_, io) => {
        const teacher = await school.open()
        for (const row of await statsRows(teacher.keeper, deps.options, deps.clock.now())) io.row(row)
        return teacher.keeper.trouble === undefined ? 0 : FAILED
      }),
    },
    undo: {
      summary: 'Makes the filter as if lessons since then had never been, all or those of a user',
      usage: '--since 2h|2026-11-30T10:00Z [--user ADDRESS]',
      run: closing((args, io) => undoCommand(args, io, deps)),
    },
    resume: {
      summary: 'Learns again after canaries have stopped it',
      run: closing(async (_, io) => {
        const { keeper } = await school.open()
        await keeper.submit({ kind: 'resume', id: newId(), at: deps.clock.now() })
        io.row({ learning: keeper.mind.counts.pausedAt === undefined })
      }),
    },
    export: {
      summary: 'Shows what is kept of a user, as JSON lines with --json',
      usage: '--user ADDRESS',
      onlyLooks: true,
      run: closing((args, io) => exportCommand(args, io, deps)),
    },
    delete: {
      summary: 'Deletes what is kept of a user, and what was learned from them',
      usage: '--user ADDRESS',
      run: closing((args, io) => deleteCommand(args, io, deps)),
    },
  }
}

function isUsage(error: unknown): error is Error {
  return (
    error instanceof UsageMistake || String((errorOf(error) as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS')
  )
}

async function explainCommand(args: readonly string[], io: CommandIo, { school, options }: JunkCommandDeps) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { user: { type: 'string' }, limit: { type: 'string' } },
  })
  const [name] = positionals
  const limit = Number(values.limit ?? 10)
  if (name === undefined || positionals.length > 1 || !Number.isInteger(limit) || limit < 1) return USAGE
  const octets = await octetsOf(name)
  if (!octets) {
    io.print(`junk: there is no file ${name}`)
    return NO_INPUT
  }
  const teacher = await school.open()
  const { mind } = teacher.keeper
  const corrections = mind.correctionsFor(teacher.who(values.user))
  const facts = readFacts(octets, teacher.secret)
  const { score, junk, wanted } = explain(teacher.scanner, mind.model, octets, {
    ...(facts && { facts }),
    corrections,
    limit,
  })
  const verdict = verdictOf(mind, score)
  const { isReady, missing } = mind.readiness()
  if (io.json) {
    io.row({
      verdict,
      score: score.verdict,
      threshold: mind.thresholds.junk,
      rank: score.rank,
      probability: mind.calibration.probability(score.verdict),
      ready: isReady,
    })
    for (const { text, place, weight } of [...junk, ...wanted]) io.row({ text, place, weight })
    return 0
  }
  const { junk: threshold, unsure } = mind.thresholds
  io.print(
    `${verdict}: score ${roundScore(score.verdict)}; junk from ${roundScore(threshold)}, unsure from ${roundScore(unsure)}; ${Math.round(100 * mind.calibration.probability(score.verdict))} % likely to be junk`,
  )
  const worth = verdict === 'junk' ? options.junk : verdict === 'unsure' ? options.unsure : 0
  io.print(
    isReady
      ? `worth: ${typeof worth === 'number' ? `${worth} points` : worth}`
      : `worth nothing yet, it still needs: ${missing.join('; ')}`,
  )
  io.print(`made of: ${partsOf(score)}`)
  if (score.isReport) io.print('a report or an automatic answer: never junk by its text alone')
  for (const [title, reasons] of [
    ['for junk', junk],
    ['for wanted mail', wanted],
  ] as const) {
    io.print(`${title}:${reasons.length === 0 ? ' nothing' : ''}`)
    for (const { text, place, weight } of reasons) io.print(`  ${signed(weight)}  ${text} (${place})`)
  }
  return 0
}

/** Where a score comes from, and how much of it is believed. */
function partsOf({ parts, rank, verdict, known }: Score): string {
  const said = [
    `letters ${signed(parts.grams)}`,
    `words and links ${signed(parts.words)}`,
    `header ${signed(parts.headers)}`,
    ...(parts.corrections === 0 ? [] : [`own lessons ${signed(parts.corrections)}`]),
  ]
  return `${said.join(', ')}; together ${signed(rank)}, of which ${signed(verdict)} counts: ${known} of its features have been seen before`
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${roundScore(value)}`
}

/** Of a file, or of the standard input. */
async function octetsOf(name: string): Promise<Buffer | undefined> {
  if (name === '-') {
    const chunks: Buffer[] = []
    for await (const chunk of process.stdin) chunks.push(chunk)
    return Buffer.concat(chunks)
  }
  try {
    return await readFile(name)
  } catch (error) {
    if ((errorOf(error) as NodeJS.ErrnoException).code === 'ENOENT') return undefined // as: of readFile
    throw error
  }
}

function userOf(args: readonly string[]): string {
  const { values } = parseArgs({ args: [...args], options: { user: { type: 'string' } } })
  if (values.user === undefined) throw new UsageMistake('say whose: --user ADDRESS')
  return values.user
}

async function undoCommand(args: readonly string[], io: CommandIo, { school, clock }: JunkCommandDeps) {
  const { values } = parseArgs({ args: [...args], options: { since: { type: 'string' }, user: { type: 'string' } } })
  if (values.since === undefined) throw new UsageMistake('say since when: --since 2h, or --since 2026-11-30T10:00Z')
  const since = momentOf(values.since, clock.now())
  const { keeper, secret } = await school.open()
  const user = values.user === undefined ? undefined : secret.person(values.user)
  const undone = await keeper.count((entry) => entry.at >= since && (user === undefined || entry.user === user))
  await keeper.submit({ kind: 'undo', id: newId(), at: clock.now(), since, user })
  io.row({ undone, since: new Date(since).toISOString(), user: values.user })
}

function momentOf(text: string, now: number): number {
  const duration = parseDuration(text)
  const at = duration === undefined ? Date.parse(text) : now - duration
  if (Number.isFinite(at)) return at
  throw new UsageMistake(
    `${JSON.stringify(text)} is neither a duration such as "2 h" nor a moment such as "2026-11-30T10:00Z"`,
  )
}

async function exportCommand(args: readonly string[], io: CommandIo, { school }: JunkCommandDeps) {
  const address = userOf(args)
  const { keeper, secret } = await school.open()
  const user = secret.person(address)
  const circle = keeper.mind.circles.get(user)
  io.row({
    user: address,
    kept: user,
    lessons: circle?.corrections.lessons ?? 0,
    octets: circle ? circle.corrections.toSnapshot().length : 0,
  })
  for await (const { at, label, key, source } of keeper.lessons((entry) => entry.user === user))
    io.row({ at: new Date(at).toISOString(), label: label === 'junk' ? 'spam' : 'ham', message: key, source })
}

async function deleteCommand(args: readonly string[], io: CommandIo, { school, clock }: JunkCommandDeps) {
  const address = userOf(args)
  const { keeper, secret } = await school.open()
  const user = secret.person(address)
  const deleted = await keeper.count((entry) => entry.user === user)
  await keeper.erase(user, { id: newId(), at: clock.now() })
  io.row({ user: address, deleted })
}
