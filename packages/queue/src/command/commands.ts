/** `postroad queue …`: looks at and changes the queue, also while a server has it open, and at any size. */
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isQueueId } from '@postroad/mail'
import type { CommandIo, PluginCommand } from '@postroad/plugin'
import type { ReporterOptions } from '../engine/reporter.ts'
import type { QueuedDelivery } from '../model.ts'
import { selected } from '../operate/filter.ts'
import { carryOut, type Ordering, type QueueOrder } from '../operate/order.ts'
import { sitesOfQueue } from '../operate/sites.ts'
import { suspendTarget } from '../operate/suspension.ts'
import type { EventWriter } from '../outbox/event-writer.ts'
import type { PlanOptions } from '../plan.ts'
import type { DestinationRules } from '../rule/destination-rules.ts'
import { QueueError, type QueueStore } from '../store.ts'
import { FILTERS, parseNamed, parsePlain, parseSelection } from './filter.ts'
import { REROUTE_USAGE, rerouteCommand } from './reroute.ts'
import { showFinished, showQueued, siteRow, summary } from './show.ts'

/** What the commands work on. */
export interface CommandedQueue {
  readonly rules: DestinationRules
  readonly reporter: ReporterOptions
  /** How mail that is sent another way is split. */
  readonly plan: PlanOptions
  /** What is written down for programs. */
  readonly events?: EventWriter | undefined
  /** Ends the back-off of where these go, as far as processes share it: for what an operator wants tried now. */
  readonly reopen?: ((deliveries: readonly QueuedDelivery[]) => Promise<void>) | undefined
  now(): number
  /** Opened by the command that runs, never because of `--help`. */
  store(): Promise<QueueStore>
  /** Called when a command has ended; what it has left to do is done when this resolves. */
  done?(): Promise<void>
}

type Run = (store: QueueStore, args: readonly string[], io: TimedIo) => Promise<number | void>

/** What a command speaks through, and when it is. */
type TimedIo = CommandIo & { now(): number }

/** The commands, by name. */
export function queueCommands(queue: CommandedQueue): Readonly<Record<string, PluginCommand>> {
  const command = (summaryText: string, usage: string, run: Run): PluginCommand => ({
    summary: summaryText,
    usage,
    run: (args, io) => runSafely(queue, run, { args, io }),
  })
  const some = `<id…> | ${FILTERS} | --all`
  return {
    list: command('messages in the queue, oldest first', `[id…] | ${FILTERS}`, list),
    show: command('one message: envelope, state, every attempt', '<id>', showing(queue.rules)),
    body: command('the octets of a message, as text or into a file', '<id> [file]', content),
    summary: command('by destination: how much waits, since when, and what was said last', '', bySite),
    stats: command('how much is where', '', stats),
    retry: command('try now', some, ordered(queue, 'retry')),
    hold: command('set aside until released', `${some} [--text WHY]`, ordered(queue, 'hold')),
    release: command('bring back what is held', some, ordered(queue, 'release')),
    delete: command('remove without telling the sender', some, ordered(queue, 'delete')),
    bounce: command('give up and tell the sender', `${some} [--text WHY]`, ordered(queue, 'bounce')),
    reroute: command(
      'send another way, to a next hop or as routing says today',
      `${some} ${REROUTE_USAGE}`,
      (store, args, io) => rerouteCommand({ ...queue, store }, args, { io, ordering: orderingOf(io) }),
    ),
    suspend: command(
      'stop deliveries to a domain or destination, or all: "*"; without an argument: what is stopped',
      '[domain | destination | "smtp:*" | "*"] [reason]',
      suspend,
    ),
    resume: command('start deliveries to a domain or destination again', '<domain | destination>', resume),
    corrupt: command('entries that could not be read and were set aside', '', corrupt),
  }
}

async function runSafely(
  queue: CommandedQueue,
  run: Run,
  { args, io }: { readonly args: readonly string[]; readonly io: CommandIo },
): Promise<number | void> {
  try {
    return await run(await queue.store(), args, { ...bound(io), now: () => queue.now() })
  } catch (error) {
    // A wrong argument is an answer, not a crash; so is a file that cannot be written, and a queue or a message that is damaged.
    const isAnswer = error instanceof QueueError || (error instanceof Error && 'syscall' in error)
    if (!(error instanceof TypeError) && !isAnswer) throw error
    io.print(error.message)
    return isAnswer ? 1 : 2
  } finally {
    await queue.done?.()
  }
}

