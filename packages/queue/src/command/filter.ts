/** Which messages a command means: ids, or properties. */
import { domainToASCII } from 'node:url'
import { parseArgs } from 'node:util'
import { isQueueId } from '@postroad/mail'
import { parseDuration } from '@postroad/options'
import type { CommandIo } from '@postroad/plugin'
import { isPending } from '../state.ts'
import type { QueueEntry, QueueStore } from '../store.ts'

/** Arguments of a command that speaks of messages. */
export interface Selection {
  readonly ids: readonly string[]
  readonly matches: ((entry: QueueEntry, now: number) => boolean) | undefined
  readonly limit: number
  /** What was left: options of the command itself. */
  readonly text: string | undefined
}

/** How filters are written, for `--help`. */
export const FILTERS = '[--from A] [--to A] [--domain D] [--state S] [--older 4h] [--reason TEXT] [--limit N]'

/**
 * Reads the arguments.
 *
 * @throws {TypeError} with a sentence for the operator
 */
export function parseSelection(args: readonly string[]): Selection {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      from: text,
      to: text,
      domain: text,
      state: text,
      older: text,
      reason: text,
      limit: text,
      text,
      all: { type: 'boolean' },
    },
  })
  for (const id of positionals) if (!isQueueId(id)) throw new TypeError(`"${id}" is not a queue id`)
  const { from, to, state, older, reason, all } = values
  const domain = values.domain && (domainToASCII(values.domain) || values.domain.toLowerCase())
  const limit = values.limit === undefined ? Number.POSITIVE_INFINITY : Number(values.limit)
  if (!(limit >= 1)) throw new TypeError(`--limit takes a number from 1 on, not "${values.limit}"`)
  const age = older === undefined ? undefined : parseDuration(older)
  if (older !== undefined && age === undefined)
    throw new TypeError(`--older takes a time such as 90s, 15m, 4h or 5d, not "${older}"`)
  if (state !== undefined && !STATES.includes(state))
    throw new TypeError(`--state takes one of ${STATES.join(', ')}, not "${state}"`)
  const filters: ((entry: QueueEntry, now: number) => boolean)[] = []
  if (from !== undefined) filters.push(({ message }) => has(message.from?.toString() ?? '<>', from))
  if (to !== undefined) filters.push((entry) => recipientsOf(entry).some(({ address }) => has(address.toString(), to)))
  if (domain !== undefined)
    filters.push((entry) => recipientsOf(entry).some(({ address }) => address.domain === domain))
  if (state !== undefined) filters.push((entry) => entry.states.some(({ status }) => status.kind === state))
  if (age !== undefined) filters.push(({ message }, now) => now - message.queuedAt >= age)
  if (reason !== undefined)
    filters.push((entry) =>
      recipientsOf(entry).some(({ state: { reply, class: kind } }) =>
        has(reply ? `${reply.code} ${reply.status ?? ''} ${reply.text} ${kind}` : '', reason),
      ),
    )
  const matches =
    filters.length > 0 || all
      ? (entry: QueueEntry, now: number) => filters.every((filter) => filter(entry, now))
      : undefined
  // "These, and all that match" is not what one expects of `delete`, and neither is "these, if they match".
  if (matches && positionals.length > 0) throw new TypeError('Give queue ids or filters, not both')
  return { ids: positionals, matches, limit, text: values.text }
}

/**
 * Reads the arguments of `reroute`: messages, and one of two ways to go.
 *
 * @throws {TypeError} with a sentence for the operator
 */
export function parseReroute(args: readonly string[]): {
  readonly selection: Selection
  readonly via: string | undefined
  readonly dryRun: boolean
} {
  const own: string[] = []
  let via: string | undefined
  let [again, dryRun] = [false, false]
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ''
    if (arg === '--via') via = args[++at] ?? ''
    else if (arg.startsWith('--via=')) via = arg.slice(6)
    else if (arg === '--again') again = true
    else if (arg === '--dry-run') dryRun = true
    else own.push(arg)
  }
  if (again === (via !== undefined))
    throw new TypeError('Where to? Give --via transport[:host[:port]], or --again to ask the routes')
  const selection = parseSelection(own)
  if (selection.ids.length === 0 && !selection.matches)
    throw new TypeError('Which messages? Give queue ids, a filter, or --all')
  return { selection, via, dryRun }
}

/**
 * Reads the arguments of a command without filters.
 *
 * @throws {TypeError} with a sentence for the operator
 */
export function parsePlain(args: readonly string[], least: number, most: number): string[] {
  const { positionals } = parseArgs({ args: [...args], allowPositionals: true })
  if (positionals.length < least || positionals.length > most)
    throw new TypeError(
      `${positionals.length < least ? 'An argument is missing' : 'There is an argument too many'}; see --help`,
    )
  return positionals
}

const STATES: readonly string[] = ['scheduled', 'waiting', 'claimed', 'held']

/** Every message that is meant; streamed. */
export async function* select(
  store: QueueStore,
  selection: Selection,
  io: Pick<CommandIo, 'signal' | 'print'> & { now(): number },
): AsyncGenerator<QueueEntry> {
  let left = selection.limit
  for (const id of selection.ids) {
    const entry = await store.get(id)
    if (!entry) io.print(`There is no message "${id}" in the queue`)
    else if (left-- > 0) yield entry
  }
  if (!selection.matches) return
  const now = io.now()
  for await (const entry of store.list({ signal: io.signal })) {
    if (left <= 0) return
    if (!selection.matches(entry, now)) continue
    left--
    yield entry
  }
}

/** Recipients that are still to be reached, with their state. */
export function recipientsOf({ message, states }: QueueEntry) {
  return message.deliveries.flatMap((delivery, index) =>
    delivery.recipients.flatMap(({ address }, at) => {
      const state = states[index]?.recipients[at]
      return state && isPending(state) ? [{ address, state, index }] : []
    }),
  )
}

function has(text: string, part: string): boolean {
  return text.toLowerCase().includes(part.toLowerCase())
}
