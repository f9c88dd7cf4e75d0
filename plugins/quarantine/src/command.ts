/** The commands by which an operator looks at the quarantine and empties it. */

import type { TokenKeys } from '@postroad/options'
import type { Clock, CommandIo, Message, PluginCommand, QuarantineDesk } from '@postroad/plugin'
import { concerns, type VaultEntry } from './entry.ts'
import type { Vault } from './vault.ts'

/** What the commands work on. */
export interface VaultCommandDeps {
  readonly vault: Vault
  readonly desk: QuarantineDesk
  readonly clock: Pick<Clock, 'now'>
  /** Absent: there are no digests. */
  readonly keys?: TokenKeys | undefined
}

const USAGE = 64
const NO_INPUT = 66
const FAILED = 75

/** `postroad quarantine list`, `show`, `release`, `delete`, `expire`, `reindex`, `digest`. */
export function quarantineCommands(deps: VaultCommandDeps): Readonly<Record<string, PluginCommand>> {
  const { vault, clock, desk } = deps
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
          const deleted = await desk.delete(id)
          if (!deleted) missing++
          io.row({ id, deleted })
        }
        return ids.length === 0 ? USAGE : missing > 0 ? NO_INPUT : 0
      },
    },
    digest: {
      summary: "Shows a recipient's digest, sends it now, or makes a new key for its links",
      usage: '--preview|--send <recipient> [--all] | --new-key',
      run: (args, io) => digest(args, io, deps),
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

async function digest(args: readonly string[], io: CommandIo, { desk, keys }: VaultCommandDeps): Promise<number> {
  const flags = new Set(args.filter((one) => one.startsWith('--')))
  const [recipient, ...more] = args.filter((one) => !one.startsWith('--'))
  const { digests } = desk
  if (!digests || !keys) {
    io.print('quarantine: the option "digest" does not say how recipients are told')
    return FAILED
  }
  if (flags.has('--new-key') && args.length === 1) {
    io.row({ key: await keys.rotate() })
    return 0
  }
  const isKnown = [...flags].every((one) => ['--preview', '--send', '--all'].includes(one))
  if (!isKnown || flags.has('--preview') === flags.has('--send') || recipient === undefined || more.length > 0)
    return USAGE
  const asked = { all: flags.has('--all'), signal: io.signal }
  if (flags.has('--send')) {
    const sent = await digests.send(recipient, asked)
    if (sent) io.row({ ...sent })
    else io.print(nobody(recipient))
    return sent === undefined ? NO_INPUT : sent.sent ? 0 : FAILED
  }
  const shown = await digests.preview(recipient, asked)
  if (!shown) {
    io.print(nobody(recipient))
    return NO_INPUT
  }
  const { to, messages, messageId, subject, text, html } = shown
  if (io.json) io.row({ to, messages, messageId, subject, text, html })
  else for (const line of [`To: ${to}`, `Subject: ${subject}`, '', ...text.split('\n')]) io.print(line)
  return 0
}

function nobody(recipient: string): string {
  return `${recipient} gets no digests: the option digest.recipients does not name it`
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

async function releaseAll(args: readonly string[], io: CommandIo, { desk }: VaultCommandDeps): Promise<number> {
  const at = args.indexOf('--to')
  const only = at < 0 ? undefined : args[at + 1]?.toLowerCase()
  const ids = at < 0 ? args : args.toSpliced(at, 2)
  if (ids.length === 0 || (at >= 0 && only === undefined)) return USAGE
  if (!desk.canRelease) {
    io.print('quarantine: the option "release" does not say where released messages go')
    return FAILED
  }
  let worst = 0
  for (const id of ids) worst = Math.max(worst, await releaseOne(id, only, { io, desk }))
  return worst
}

async function releaseOne(
  id: string,
  only: string | undefined,
  { io, desk }: { readonly io: CommandIo; readonly desk: QuarantineDesk },
): Promise<number> {
  const outcomes = await desk.release(id, { signal: io.signal, ...(only !== undefined && { to: [only] }) })
  if (!outcomes) {
    io.row({ id, to: only, released: false, reply: 'not in the quarantine, or not any more' })
    return NO_INPUT
  }
  for (const { to, released, reply } of outcomes) io.row({ id, to: to || only, released, reply })
  return outcomes.every(({ released }) => released) ? 0 : FAILED
}