const list: Run = async (store, args, io) => {
  const { filter, limit } = parseSelection(args)
  const all = Object.values(filter).every((value) => value === undefined) ? { all: true as const } : filter
  let listed = 0
  for await (const entry of selected(store, all, { ...orderingOf(io), limit })) {
    io.row(summary(entry, io.now()))
    listed++
  }
  const wanted = filter.ids?.length ?? 0
  return wanted > listed && listed < limit ? 1 : 0
}

function orderingOf({ signal, now, print }: TimedIo): Ordering {
  return { signal, now, note: print, missing: (id) => print(`There is no message "${id}" in the queue`) }
}

function showing(rules: DestinationRules): Run {
  return async (store, args, io) => {
    const [id = ''] = parsePlain(args, 1, 1)
    const entry = isQueueId(id) ? await store.get(id) : undefined
    const finished = entry || !isQueueId(id) ? undefined : await store.getFinished(id)
    if (entry) showQueued(entry, rules, io)
    else if (finished) showFinished(finished, io)
    else return unknown(id, io)
    return 0
  }
}

const content: Run = async (store, args, io) => {
  const [id = '', file] = parsePlain(args, 1, 2)
  const entry = isQueueId(id) ? await store.get(id) : undefined
  if (!entry) return unknown(id, io)
  const source = Readable.from(store.content(entry.message).raw())
  if (file !== undefined) await pipeline(source, createWriteStream(file, { flags: 'wx', mode: 0o600 }))
  else await printText(source, io)
  return 0
}

const bySite: Run = async (store, args, io) => {
  parsePlain(args, 0, 0)
  const { sites, complete, messages } = await sitesOfQueue(store, { name: 'queue', signal: io.signal, now: io.now })
  for (const site of sites) io.row(siteRow(site, io.now()))
  if (!complete) io.print(`Not all was looked at: there are ${messages} messages, and the newest are not counted here`)
}

const stats: Run = async (store, args, io) => {
  parsePlain(args, 0, 0)
  io.row({ ...(await store.stats()) })
}

const suspend: Run = async (store, args, io) => {
  const [target, ...reason] = parsePlain(args, 0, Number.POSITIVE_INFINITY)
  if (target === undefined)
    for (const each of await store.suspensions())
      io.row({ target: each.target, since: new Date(each.since).toISOString(), reason: each.reason })
  else {
    const { notes } = await suspendTarget(store, { target, reason: reason.join(' ') }, io)
    for (const note of notes) io.print(note)
  }
}

const resume: Run = async (store, args, io) => {
  const [target = ''] = parsePlain(args, 1, 1)
  if (await store.resume(target.toLowerCase())) return 0
  io.print(`"${target}" is not suspended`)
  return 1
}

const corrupt: Run = async (store, args, io) => {
  parsePlain(args, 0, 0)
  for await (const { id, octets } of store.corrupt()) io.row({ id, size: octets.length })
}

/** Something that is done to all messages that the arguments mean. */
function ordered(queue: CommandedQueue, action: QueueOrder['action']): Run {
  return async (store, args, io) => {
    const { filter, text, limit } = parseNamed(args)
    let [changed, claimed] = [0, 0]
    const steps = carryOut({ ...queue, store }, { action, filter, text }, { ...orderingOf(io), limit })
    for await (const step of steps) {
      for (const row of step.rows) io.row(row)
      changed += step.changed
      claimed += step.claimed
    }
    // Some may be those of a process that is gone, which were changed.
    if (action === 'retry' && claimed > changed)
      io.print(
        `${claimed - changed} deliveries are in the hands of a running process, which tries them or puts them back`,
      )
    else if (changed === 0) return nothing(io)
    return changed > 0 ? 0 : 1
  }
}

async function printText(source: Readable, io: CommandIo): Promise<void> {
  let rest = ''
  for await (const chunk of source.setEncoding('utf8')) {
    const lines = `${rest}${chunk}`.split(/\r?\n/)
    rest = lines.pop() ?? ''
    for (const line of lines) io.print(line)
  }
  if (rest !== '') io.print(rest)
}

/** An io whose methods need no object. */
function bound(io: CommandIo): CommandIo {
  return { json: io.json, signal: io.signal, row: (fields) => io.row(fields), print: (line) => io.print(line) }
}

function unknown(id: string, io: CommandIo): number {
  io.print(`There is no message ${JSON.stringify(id)}`)
  return 1
}

function nothing(io: CommandIo): number {
  io.print('Nothing was changed')
  return 1
}
