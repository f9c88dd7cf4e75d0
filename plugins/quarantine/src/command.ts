/** The commands by which an operator looks at the quarantine and empties it. */
import type { Clock, CommandIo, Lock, Message, PluginCommand } from '@postroad/plugin'
import { concerns, type VaultEntry } from './entry.ts'
import type { QuarantineOptions } from './options.ts'
import { release } from './release.ts'
import type { Kept, Vault } from './vault.ts'

/** What the commands work on. */
export interface VaultCommandDeps {
  readonly vault: Vault
  readonly options: QuarantineOptions
  readonly clock: Pick<Clock, 'now'>
  readonly lock: Lock
  readonly hostname: string
}

const USAGE = 64
const NO_INPUT = 66
const FAILED = 75
/** Milliseconds a message stays locked after its releaser has died. */
const DEAD = 60_000

/** `postroad quarantine list`, `show`, `release`, `delete`, `expire`, `reindex`. */
export function quarantineCommands(deps: VaultCommandDeps): Readonly<Record<string, PluginCommand>> {
  const { vault, clock, lock } = deps
  return {
    list: {
      summary: 'Lists what is quarantined, or what of it has to do with an address',
      usage: '[part of an address]',
      async run([text = ''], io) {
        for await (const entry of vault.list(io.signal)) if (concerns(entry, text)) io.row(rowOf(entry))
      },
    },
    show: {
      summary: 'Shows what is known of a message and its header section, or all of it',
      usage: '<id> [--raw]',
      run: ([id = '', raw], io) => show(id, { isRaw: raw === '--raw', io, deps }),
    },
    release: {
      summary: 'Sends messages on to their recipients, or to one of them',
      usage: '<id>… [--to ADDRESS]',
      run: (args, io) => releaseAll(args, io, deps),
    },
    delete: {
      summary: 'Deletes messages',
      usage: '<id>…',
      async run(ids, io) {
        let missing = 0
        for (const id of ids) {
          // Not while it is being released: what is left of it then would come back.
          const deleted = (await lock.tryWith(keyOf(id), DEAD, () => vault.delete(id))) ?? false
          if (!deleted) missing++
          io.row({ id, deleted })
        }
        return ids.length === 0 ? USAGE : missing > 0 ? NO_INPUT : 0
      },
    },
    expire: {
      summary: 'Deletes what is too old; a running server does so every hour',
      async run(_, io) {
        io.row({ deleted: await vault.expire(clock.now(), io.signal) })
      },
    },
    reindex: {
      summary: 'Makes the list again from the spool, after the store was lost',
      async run(_, io) {
        io.row({ entries: await vault.reindex(clock.now()) })
      },
    },
  }
}

function rowOf({ id, at, from, recipients, reason, points, size, subject }: VaultEntry) {
  return {
    id,
    at: new Date(at).toISOString(),
    from: from || '<>',
    to: recipients.map(({ address }) => address).join(' '),
    reason,
    points,
    size,
    subject,
  }
}

interface Showing {
  readonly isRaw: boolean
  readonly io: CommandIo
  readonly deps: VaultCommandDeps
}

async function show(id: string, { isRaw, io, deps }: Showing): Promise<number> {
  const kept = await deps.vault.get(id)
  if (!kept) return NO_INPUT
  const { entry, message } = kept
  if (isRaw) {
    for (const line of (await textOf(message)).split('\r\n')) io.print(line)
    return 0
  }
  const { remote, helo, identity, expiresAt } = entry
  io.row({ ...rowOf(entry), remote, helo, identity, expiresAt: new Date(expiresAt).toISOString() })
  for (const { name, value } of message.headers) io.print(`${name}: ${value}`)
  return 0
}

/** Octets beyond ASCII are shown as UTF-8; what would move a terminal's cursor is shown as `?`. */
async function textOf(message: Message): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of message.raw()) chunks.push(chunk)
  return Buffer.concat(chunks)
    .toString('utf8')
    .replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g, '?')
}

async function releaseAll(args: readonly string[], io: CommandIo, deps: VaultCommandDeps): Promise<number> {
  const at = args.indexOf('--to')
  const only = at < 0 ? undefined : args[at + 1]?.toLowerCase()
  const ids = at < 0 ? args : args.toSpliced(at, 2)
  if (ids.length === 0 || (at >= 0 && only === undefined)) return USAGE
  if (!deps.options.release) {
    io.print('quarantine: the option "release" does not say where released messages go')
    return FAILED
  }
  let worst = 0
  for (const id of ids) worst = Math.max(worst, await releaseOne(id, { only, io, deps, target: deps.options.release }))
  return worst
}

interface Releasing {
  readonly only: string | undefined
  readonly io: CommandIo
  readonly deps: VaultCommandDeps
  readonly target: NonNullable<QuarantineOptions['release']>
}

/** Two operators at once would deliver it twice. */
async function releaseOne(id: string, releasing: Releasing): Promise<number> {
  const { lock, vault } = releasing.deps
  const code = await lock.tryWith(keyOf(id), DEAD, async (lost) => {
    const kept = await vault.get(id)
    return kept ? releaseKept(kept, releasing, AbortSignal.any([lost, releasing.io.signal])) : NO_INPUT
  })
  if (code === NO_INPUT)
    releasing.io.row({ id, to: releasing.only, released: false, reply: 'not in the quarantine, or not any more' })
  if (code !== undefined) return code
  releasing.io.row({
    id,
    to: releasing.only,
    released: false,
    reply: 'somebody else is releasing or deleting it at this moment',
  })
  return FAILED
}

function keyOf(id: string): string {
  return `quarantine:${id}`
}

async function releaseKept(
  { entry, message }: Kept,
  { only, io, deps, target }: Releasing,
  signal: AbortSignal,
): Promise<number> {
  const { vault, hostname, clock } = deps
  const recipients = entry.recipients.filter(({ address }) => only === undefined || address.toLowerCase() === only)
  if (recipients.length === 0) return NO_INPUT
  const outcomes = await release({ entry, message, recipients, target, hostname, signal })
  for (const { recipient, isTaken, reply } of outcomes)
    io.row({ id: entry.id, to: recipient.address, released: isTaken, reply })
  const taken = new Set(outcomes.filter(({ isTaken }) => isTaken).map(({ recipient }) => recipient.address))
  const left = entry.recipients.filter(({ address }) => !taken.has(address))
  // Twice is better than never: only what the listener has taken is taken out of here.
  if (left.length === 0) await vault.delete(entry.id)
  else if (taken.size > 0) await vault.put({ ...entry, recipients: left }, message, clock.now())
  return outcomes.every(({ isTaken }) => isTaken) ? 0 : FAILED
}
