/** `postroad bounces read`, `address`, `new-key`. */
import { readFile } from 'node:fs/promises'
import { parseAddress } from '@postroad/mail'
import { messageFromBytes } from '@postroad/message'
import type { TokenKeys } from '@postroad/options'
import type { CommandIo, PluginCommand, Store } from '@postroad/plugin'
import { layTo } from './lay.ts'
import { readReport } from './report/read.ts'
import { findSent } from './sent.ts'
import type { BounceAddress } from './token.ts'

const DAY = 86_400_000
const USAGE = 64
const NO_DATA = 65
const NO_INPUT = 66

/** What the commands work on. */
export interface BounceCommandDeps {
  readonly keys: TokenKeys
  readonly address: BounceAddress
  readonly store: Store
  /** Milliseconds. */
  readonly life: number
  now(): number
}

/** The commands. */
export function bounceCommands(deps: BounceCommandDeps): Readonly<Record<string, PluginCommand>> {
  return {
    read: {
      summary: 'Says what reports in files mean, as they would be read if they came in',
      usage: '<file>…',
      onlyLooks: true,
      run: (files, io) => readFiles(files, io),
    },
    address: {
      summary: 'Says of which mail a bounce to this address would be, and how long it is taken',
      usage: '<address>',
      onlyLooks: true,
      run: ([text = ''], io) => explain(text, io, deps),
    },
    'new-key': {
      summary: 'Makes a new key for the addresses of bounces; those of the former ones stay good',
      usage: '',
      async run(_, io) {
        io.row({ key: await deps.keys.rotate() })
      },
    },
  }
}

async function readFiles(files: readonly string[], io: CommandIo): Promise<number> {
  if (files.length === 0) return USAGE
  let worst = 0
  for (const file of files) {
    let octets: Buffer
    try {
      octets = await readFile(file)
    } catch (error) {
      io.print(`${file}: ${error instanceof Error ? error.message : String(error)}`)
      worst = NO_INPUT
      continue
    }
    const report = await readReport(messageFromBytes(octets))
    if (!report) io.print(`${file}: no report`)
    if (!report) worst ||= NO_DATA
    for (const said of report ? layTo(undefined, report) : [])
      io.row({
        file,
        format: report?.format,
        kind: said.kind,
        to: said.reported,
        class: said.class,
        fault: said.fault,
        detail: said.detail,
        reply: said.reply && [said.reply.code, said.reply.status, said.reply.text].filter(Boolean).join(' '),
      })
  }
  return worst
}

async function explain(
  text: string,
  io: CommandIo,
  { address, keys, store, life, now }: BounceCommandDeps,
): Promise<number> {
  const asked = parseAddress(text, { smtputf8: true })
  if (!asked) return USAGE
  const token = address.tokenOf(asked)
  const opened = token ? address.open(token, await keys.all()) : undefined
  if (!opened) {
    io.print(
      token === undefined ? `${text}: not an address for bounces` : `${text}: no mail was sent from this address`,
    )
    return NO_DATA
  }
  const sent = await findSent(store, opened.serial, io.signal)
  const until = opened.at + life + DAY
  io.row({
    sent: new Date(opened.at).toISOString().slice(0, 10),
    until: new Date(until).toISOString(),
    taken: now() <= until,
    from: sent?.from,
    to: sent?.recipients.join(' '),
    transaction: sent?.transaction,
  })
  return 0
}
