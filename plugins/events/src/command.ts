/** `postroad events list`, `status`, `dead`, `retry`, `replay`, `enable`, `new-secret`. */
import { suggestion } from '@postroad/options'
import type { CommandIo, PluginCommand } from '@postroad/plugin'
import { type MailOutbox, type Outbox, readEvent } from '@postroad/queue-engine'
import { parseArguments, type Values } from './arguments.ts'
import { ASKED, type AskedNote, CURSOR, type DeadNote, deadPrefix, noteAt, OFF, type OffNote } from './notes.ts'
import { type EventsOptions, KINDS, type ToldEvent } from './options.ts'
import { type ParkedNote, parkPrefix, positionOf, sortable } from './parked.ts'
import { makeSecret } from './signature.ts'

/** What the commands work on. */
export interface CommandedEvents {
  readonly options: EventsOptions
  readonly outbox: MailOutbox
  now(): number
}

interface Given {
  readonly values: Values
  /** The endpoints that are meant. */
  readonly endpoints: readonly string[]
}

type Run = (outbox: Outbox, given: Given, io: CommandIo) => Promise<number | void>

const USAGE = 64
/** Rows of a list, unless more are wanted. */
const ROWS = 100
const PAGE = 500

/** The commands. */
export function eventCommands(events: CommandedEvents): Readonly<Record<string, PluginCommand>> {
  const command = (summary: string, usage: string, run: Run, onlyLooks = false): PluginCommand => ({
    summary,
    usage,
    ...(onlyLooks && { onlyLooks }),
    async run(args, io) {
      const given = understood(args, events, io)
      return given ? run(await events.outbox.open(), given, io) : USAGE
    },
  })
  return {
    list: command('Lists events, oldest first', '[--since TIME] [--kind KIND] [--message ID] [--limit N]', list, true),
    status: command(
      'Shows each endpoint: where it is, what waits, and what is dead',
      '[endpoint…]',
      (outbox, given, io) => status(outbox, given, io, events.now()),
      true,
    ),
    dead: command('Lists dead letters: events that were given up', '[endpoint…] [--limit N]', dead, true),
    retry: command(
      'Tries dead letters again: those with these ids, or all',
      '[endpoint…] --all | --event ID',
      (outbox, given, io) => retry(outbox, given, io, events.now()),
    ),
    replay: command('Tells endpoints again what has happened since a time', '[endpoint…] --since TIME', replay),
    enable: command('Begins again with endpoints that wanted no more events (410)', '<endpoint…>', enable),
    'new-secret': {
      summary: 'Prints a new secret for signatures',
      onlyLooks: true,
      async run(_, io) {
        io.print(makeSecret())
      },
    },
  }
}

function understood(args: readonly string[], { options, now }: CommandedEvents, io: CommandIo): Given | undefined {
  const parsed = parseArguments(args, { now: now(), kinds: KINDS })
  if ('mistake' in parsed) {
    io.print(parsed.mistake)
    return undefined
  }
  const names = options.endpoints.map(({ name }) => name)
  const wrong = parsed.words.find((word) => !names.includes(word))
  if (wrong !== undefined) {
    const meant = suggestion(wrong, names)
    io.print(
      `There is no endpoint "${wrong}"; there are ${names.join(', ')}${meant === undefined ? '' : `. Did you mean "${meant}"?`}`,
    )
    return undefined
  }
  return { values: parsed.values, endpoints: parsed.words.length === 0 ? names : parsed.words }
}

const list: Run = async (outbox, { values }, io) => {
  const { since, kind, message, limit = ROWS } = values
  let rows = 0
  for (let after = since === undefined ? undefined : before(since); !io.signal.aborted; ) {
    const page = await outbox.read({ after, limit: PAGE })
    for (const { position, event } of page) {
      after = position
      const { id, kind: own, payload } = readEvent(event)
      if (kind !== undefined && own !== kind) continue
      const { timestamp, data }: ToldEvent = JSON.parse(payload) // the queue wrote it
      if (message !== undefined && data['message'] !== message && data['transaction'] !== message) continue
      if (rows++ >= limit) {
        io.print(`There are more: --limit ${limit * 10}`)
        return 0
      }
      io.row({
        id,
        time: timestamp,
        kind: own,
        message: textOf(data['message'] ?? data['transaction']),
        to: data.to.slice(0, 3).join(','),
        reply: replyOf(data['reply']),
      })
    }
    if (page.length < PAGE) break
  }
  return 0
}

