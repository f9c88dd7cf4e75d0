/** The rows of Now: transactions as they happen, newest first, a bounded number of them. Knows nothing of how they are drawn. */
import type { ApiEvent, ApiShape } from '@postroad/admin-api'
import { type CellState, cellOf, cellsOf, keyOf, type Stage } from './road.ts'

/** One event, as it came. */
export interface Arrived {
  readonly name: string
  // biome-ignore lint/suspicious/noExplicitAny: the shape is that of the schema for its name; who takes it says which
  readonly data: any
}

/** Rows that are kept. */
export const MOST = 10_000
/** Seconds of the pulse. */
const PULSE = 60

/** One transaction. Changed in place while it is under way; `version` counts the changes. */
export interface Tx {
  /** The session's own until MAIL, and then `SESSION.n`. */
  id: string
  at: number
  version: number
  isOpen: boolean
  /** The hook that was reached. */
  hook: string | undefined
  remote: string
  from: string | undefined
  to: string[]
  row: ApiShape<'row'> | undefined
  record: ApiShape<'record'> | undefined
  cells: Map<string, CellState>
  /** All that a filter looks at, in small letters. */
  text: string
}

/** How many ended in one second. */
export interface Beat {
  ok: number
  quarantine: number
  defer: number
  reject: number
}

const BEATS: Readonly<Record<string, keyof Beat>> = {
  accepted: 'ok',
  discarded: 'ok',
  quarantined: 'quarantine',
  deferred: 'defer',
  refused: 'reject',
}

/** The rows, and what has come since one looked away. */
export class Traffic {
  /** Newest first. */
  list: Tx[] = []
  /** Came while the list was held. */
  waiting: Tx[] = []
  /** Columns that said something, for servers with many plugins. */
  readonly said = new Set<string>()
  /** Rows that the server left out because we were slow. */
  skipped = 0
  /** Rows that nobody could have read, in the last of {@link sampledAt}. */
  sampled = 0
  sampledAt = 0
  stages: readonly Stage[] = []
  #byId = new Map<string, Tx>()
  /** What was said of a session before its transactions: each of these has passed it. */
  #sessions = new Map<string, { readonly remote: string; readonly cells: Map<string, CellState> }>()
  #beats = new Map<number, Beat>()

  /** Takes a batch of events. `isHeld`: new rows are counted and not shown. */
  take(events: readonly Arrived[], isHeld: boolean): void {
    const fresh: Tx[] = []
    for (const { name, data } of events) {
      if (name === 'open') this.#open(data, fresh)
      else if (name === 'hook') this.#hook(data, fresh)
      else if (name === 'end') this.#end(data, fresh)
      else if (name === 'skipped') this.skipped += data.count
      else if (name === 'sampled') this.#sampled(data)
    }
    if (fresh.length > 0) this.waiting = this.#bound([...fresh.reverse(), ...this.waiting])
    if (!isHeld) this.show()
  }

  /** Shows what waited. */
  show(): void {
    if (this.waiting.length === 0) return
    this.list = this.#bound([...this.waiting, ...this.list])
    this.waiting = []
  }

  /** What there was before the page was opened, or while the stream was not. */
  fill(rows: readonly ApiShape<'row'>[], records: readonly ApiShape<'record'>[] = []): void {
    const fresh = rows.flatMap((row, n) =>
      this.#byId.has(row.id) ? [] : [this.#add({ id: row.id, at: row.at, remote: row.remote }, [], row, records[n])],
    )
    if (fresh.length === 0) return
    this.list = this.#bound([...this.list, ...fresh].sort((a, b) => b.at - a.at))
  }

  find(id: string): Tx | undefined {
    return this.#byId.get(id)
  }

