/** `list`, `show` and `send`: what an operator may ask of counts and reports, the same for every kind. */
import type { Clock, CommandIo, PluginCommand } from '@postroad/plugin'
import { dayOf, isDay } from './day.ts'
import { type ReportLedger, SHARES } from './ledger.ts'
import type { DueReport, RoundOutcome } from './rounds.ts'

/** What the commands are made of. */
export interface ReportCommandOptions {
  readonly ledger: ReportLedger
  readonly clock: Clock
  /** What is worth a column of `list`. */
  describe(rows: ReadonlyMap<string, number>): Readonly<Record<string, number>>
  /** The document as it would be sent now; undefined where nothing was counted. */
  document(due: DueReport, signal: AbortSignal): Promise<string | undefined>
  send(due: DueReport, signal: AbortSignal): Promise<RoundOutcome>
}

const DAY_MS = 86_400_000
/** Days that may still be in the store. */
const KEPT_DAYS = 4

/** The commands of a plugin that sends reports. */
export function reportCommands(options: ReportCommandOptions): Readonly<Record<string, PluginCommand>> {
  return {
    list: {
      summary: 'List what was counted and not sent yet, by day and domain',
      run: (args, io) => list(args, io, options),
    },
    show: {
      summary: 'Print the report on a domain as it would be sent now',
      usage: '<domain> [day, default: today]',
      run: (args, io) => show(args, io, options),
    },
    send: {
      summary: 'Send the report on a domain for a day that has ended, without waiting for its time',
      usage: '<domain> [day, default: yesterday]',
      run: (args, io) => send(args, io, options),
    },
  }
}

async function list(args: readonly string[], { row, signal }: CommandIo, options: ReportCommandOptions) {
  if (args.length > 0) return 64
  const { ledger, clock, describe } = options
  for (let back = KEPT_DAYS; back >= 0; back--) {
    const day = dayOf(clock.now() - back * DAY_MS)
    for (let share = 0; share < SHARES; share++)
      for (const [domain, { rows }] of await ledger.read(day, share, { signal }))
        if (!(await ledger.isSettled(day, domain))) row({ day, domain, ...describe(rows) })
  }
  return 0
}

async function show(args: readonly string[], io: CommandIo, options: ReportCommandOptions): Promise<number> {
  const due = await dueOf(args, io, { ...options, back: 0 })
  if (typeof due === 'number') return due
  const document = await options.document(due, io.signal)
  io.print(document ?? NOTHING)
  return document === undefined ? 1 : 0
}

async function send(args: readonly string[], io: CommandIo, options: ReportCommandOptions): Promise<number> {
  const { ledger, clock } = options
  const due = await dueOf(args, io, { ...options, back: 1 })
  if (typeof due === 'number') return due
  if (due.day >= dayOf(clock.now())) {
    io.print('The day has not ended yet.')
    return 1
  }
  const outcome = await options.send(due, io.signal)
  if (outcome === 'sent') await ledger.settle(due.day, due.domain)
  io.print(OUTCOMES[outcome])
  return outcome === 'sent' ? 0 : 1
}

const NOTHING = 'Nothing was counted for the domain on that day.'
const OUTCOMES: Readonly<Record<RoundOutcome, string>> = {
  sent: 'The report was handed in.',
  nothing: 'Nothing was sent: the domain asks for no reports, or nobody took it. The log says more.',
  later: 'It could not be handed in; it will be tried again.',
}

async function dueOf(
  [domain, day, ...more]: readonly string[],
  { print, signal }: CommandIo,
  { ledger, clock, back }: ReportCommandOptions & { readonly back: number },
): Promise<DueReport | number> {
  const wanted = day ?? dayOf(clock.now() - back * DAY_MS)
  if (domain === undefined || more.length > 0 || !isDay(wanted)) return 64
  const name = domain.toLowerCase()
  const counted = await ledger.domain(wanted, name, signal)
  if (counted.rows.size > 0) return { day: wanted, domain: name, ...counted }
  print(NOTHING)
  return 1
}
