/** `postroad queue …` on the queue in Redis: from any machine, whether or not a server runs there. */
import { parseArgs } from 'node:util'
import type { CommandIo, PluginCommand } from '@postroad/plugin'
import { giveUp, isPending, isQueueId, type Operation, type QueueEntry, type RecipientState, type ReporterOptions } from '@postroad/queue'
import type { RedisStore } from './store/redis-store.ts'

/** What the commands work on. */
export interface CommandContext {
  readonly store: RedisStore
  readonly reporter: ReporterOptions
  now(): number
  /** Issued tickets are on their way; resolves when they have arrived. */
  close(): Promise<void>
}

type Run = (context: CommandContext, args: readonly string[], io: CommandIo) => Promise<number | void>

const WHICH = '<id…> | --domain D | --from TEXT | --state S | --all'

/** The commands, by name. `open` is called by the command that runs. */
export function queueCommands(open: () => CommandContext): Readonly<Record<string, PluginCommand>> {
  const command = (summary: string, usage: string, run: Run): PluginCommand => ({
    summary,
    usage,
    async run(args, io) {
      const context = open()
      try {
        return await run(context, args, io)
      } catch (error) {
        // A wrong argument is an answer, not a crash.
        if (!(error instanceof TypeError)) throw error
        io.print(error.message)
        return 2
      } finally {
        await context.close()
      }
    },
  })
  return {
    list: command('messages in the queue, oldest first', WHICH, list),
    show: command('one message: envelope, states, attempts; or what became of it', '<id>', show),
    stats: command('how much is where', '', async ({ store }, _, io) => io.row({ ...(await store.stats()) })),
    retry: command('try now', WHICH, change({ kind: 'retry' })),
    hold: command('set aside until released', WHICH, change({ kind: 'hold', reason: 'operator' })),
    release: command('bring back what is held', WHICH, change({ kind: 'release' })),
    delete: command('remove without telling the sender', WHICH, change({ kind: 'delete' })),
    bounce: command('give up and tell the sender', WHICH, bounce),
    suspend: command(
      'stop deliveries to a domain or lane, on all nodes; without one: what is stopped',
      '[domain | lane] [reason]',
      suspend,
    ),
    resume: command('start deliveries to a domain or lane again', '<domain | lane>', resume),
  }
}

const list: Run = async ({ store, now }, args, io) => {
  for await (const entry of select(store, args.length === 0 ? ['--all'] : args, io.signal)) io.row(summary(entry, now()))
}

const show: Run = async ({ store }, [id = ''], io) => {
  const found = isQueueId(id) ? ((await store.get(id)) ?? (await store.getFinished(id))) : undefined
  if (!found) {
    io.print(`There is no message ${JSON.stringify(id)}`)
    return 1
  }
  const text = (_: string, value: unknown) => (isAddress(value) ? value.toString() : value)
  // JSON escapes control characters: foreign text cannot play with the terminal.
  io.print(JSON.stringify(found, text, io.json ? 0 : 2))
  return 0
}

function change(operation: Operation): Run {
  return async ({ store, now }, args, io) => {
    let changed = 0
    for await (const { message } of select(store, args, io.signal)) {
      const deliveries = await store.operate(message.id, operation, now())
      if (deliveries > 0) io.row({ id: message.id, done: operation.kind, deliveries })
      changed += deliveries
    }
    return changed > 0 ? 0 : nothing(io)
  }
}

const bounce: Run = async ({ store, reporter, now }, args, io) => {
  const reply = { code: 550, status: '5.7.0', text: 'Delivery was given up by the operator' }
  let changed = 0
  for await (const { message, states } of select(store, args, io.signal)) {
    for (const [index, { place }] of states.entries()) {
      if (place.kind === 'done') continue
      const isGiven = await giveUp(store, { id: message.id, index, reply, now: now() }, reporter)
      io.row({ id: message.id, delivery: message.deliveries[index]?.lane, done: isGiven ? 'bounced' : 'is being tried now: hold it first' })
      if (isGiven) changed++
    }
  }
  return changed > 0 ? 0 : nothing(io)
}

const suspend: Run = async ({ store, now }, [target, ...reason], io) => {
  if (target !== undefined) return store.suspend({ target: target.toLowerCase(), since: now(), reason: reason.join(' ') })
  for (const each of await store.suspensions()) io.row({ ...each, since: new Date(each.since).toISOString() })
}

const resume: Run = async ({ store }, [target = ''], io) => {
  if (await store.resume(target.toLowerCase())) return 0
  io.print(`${JSON.stringify(target)} is not suspended`)
  return 1
}

/** Every message that is meant; streamed. */
async function* select(store: RedisStore, args: readonly string[], signal: AbortSignal): AsyncGenerator<QueueEntry> {
  const text = { type: 'string' } as const
  const options = { domain: text, from: text, state: text, all: { type: 'boolean' } } as const
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options })
  for (const id of positionals) if (!isQueueId(id)) throw new TypeError(`${JSON.stringify(id)} is not a queue id`)
  const { domain, from, state, all } = values
  const isFiltered = domain !== undefined || from !== undefined || state !== undefined
  if (positionals.length === 0 && !isFiltered && !all) throw new TypeError(`Which messages? ${WHICH}`)
  for (const id of positionals) {
    const entry = await store.get(id)
    if (entry) yield entry
  }
  if (positionals.length > 0) return
  for await (const entry of store.list({ signal })) {
    const { message, states } = entry
    if (
      domain !== undefined &&
      !message.deliveries.some(({ recipients }) => recipients.some(({ address }) => address.domain === domain.toLowerCase()))
    )
      continue
    if (from !== undefined && !(message.from?.toString() ?? '<>').toLowerCase().includes(from.toLowerCase())) continue
    if (state === undefined || states.some(({ place }) => place.kind === state)) yield entry
  }
}

function summary({ message, states }: QueueEntry, now: number): Record<string, string | number | undefined> {
  const pending = states.flatMap(({ recipients }) => recipients).filter((each: RecipientState) => isPending(each))
  const reply = pending.find((each) => each.reply)?.reply
  const next = Math.min(...states.map(({ place }) => ('at' in place ? place.at : Number.POSITIVE_INFINITY)))
  return {
    id: message.id,
    age: `${Math.round((now - message.queuedAt) / 1_000)}s`,
    size: message.size,
    state: [...new Set(states.map(({ place }) => place.kind).filter((kind) => kind !== 'done'))].join(),
    from: message.from?.toString() ?? '<>',
    to: message.deliveries[0]?.recipients[0]?.address.toString(),
    pending: pending.length,
    attempts: Math.max(...states.map(({ attempts }) => attempts)),
    next: Number.isFinite(next) ? new Date(next).toISOString() : undefined,
    reason: reply && `${reply.code} ${reply.text}`,
  }
}

function isAddress(value: unknown): value is { toString(): string } {
  return typeof value === 'object' && value !== null && 'local' in value && 'domain' in value
}

function nothing(io: CommandIo): number {
  io.print('Nothing was changed')
  return 1
}