  /** The last minute, a second each; the present second is not over and is left out. */
  pulse(now = Date.now()): readonly Beat[] {
    const second = Math.floor(now / 1_000)
    for (const key of this.#beats.keys()) if (key < second - PULSE - 1) this.#beats.delete(key)
    const none: Beat = { ok: 0, quarantine: 0, defer: 0, reject: 0 }
    return Array.from({ length: PULSE }, (_, n) => this.#beats.get(second - PULSE + n) ?? none)
  }

  /** A row of its own again for every transaction: the columns have changed. */
  setStages(stages: readonly Stage[]): void {
    this.stages = stages
    for (const tx of this.#byId.values()) {
      if (tx.record !== undefined) tx.cells = cellsOf(tx.record, stages)
      tx.version += 1
    }
  }

  /** Forgets the oldest of too many. */
  #bound(list: Tx[]): Tx[] {
    for (const gone of list.splice(MOST)) this.#byId.delete(gone.id)
    return list
  }

  #open({ id, at, remote }: ApiEvent<'open'>, fresh: Tx[]): void {
    if (this.#byId.has(id)) return
    this.#add({ id, at, remote }, fresh)
    this.#sessions.set(id, { remote, cells: new Map() })
    if (this.#sessions.size > MOST)
      for (const oldest of this.#sessions.keys()) return void this.#sessions.delete(oldest)
  }

  /** The row of a transaction. The first of a session is the row that the session had; those after it begin with what was said of the session. */
  #find(id: string, at: number, fresh: Tx[]): Tx {
    const known = this.#byId.get(id)
    if (known !== undefined) return known
    const session = id.replace(/\.\d+$/, '')
    const before = this.#byId.get(session)
    if (before?.isOpen) {
      this.#byId.delete(session)
      this.#byId.set(id, before)
      before.id = id
      return before
    }
    const said = this.#sessions.get(session)
    const tx = this.#add({ id, at, remote: said?.remote ?? '' }, fresh)
    if (said !== undefined) tx.cells = new Map(said.cells)
    return tx
  }

  /** Rows of clients of whom nothing was heard any more: the stream was cut, or their end was left out. */
  forget(before: number): void {
    const isStale = (tx: Tx): boolean => tx.isOpen && tx.at < before
    if (!this.list.some(isStale)) return
    for (const tx of this.list) if (isStale(tx)) this.#byId.delete(tx.id)
    this.list = this.list.filter((tx) => !isStale(tx))
  }

  #hook(data: ApiEvent<'hook'>, fresh: Tx[]): void {
    // Said of the session again, when its row is that of its first transaction.
    if (this.#sessions.has(data.id) && !this.#byId.has(data.id)) return
    const tx = this.#find(data.id, data.at, fresh)
    tx.hook = data.hook
    tx.version += 1
    if (data.from !== undefined) tx.from = data.from
    if (data.to !== undefined && !tx.to.includes(data.to)) tx.to.push(data.to)
    for (const { plugin, ms, opinions } of data.runs) {
      const cell = cellOf(opinions, ms)
      const key = keyOf({ hook: data.hook, plugin })
      tx.cells.set(key, cell)
      this.#sessions.get(data.id)?.cells.set(key, cell)
      if (cell.kind !== 'silent') this.said.add(key)
    }
  }

  #end({ row, record }: ApiEvent<'end'>, fresh: Tx[]): void {
    const tx = this.#find(row.id, row.at, fresh)
    finish(tx, row, record, this.stages)
    for (const opinion of record.opinions ?? []) this.said.add(keyOf(opinion))
    this.#beat(Math.floor(Date.now() / 1_000), row.outcome, 1)
  }

  /** What is no row counts in the pulse all the same. */
  #sampled({ count, outcomes }: ApiEvent<'sampled'>): void {
    const now = Date.now()
    this.sampled = count
    this.sampledAt = now
    // It is said at the end of the second that it tells of.
    for (const [outcome, some] of Object.entries(outcomes)) this.#beat(Math.floor(now / 1_000) - 1, outcome, some)
  }

  #beat(second: number, outcome: string, count: number): void {
    let beat = this.#beats.get(second)
    if (beat === undefined) this.#beats.set(second, (beat = { ok: 0, quarantine: 0, defer: 0, reject: 0 }))
    const kind = BEATS[outcome]
    if (kind !== undefined) beat[kind] += count
  }

  #add(
    { id, at, remote }: { id: string; at: number; remote: string },
    fresh: Tx[],
    row?: ApiShape<'row'>,
    record?: ApiShape<'record'>,
  ): Tx {
    const tx: Tx = {
      id,
      at,
      remote,
      version: 0,
      isOpen: row === undefined,
      hook: undefined,
      from: undefined,
      to: [],
      row,
      record: undefined,
      cells: new Map(),
      text: '',
    }
    if (row !== undefined) finish(tx, row, record, this.stages)
    this.#byId.set(id, tx)
    fresh.push(tx)
    return tx
  }
}

function finish(tx: Tx, row: ApiShape<'row'>, record: ApiShape<'record'> | undefined, stages: readonly Stage[]): void {
  tx.isOpen = false
  tx.row = row
  tx.version += 1
  tx.remote = row.remote
  tx.from = row.from
  tx.to = row.to
  tx.text = textOf(row)
  if (record !== undefined) {
    tx.record = record
    tx.cells = cellsOf(record, stages)
  }
  // A row of the past has no opinions, but for the one that turned the mail away.
  const { stop } = row
  if (stop?.plugin !== undefined && record === undefined)
    tx.cells = new Map([
      [keyOf({ hook: stop.hook, plugin: stop.plugin }), { kind: row.outcome === 'deferred' ? 'defer' : 'reject' }],
    ])
}

function textOf({ id, from, to, remote, reply, subject, messageId, stop, outcome }: ApiShape<'row'>): string {
  return [id, from, ...to, remote, reply, subject, messageId, stop?.plugin, stop?.hook, outcome].join(' ').toLowerCase()
}

/** Whether a row meets all words and the outcome; `5xx` is any reply that begins with 5. */
export function fits(tx: Tx, words: readonly string[], outcome: string): boolean {
  if (outcome === 'shadow' && tx.row?.shadow !== true) return false
  if (outcome === 'failed' && tx.row?.failed !== true) return false
  if (outcome !== 'all' && outcome !== 'shadow' && outcome !== 'failed' && tx.row?.outcome !== outcome) return false
  return words.every((word) => {
    if (/^[245]xx$/.test(word)) return tx.row?.reply[0] === word[0]
    if (tx.row === undefined) return `${tx.id} ${tx.from} ${tx.to.join(' ')} ${tx.remote}`.toLowerCase().includes(word)
    return (
      tx.text.includes(word) ||
      [...tx.cells].some(([key, { kind }]) => kind !== 'silent' && kind !== 'accept' && key.includes(word))
    )
  })
}
