/** The road of a transaction: one cell a plugin and hook, in the order of the protocol and of the waves, up to where the mail ended. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'

/** What can stand in a cell of the road. */
export type CellKind =
  | 'accept'
  | 'silent'
  | 'points'
  | 'defer'
  | 'reject'
  | 'quarantine'
  | 'discard'
  | 'fail'
  | 'under-way'
  | 'none'

/** One column: a plugin at a hook. */
export interface Column {
  readonly hook: string
  readonly plugin: string
  readonly isShadow: boolean
}

/** A hook and its columns. `from` is the index of the first. */
export interface Stage {
  readonly hook: string
  readonly columns: readonly Column[]
  readonly from: number
  /** Plugins that had nothing to say and are not drawn. */
  readonly hidden: number
}

/** One cell. */
export interface CellState {
  readonly kind: CellKind
  readonly points?: number
  readonly isShadow?: boolean
  readonly ms?: number
  readonly text?: string
}

/** Hooks that judge a mail or take it; those that only hear of it are no part of the road. */
export const ROAD = [
  'connect',
  'helo',
  'auth',
  'mail',
  'rcpt',
  'route',
  'nexthop',
  'data',
  'message',
  'quarantine',
  'queue',
] as const

/** What the client sees as one: RCPT asks for the route too, and mail is taken by the queue or the quarantine. */
const PART_OF: Readonly<Record<string, string>> = { route: 'rcpt', nexthop: 'rcpt', queue: 'quarantine' }

/** More columns than this, and only those are drawn that had something to say. */
const MOST_COLUMNS = 24

/** The columns of a server, from what it explains. Scopes are laid over each other: a plugin has one column a hook, whatever scope uses it. */
export function stagesOf(explain: ApiAnswer<'explain'>, said: ReadonlySet<string>): readonly Stage[] {
  const scopes = explain.scopes.filter((scope) => scope.listeners.some(({ protocol }) => protocol !== 'http'))
  const all = ROAD.map((hook) => {
    const columns = new Map<string, Column>()
    for (const scope of scopes)
      for (const { plugin, mode } of (scope.hooks[hook] ?? []).flat())
        if (!columns.has(plugin)) columns.set(plugin, { hook, plugin, isShadow: mode === 'shadow' })
    return { hook, columns: [...columns.values()] }
  }).filter(({ columns }) => columns.length > 0)
  const isMany = all.reduce((sum, { columns }) => sum + columns.length, 0) > MOST_COLUMNS
  const stages: Stage[] = []
  let from = 0
  for (const { hook, columns } of all) {
    const shown = isMany ? columns.filter((column) => said.has(keyOf(column))) : columns
    const last = stages.at(-1)
    if (last !== undefined && (PART_OF[hook] ?? hook) === last.hook)
      stages[stages.length - 1] = {
        ...last,
        columns: [...last.columns, ...shown],
        hidden: last.hidden + columns.length - shown.length,
      }
    else if (shown.length > 0) stages.push({ hook, columns: shown, from, hidden: columns.length - shown.length })
    from += shown.length
  }
  return stages
}

/** A column as a key of maps. */
export const keyOf = ({ hook, plugin }: { readonly hook: string; readonly plugin: string }): string =>
  `${hook} ${plugin}`

const GRAVITY: readonly CellKind[] = [
  'none',
  'silent',
  'accept',
  'points',
  'fail',
  'quarantine',
  'discard',
  'defer',
  'reject',
]

/** What a plugin said at a hook, as one cell: the gravest of its opinions, and the sum of its points. */
export function cellOf(opinions: readonly ApiShape<'opinion'>[], ms?: number): CellState {
  let cell: CellState = { kind: 'silent' }
  let points = 0
  for (const opinion of opinions) {
    const kind = kindOf(opinion)
    points += kind === 'points' ? (opinion.points ?? 0) : 0
    const isGraver = GRAVITY.indexOf(kind) > GRAVITY.indexOf(cell.kind)
    if (isGraver || (cell.isShadow && !opinion.shadow)) {
      const text = opinion.reason ?? opinion.text
      cell = { kind, ...(opinion.shadow && { isShadow: true }), ...(text !== undefined && { text }) }
    }
  }
  return { ...cell, ...(cell.kind === 'points' && { points }), ...(ms !== undefined && { ms }) }
}

