/** Which messages a command means, from its arguments. */
import { parseArgs } from 'node:util'
import { isQueueId } from '@postroad/mail'
import { parseDuration } from '@postroad/options'
import { type QueueFilter, STATES } from '../operate/filter.ts'

/** Arguments of a command that speaks of messages. */
export interface Selection {
  readonly filter: QueueFilter
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
  const { from, to, domain, state, older, reason, all } = values
  const limit = values.limit === undefined ? Number.POSITIVE_INFINITY : Number(values.limit)
  if (!(limit >= 1)) throw new TypeError(`--limit takes a number from 1 on, not "${values.limit}"`)
  const age = older === undefined ? undefined : parseDuration(older)
  if (older !== undefined && age === undefined)
    throw new TypeError(`--older takes a time such as 90s, 15m, 4h or 5d, not "${older}"`)
  if (state !== undefined && !STATES.includes(state))
    throw new TypeError(`--state takes one of ${STATES.join(', ')}, not "${state}"`)
  const properties = { from, to, domain, state, olderMs: age, reason, ...(all && { all: true as const }) }
  const hasProperties = Object.values(properties).some((value) => value !== undefined)
  // "These, and all that match" is not what one expects of `delete`, and neither is "these, if they match".
  if (hasProperties && positionals.length > 0) throw new TypeError('Give queue ids or filters, not both')
  return { filter: positionals.length > 0 ? { ids: positionals } : properties, limit, text: values.text }
}

/** A change must say to what: no arguments are a mistake, not "everything". @throws {TypeError} as {@link parseSelection} */
export function parseNamed(args: readonly string[]): Selection {
  const selection = parseSelection(args)
  if (Object.values(selection.filter).every((value) => value === undefined))
    throw new TypeError('Which messages? Give queue ids, a filter, or --all')
  return selection
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
  return { selection: parseNamed(own), via, dryRun }
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
