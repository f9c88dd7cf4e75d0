/** To teach rspamd, by commands and as a desk for programs, and to see whether it is there. */
import { readFile } from 'node:fs/promises'
import { type MessageSource, memorySource } from '@postroad/mail'
import { type CommandIo, errorOf, type LearningDesk, type PluginCommand, type Spool } from '@postroad/plugin'
import type { Daemon } from '@postroad/upstream'
import type { Client, RspamdPeer } from './client.ts'

/** What the commands work on. */
export interface RspamdCommandDeps {
  /** A client of its own: it is closed when the command is over. */
  client(): Client
  readonly controller: RspamdPeer
  readonly password: string | undefined
  readonly at: readonly Daemon[]
  /** The public key of those. */
  readonly key: string | undefined
  /** Milliseconds for a message. */
  readonly deadline: number
  readonly spool: Spool
}

const USAGE = 64
const NO_INPUT = 66
const UNAVAILABLE = 69

/** `postroad rspamd learn`, `status`. */
export function rspamdCommands(deps: RspamdCommandDeps): Readonly<Record<string, PluginCommand>> {
  return {
    learn: {
      summary: 'Teaches rspamd messages of files, or of the quarantine by their ids',
      usage: '<spam | ham> <file | id>…',
      async run([as, ...names], io) {
        if ((as !== 'spam' && as !== 'ham') || names.length === 0) return USAGE
        const client = deps.client()
        try {
          let worst = 0
          for (const name of names) worst = Math.max(worst, await learnOne(client, { name, as, io, deps }))
          return worst
        } finally {
          await client.close()
        }
      },
    },
    status: {
      summary: 'Asks each daemon whether it is there',
      onlyLooks: true,
      async run(_, io) {
        const client = deps.client()
        try {
          const found = await Promise.all(deps.at.map((daemon) => lookFor(client, daemon, { io, deps })))
          for (const row of found) io.row(row)
          return found.every(({ answers }) => answers) ? 0 : UNAVAILABLE
        } finally {
          await client.close()
        }
      },
    },
  }
}

/** The controller learns for everybody: who the recipients are does not matter. */
export function rspamdDesk(
  client: Client,
  { controller, password, deadline }: Pick<RspamdCommandDeps, 'controller' | 'password' | 'deadline'>,
): LearningDesk {
  return {
    learn: (message, { as, signal }) =>
      client.learn(controller, { message, as, password }, AbortSignal.any([signal, AbortSignal.timeout(deadline)])),
  }
}

interface Learning {
  readonly name: string
  readonly as: 'spam' | 'ham'
  readonly io: CommandIo
  readonly deps: RspamdCommandDeps
}

async function learnOne(client: Client, { name, as, io, deps }: Learning): Promise<number> {
  const message = await findMessage(name, deps.spool)
  if (!message) {
    io.row({ message: name, learned: false, reply: 'neither a file nor in the quarantine' })
    return NO_INPUT
  }
  try {
    const { controller, password } = deps
    const reply = await client.learn(controller, { message, as, password }, patience(io, deps))
    io.row({ message: name, learned: true, reply })
    return 0
  } catch (error) {
    io.row({ message: name, learned: false, reply: errorOf(error).message })
    return UNAVAILABLE
  }
}

async function findMessage(name: string, spool: Spool): Promise<MessageSource | undefined> {
  try {
    return memorySource([await readFile(name)])
  } catch (error) {
    if (!['ENOENT', 'ENAMETOOLONG'].includes(String((errorOf(error) as NodeJS.ErrnoException).code))) throw error // as: of readFile
    return (await spool.get(name))?.message
  }
}

async function lookFor(
  client: Client,
  daemon: Daemon,
  { io, deps }: { readonly io: CommandIo; readonly deps: RspamdCommandDeps },
) {
  const start = performance.now()
  try {
    await client.ping({ daemon, key: deps.key }, patience(io, deps))
    return { daemon: daemon.name, answers: true, ms: Math.round(performance.now() - start) }
  } catch (error) {
    return { daemon: daemon.name, answers: false, error: errorOf(error).message }
  }
}

function patience({ signal }: CommandIo, { deadline }: RspamdCommandDeps): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(deadline)])
}
