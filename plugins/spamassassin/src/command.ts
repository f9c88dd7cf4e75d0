/** To teach spamd, by `postroad spamassassin learn` and as a desk for programs, and `postroad spamassassin status`. */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type MessageSource, memorySource } from '@postroad/mail'
import { type CommandIo, errorOf, type LearningDesk, type PluginCommand, type Spool } from '@postroad/plugin'
import type { Daemon } from '@postroad/upstream'
import { type Lesson, ping, tell } from './client.ts'

/** What the commands work on. */
export interface SpamdCommandDeps {
  readonly at: readonly Daemon[]
  /** Milliseconds for a message. */
  readonly deadline: number
  readonly spool: Spool
  readonly user: string | undefined
}

const USAGE = 64
const NO_INPUT = 66
const UNAVAILABLE = 69

/** The commands of the plugin. */
export function spamassassinCommands(deps: SpamdCommandDeps): Readonly<Record<string, PluginCommand>> {
  return {
    learn: {
      summary: 'Teaches SpamAssassin messages of files, or of the quarantine by their ids',
      usage: '<spam | ham | forget> [--user <name>] <file | id>…',
      run: (args, io) => learn(args, io, deps),
    },
    status: {
      summary: 'Asks each daemon whether it is there',
      onlyLooks: true,
      run: (_, io) => status(io, deps),
    },
  }
}

/**
 * For programs: every spamd learns, in the name of each user that the recipients are.
 *
 * @param usersOf names that spamd knows the recipients by; undefined: it has one memory for all
 */
export function spamassassinDesk(
  { at, deadline }: Pick<SpamdCommandDeps, 'at' | 'deadline'>,
  usersOf: (recipients: readonly string[]) => readonly (string | undefined)[],
): LearningDesk {
  return {
    async learn(message, { as, recipients, signal }) {
      const until = AbortSignal.any([signal, AbortSignal.timeout(deadline)])
      let isNew = false
      for (const user of usersOf(recipients))
        for (const daemon of at)
          try {
            isNew = (await tell(daemon, as, { front: NOTHING, message, user }, until)) || isNew
          } catch (error) {
            throw new Error(`${daemon.name}: ${hint(errorOf(error).message)}`, { cause: error })
          }
      return isNew ? 'learned' : 'known, or not to be learned'
    },
  }
}

async function learn(args: readonly string[], io: CommandIo, deps: SpamdCommandDeps): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { user: { type: 'string' } },
  })
  const [lesson, ...names] = positionals
  if (!isLesson(lesson) || names.length === 0) return USAGE
  let worst = 0
  for (const name of names) {
    const message = await findMessage(name, deps.spool)
    if (!message) {
      io.row({ message: name, learned: false, reply: 'neither a file nor in the quarantine' })
      worst = Math.max(worst, NO_INPUT)
      continue
    }
    // Each spamd may have a memory of its own.
    for (const daemon of deps.at)
      worst = Math.max(
        worst,
        await learnOne(daemon, { name, message, lesson, user: values.user ?? deps.user, io, deps }),
      )
  }
  return worst
}

interface Learning {
  readonly name: string
  readonly message: MessageSource
  readonly lesson: Lesson
  readonly user: string | undefined
  readonly io: CommandIo
  readonly deps: SpamdCommandDeps
}

async function learnOne(daemon: Daemon, { name, message, lesson, user, io, deps }: Learning): Promise<number> {
  const signal = AbortSignal.any([io.signal, AbortSignal.timeout(deps.deadline)])
  try {
    const isNew = await tell(daemon, lesson, { front: NOTHING, message, user }, signal)
    io.row({ message: name, learned: true, daemon: daemon.name, reply: isNew ? lesson : 'known, or not to be learned' })
    return 0
  } catch (error) {
    io.row({ message: name, learned: false, daemon: daemon.name, reply: hint(errorOf(error).message) })
    return UNAVAILABLE
  }
}

async function status(io: CommandIo, { at, deadline }: SpamdCommandDeps): Promise<number> {
  let code = 0
  for (const daemon of at) {
    const signal = AbortSignal.any([io.signal, AbortSignal.timeout(Math.min(deadline, 10_000))])
    const started = performance.now()
    try {
      await ping(daemon, signal)
      io.row({ daemon: daemon.name, answers: true, ms: Math.round(performance.now() - started) })
    } catch (error) {
      code = UNAVAILABLE
      io.row({ daemon: daemon.name, answers: false, reply: errorOf(error).message })
    }
  }
  return code
}

const NOTHING = new Uint8Array()

function hint(text: string): string {
  return text.includes('allow-tell') ? `${text} (start spamd with --allow-tell)` : text
}

function isLesson(word: string | undefined): word is Lesson {
  return word === 'spam' || word === 'ham' || word === 'forget'
}

/** Of a file, or of the quarantine. */
async function findMessage(name: string, spool: Spool): Promise<MessageSource | undefined> {
  try {
    return memorySource([await readFile(name)])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error // errors of fs have a code
  }
  return (await spool.get(name))?.message
}