async function status(outbox: Outbox, { endpoints }: Given, io: CommandIo, now: number): Promise<void> {
  for (const name of endpoints) {
    const cursor = await noteAt(outbox, CURSOR + name)
    const off = await noteAt(outbox, OFF + name)
    const [next] = cursor === undefined ? [] : await outbox.read({ after: cursor, limit: 1 })
    const why: OffNote | undefined = off === undefined ? undefined : JSON.parse(off)
    io.row({
      endpoint: name,
      state: why ? `off: ${why.why}` : cursor === undefined ? 'new' : 'on',
      told: toldUpTo(cursor),
      behind: next ? `${Math.max(0, Math.round((now - Number.parseInt(next.position, 10)) / 1_000))} s` : '0 s',
      parked: (await outbox.notes(parkPrefix(name))).length,
      dead: (await outbox.notes(deadPrefix(name))).length,
    })
  }
  const { events, octets, first } = await outbox.size()
  io.print(
    `${events} events in ${octets} octets${first === undefined ? '' : `, since ${timeOf(Number.parseInt(first, 10))}`}`,
  )
}

const dead: Run = async (outbox, { endpoints, values: { limit = ROWS } }, io) => {
  for (const name of endpoints)
    for (const [, value] of await outbox.notes(deadPrefix(name), { limit })) {
      const { event, attempts, since, why }: DeadNote = JSON.parse(value) // the teller wrote it
      const { id, kind, payload } = readEvent(event)
      const { data }: ToldEvent = JSON.parse(payload)
      io.row({
        endpoint: name,
        id,
        kind,
        message: textOf(data['message'] ?? data['transaction']),
        since: timeOf(since),
        attempts,
        why,
      })
    }
}

async function retry(
  outbox: Outbox,
  { endpoints, values: { all, event } }: Given,
  io: CommandIo,
  now: number,
): Promise<number> {
  if (all !== true && event === undefined) {
    io.print('Which? Say --all, or --event ID as `postroad events dead` shows it')
    return USAGE
  }
  let count = 0
  for (const name of endpoints) {
    const prefix = deadPrefix(name)
    const changes: [string, string | undefined][] = []
    for (const [key, value] of await outbox.notes(prefix)) {
      const note: DeadNote = JSON.parse(value)
      if (event !== undefined && readEvent(note.event).id !== event) continue
      const parked: ParkedNote = { event: note.event, attempts: 0, at: now, why: note.why }
      changes.push(
        [key, undefined],
        [parkPrefix(name) + sortable(positionOf(key.slice(prefix.length))), JSON.stringify(parked)],
      )
      count++
    }
    if (changes.length > 0) await outbox.note([...changes, await asking(outbox, name, { reload: true })])
  }
  io.row({ retried: count })
  if (count === 0) io.print('There is no such dead letter')
  return count === 0 ? 1 : 0
}

const replay: Run = async (outbox, { endpoints, values: { since } }, io) => {
  if (since === undefined) {
    io.print('Since when? Say --since 2026-11-30T12:00:00Z, or --since "2 h" for what happened in the last two hours')
    return USAGE
  }
  const { first } = await outbox.size()
  if (first !== undefined && Number.parseInt(first, 10) > since)
    io.print(`Nothing is kept from before ${timeOf(Number.parseInt(first, 10))}: it begins there`)
  for (const name of endpoints) {
    await outbox.note([await asking(outbox, name, { seek: before(since) })])
    io.row({ endpoint: name, since: timeOf(since) })
  }
  return 0
}

const enable: Run = async (outbox, { endpoints }, io) => {
  let missing = 0
  for (const name of endpoints) {
    const wasOff = (await noteAt(outbox, OFF + name)) !== undefined
    if (wasOff) await outbox.note([await asking(outbox, name, { enable: true })])
    else missing++
    io.row({ endpoint: name, enabled: wasOff })
  }
  return missing === endpoints.length ? 1 : 0
}

/** A wish to whoever tells, with those that are not heard yet. */
async function asking(outbox: Outbox, name: string, wish: AskedNote): Promise<[string, string]> {
  const known = await noteAt(outbox, ASKED + name)
  const asked: AskedNote = known === undefined ? {} : JSON.parse(known)
  return [ASKED + name, JSON.stringify({ ...asked, ...wish })]
}

/** A position before all of that moment. */
function before(ms: number): string {
  return `${Math.max(0, Math.floor(ms) - 1)}-999999999`
}

/** A cursor at the beginning is of who was told nothing. */
function toldUpTo(cursor: string | undefined): string {
  const ms = cursor === undefined ? 0 : Number.parseInt(cursor, 10)
  return ms > 0 ? timeOf(ms) : 'never'
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function replyOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('code' in value)) return undefined
  const { code, text } = value as { readonly code: unknown; readonly text?: unknown }
  return `${code} ${textOf(text)}`.slice(0, 80)
}