function kindOf({ kind, points }: ApiShape<'opinion'>): CellKind {
  switch (kind) {
    case 'accept':
    case 'defer':
    case 'reject':
    case 'quarantine':
    case 'discard':
      return kind
    case 'suspicion':
    case 'suspect':
    case 'points':
      return (points ?? 0) === 0 ? 'silent' : 'points'
    case 'error':
    case 'late':
    case 'fail':
      return 'fail'
    default:
      return 'silent'
  }
}

/** Cells of a finished transaction, from its canonical record: a plugin that ran and said nothing is a point. */
export function cellsOf(record: ApiShape<'record'>, stages: readonly Stage[]): Map<string, CellState> {
  const said = new Map<string, ApiShape<'opinion'>[]>()
  for (const opinion of record.opinions ?? []) {
    const key = keyOf(opinion)
    const list = said.get(key)
    if (list === undefined) said.set(key, [opinion])
    else list.push(opinion)
  }
  const cells = new Map<string, CellState>()
  const reached = ROAD.indexOf(reachedBy(record))
  const timed = new Set<string>()
  for (const { columns } of stages)
    for (const column of columns) {
      const key = keyOf(column)
      const opinions = said.get(key)
      const whole = record.plugins?.[column.plugin]
      const isSilent = opinions === undefined && (whole === undefined || hookAt(column) > reached)
      if (isSilent) continue
      // Milliseconds are those of the plugin at all its hooks: they stand once.
      const ms = timed.has(column.plugin) ? undefined : whole
      timed.add(column.plugin)
      cells.set(
        key,
        opinions === undefined ? { kind: 'silent', ...(ms !== undefined && { ms }) } : cellOf(opinions, ms),
      )
    }
  if (record.queue !== undefined)
    cells.set(`queue ${record.queue}`, { ...cells.get(`queue ${record.queue}`), kind: 'accept' })
  return cells
}

const hookAt = ({ hook }: Column): number => (ROAD as readonly string[]).indexOf(hook)

/** How far a transaction came: a record has the milliseconds of a plugin, and not at which of its hooks they were. */
function reachedBy({ reply, size, to, refused, from, opinions }: ApiShape<'record'>): (typeof ROAD)[number] {
  if ([reply].flat().some((one) => one?.startsWith('2'))) return 'queue'
  if ((size ?? 0) > 0) return 'message'
  const spoken = ROAD.findLast((hook) => opinions?.some((one) => one.hook === hook && one.kind !== 'facts'))
  const known = (to ?? []).length > 0 ? 'nexthop' : Array.isArray(refused) && refused.length > 0 ? 'rcpt' : from === undefined ? 'helo' : 'mail' // biome-ignore format: a table
  return spoken !== undefined && ROAD.indexOf(spoken) > ROAD.indexOf(known) ? spoken : known
}

/** What the cells say, for who cannot see them: `dnsbl: refused, helo: 1 points`. */
export function roadInWords(cells: ReadonlyMap<string, CellState>): string {
  const WORDS: Partial<Record<CellKind, string>> = {
    defer: 'deferred',
    reject: 'refused',
    quarantine: 'quarantined',
    discard: 'discarded',
    fail: 'failed',
  }
  const list = [...cells].flatMap(([key, { kind, points, isShadow }]) => {
    const word = kind === 'points' ? `${points} points` : WORDS[kind]
    return word === undefined ? [] : [`${key.split(' ')[1]}: ${isShadow ? 'in shadow, ' : ''}${word}`]
  })
  return list.join(', ') || 'no objections'
}
