/** `postroad clamav status` and `postroad clamav scan`. */
import { readFile } from 'node:fs/promises'
import type { CommandIo, PluginCommand } from '@postroad/plugin'
import { textOf } from '@postroad/plugin'
import type { Daemon } from '@postroad/upstream'
import { ask, scan } from './instream.ts'
import type { ScanReply } from './reply.ts'
import { deepArchive, EICAR } from './specimen.ts'

/** Whom the commands ask. */
interface Asked {
  readonly at: readonly Daemon[]
  /** Milliseconds. */
  readonly deadline: number
}

const UNAVAILABLE = 69

/** The commands of the plugin. */
export function clamavCommands(asked: Asked): Readonly<Record<string, PluginCommand>> {
  return {
    status: {
      summary:
        'Ask every daemon who it is, have it find the test virus, and see whether it says when it has not looked at all of a file',
      onlyLooks: true,
      run: (_, io) => status(asked, io),
    },
    scan: {
      summary: 'Have files scanned: messages, or anything else',
      usage: '<file…>',
      onlyLooks: true,
      run: (files, io) => scanFiles(files, asked, io),
    },
  }
}

async function status({ at, deadline }: Asked, io: CommandIo): Promise<number> {
  let wrong = 0
  for (const daemon of at) {
    const signal = AbortSignal.any([io.signal, AbortSignal.timeout(deadline)])
    const started = performance.now()
    try {
      const version = await ask(daemon, 'VERSION', signal)
      const found = await scan(daemon, source(EICAR), signal)
      const limits = await scan(daemon, source(deepArchive()), signal)
      const isRight = found.kind === 'found' && limits.kind === 'limit'
      if (!isRight) wrong++
      io.row({
        daemon: daemon.name,
        version: version.replace(/[^\x20-\x7e]/g, '?').slice(0, 80),
        virus: found.kind === 'found' ? found.name : `not found: has it signatures? (${shown(found)})`,
        limits: limits.kind === 'limit' ? 'said' : 'not said: set "AlertExceedsMax yes" in clamd.conf',
        ms: Math.round(performance.now() - started),
      })
    } catch (error) {
      wrong++
      io.row({ daemon: daemon.name, error: textOf(error) })
    }
  }
  return wrong > 0 ? UNAVAILABLE : 0
}

async function scanFiles(files: readonly string[], { at, deadline }: Asked, io: CommandIo): Promise<number> {
  const [daemon] = at
  if (files.length === 0 || !daemon) return 64
  let code = 0
  for (const file of files) {
    const signal = AbortSignal.any([io.signal, AbortSignal.timeout(deadline)])
    try {
      const reply = await scan(daemon, source(await readFile(file)), signal)
      if (reply.kind !== 'clean') code = 1
      io.row({ file, result: shown(reply) })
    } catch (error) {
      code = 1
      io.row({ file, error: textOf(error) })
    }
  }
  return code
}

function shown(reply: ScanReply): string {
  if (reply.kind === 'found') return `infected: ${reply.name}`
  return reply.kind === 'limit' ? `not scanned: ${reply.limit}` : 'clean'
}

function source(octets: Uint8Array): Parameters<typeof scan>[1] {
  return { chunks: () => [octets], raw: () => [] as never }
}
