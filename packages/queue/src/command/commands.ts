/** `postroad queue …`: looks at and changes the queue, also while a server has it open, and at any size. */
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isQueueId } from '@postroad/mail'
import type { CommandIo, PluginCommand } from '@postroad/plugin'
import type { ReporterOptions } from '../engine/reporter.ts'
import { giveUp } from '../give-up.ts'
import { meansDestination, type PlanOptions } from '../plan.ts'
import type { DestinationRules } from '../rule/destination-rules.ts'
import { type Operation, QueueError, type QueueStore } from '../store.ts'
import { FILTERS, parsePlain, parseSelection, recipientsOf, select } from './filter.ts'
import { REROUTE_USAGE, rerouteCommand } from './reroute.ts'
import { showFinished, showQueued, summary } from './show.ts'

/** What the commands work on. */
export interface CommandedQueue {
  readonly rules: DestinationRules
  readonly reporter: ReporterOptions
  /** How mail that is sent another way is split. */
  readonly plan: PlanOptions
  now(): number
  /** Opened by the command that runs, never because of `--help`. */
  store(): Promise<QueueStore>
  /** Called when a command has ended; what it has left to do is done when this resolves. */
  done?(): Promise<void>
}

type Run = (store: QueueStore, args: readonly string[], io: TimedIo) => Promise<number | void>

/** What a command speaks through, and when it is. */
type TimedIo = CommandIo & { now(): number }

/** Messages looked at for what a suspension stops: it is in force already, and its operator in a hurry. */
const LOOK_LIMIT = 10_000
/** Messages changed in one step. */
const CHANGE_PAGE = 500

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
    stats: command('how much is where', '', stats),
    retry: command(
      'try now',
      some,
      changing(() => ({ kind: 'retry' })),
    ),
    hold: command(
      'set aside until released',
      `${some} [--text WHY]`,
      changing(({ text }) => ({ kind: 'hold', reason: text ?? 'operator' })),
    ),
    release: command(
      'bring back what is held',
      some,
      changing(() => ({ kind: 'release' })),
    ),
    delete: command(
      'remove without telling the sender',
      some,
      changing(() => ({ kind: 'delete' })),
    ),
    bounce: command('give up and tell the sender', `${some} [--text WHY]`, (store, args, io) =>
      bounce(queue.reporter, store, { args, io }),
    ),
    reroute: command(
      'send another way, to a next hop or as routing says today',
      `${some} ${REROUTE_USAGE}`,
      (store, args, io) => rerouteCommand(queue, store, { args, io }),
    ),
    suspend: command(
      'stop deliveries to a domain or destination; without an argument: what is stopped',
      '[domain | destination] [reason]',
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

/** An operation on all messages that the arguments mean. */
function changing(operation: (args: { text: string | undefined }) => Operation): Run {
  return (store, args, io) => change(store, { args, io, operation })
}

const list: Run = async (store, args, io) => {
  const selection = parseSelection(args)
  const all = selection.ids.length === 0 && !selection.matches ? { ...selection, matches: () => true } : selection
  let listed = 0
  for await (const entry of select(store, all, io)) {
    io.row(summary(entry, io.now()))
    listed++
  }
  return selection.ids.length > listed && listed < selection.limit ? 1 : 0
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
    const name = target.toLowerCase()
    await store.suspend({ target: name, since: io.now(), reason: reason.join(' ') })
    // Of mail hosts and groups only the server knows which destinations they are.
    if (!/^(mx|group):/.test(name)) await tellStopped(store, name, io)
  }
}

/** A domain whose route names its next hop goes by the destination of that, with other domains: an operator must hear that it still does. */
async function tellStopped(store: QueueStore, name: string, io: TimedIo): Promise<void> {
  const others = new Set<string>()
  let [looked, stopped] = [0, 0]
  for await (const entry of store.list({ signal: io.signal })) {
    if (++looked > LOOK_LIMIT) break
    if (
      entry.message.deliveries.some(
        ({ destination }, at) => entry.states[at]?.status.kind !== 'done' && meansDestination(name, destination),
      )
    )
      stopped++
    for (const { address, index } of recipientsOf(entry)) {
      const destination = entry.message.deliveries[index]?.destination ?? ''
      if (address.domain === name && !meansDestination(name, destination)) others.add(destination)
    }
  }
  for (const destination of others)
    io.print(
      `Mail for ${name} goes to the next hop that its route names: that is not stopped. It is, with all it carries, by: suspend ${destination}`,
    )
  if (others.size === 0 && stopped === 0) io.print(`Nothing that is in the queue now goes by ${JSON.stringify(name)}`)
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

async function change(
  store: QueueStore,
  asked: {
    readonly args: readonly string[]
    readonly io: TimedIo
    operation(args: { text: string | undefined }): Operation
  },
): Promise<number> {
  const selection = named(asked.args)
  const operation = asked.operation({ text: selection.text })
  let changed = 0
  let claimed = 0
  let page: string[] = []
  const flush = async (): Promise<void> => {
    const counts = await Promise.all(page.map((id) => store.operate(id, operation, asked.io.now())))
    for (const [at, id] of page.entries())
      if ((counts[at] ?? 0) > 0) asked.io.row({ id, done: operation.kind, deliveries: counts[at] })
    changed += counts.reduce((sum, count) => sum + count, 0)
    page = []
  }
  for await (const { message, states } of select(store, selection, asked.io)) {
    if (operation.kind === 'retry') claimed += states.filter(({ status }) => status.kind === 'claimed').length
    // A page shares a sync: a million messages are minutes, not hours.
    if (page.push(message.id) === CHANGE_PAGE) await flush()
  }
  await flush()
  // Some may be those of a process that is gone, which were changed.
  if (claimed > changed)
    asked.io.print(
      `${claimed - changed} deliveries are in the hands of a running process, which tries them or puts them back`,
    )
  else if (changed === 0) return nothing(asked.io)
  return changed > 0 ? 0 : 1
}

async function bounce(
  reporter: ReporterOptions,
  store: QueueStore,
  { args, io }: { readonly args: readonly string[]; readonly io: TimedIo },
): Promise<number> {
  const selection = named(args)
  const reply = { code: 550, status: '5.7.0', text: selection.text ?? 'Delivery was given up by the operator' }
  let changed = 0
  for await (const { message, states } of select(store, selection, io)) {
    const given = await giveUp(store, { id: message.id, reply, now: io.now() }, reporter)
    for (const [index, { status }] of states.entries()) {
      if (status.kind === 'done') continue
      const done = given.includes(index) ? 'bounced' : 'is being tried now: hold it first'
      io.row({ id: message.id, delivery: message.deliveries[index]?.destination, done })
    }
    changed += given.length
  }
  return changed > 0 ? 0 : nothing(io)
}

/** A change must say to what: no arguments are a mistake, not "everything". */
function named(args: readonly string[]) {
  const selection = parseSelection(args)
  if (selection.ids.length === 0 && !selection.matches)
    throw new TypeError('Which messages? Give queue ids, a filter, or --all')
  return selection
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
