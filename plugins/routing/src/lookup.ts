/** Tables that are elsewhere: in a file, the store, behind HTTP, or in a user's function. */
import { type Directory, type DirectoryEntry, openDirectory } from '@postroad/directory'
import { AddressTable, DomainTable, parseLines, watchFile } from '@postroad/options'
import type { Clock, Logger, Store } from '@postroad/plugin'
import type { Lookup, TableOptions } from './options.ts'
import { type Domain, readTarget } from './target.ts'

/** An address or a domain, to be looked up. */
export interface Wanted {
  readonly local: string
  readonly domain: string
}

/** What a table says. */
export interface Row {
  readonly target: Domain
  /** For the explanation of a route. */
  readonly key: string
  readonly detail: string | undefined
}

type Entry = Pick<Row, 'key' | 'target'>

/** One table. */
export interface Table {
  readonly of: TableOptions['of']
  /** Rejects when nobody can say: that is no "no". */
  find(wanted: Wanted, context: { readonly signal: AbortSignal }): Row | undefined | Promise<Row | undefined>
  refresh?(): Promise<void>
  /** Each `via` that its rows name, with the key of the first that does, as far as it can be known without asking. */
  ways?(): Iterable<{ readonly key: string; readonly via: string }>
  readonly directory?: Directory
  close?(): void | Promise<void>
}

/** What tables stand on. */
export interface TableDeps {
  readonly separator: string
  /** Of the plugin. */
  readonly name: string
  readonly log: Logger
  readonly store: Store
  readonly clock: Clock
  folder(): Promise<string>
  /** Makes a path of the configuration absolute. */
  resolve(file: string): string
  onError(table: string, error: Error): void
}

const CACHED = 10_000
/** Octets of a value: a thousand addresses, and no more than a page that is there by mistake. */
const LONGEST = 65_536
/** Milliseconds a service may take for one key; the client's patience may end before. */
const PATIENCE = 10_000

/** @throws {Error} when the file cannot be read or has what is no target, or the table is none or two at once */
export async function openTable(options: TableOptions, deps: TableDeps): Promise<Table> {
  const { file, store, http, from, lookup, of } = options
  const kinds = [file, store, http, from, lookup].filter((kind) => kind !== undefined)
  if (kinds.length !== 1)
    throw new TypeError('routing: a table needs one of "file", "store", "from", "http" and "lookup"')
  if (file !== undefined) return fileTable(file, of, deps)
  if (store !== undefined) return keyed(of, deps, (key, signal) => deps.store.get(`${store}${key}`, signal))
  if (from !== undefined) return directoryTable(of, from, deps)
  const ask = lookup ?? httpLookup(http ?? '')
  return keyed(of, deps, cached(ask, options.cache, deps.clock))
}

async function directoryTable(
  of: TableOptions['of'],
  from: NonNullable<TableOptions['from']>,
  deps: TableDeps,
): Promise<Table> {
  // Without its route a recipient of ours would be refused as somebody else's.
  if (from.onError === 'pass') throw new TypeError('routing: "onError": "pass" is not for a table of routes')
  const directory = await openDirectory(from, deps)
  const table = keyed(of, deps, async (key) => {
    const entry = await directory.find(key)
    return entry && targetIn(entry)
  })
  return { ...table, directory, close: () => directory.close() }
}

/** Fields named as in the configuration, or a text: several values are addresses. */
function targetIn({ values, fields }: DirectoryEntry): unknown {
  const text = (name: string) => fields.get(name)?.[0] || undefined
  const via = text('via')
  if (via === undefined) return values.join(' ')
  const port = text('port')
  return {
    via,
    ...(text('host') !== undefined && { host: text('host') }),
    ...(port !== undefined && { port: Number(port) }),
    ...(fields.get('to')?.length && { to: fields.get('to') }),
  }
}

async function fileTable(
  file: string,
  of: TableOptions['of'],
  { separator, onError, resolve }: TableDeps,
): Promise<Table> {
  const path = resolve(file)
  const filled = <T extends { add(pattern: string, row: Entry): void }>(text: string, table: T): Filled<T> => {
    const ways = new Map<string, string>()
    parseLines(text, ([key, ...fields]) => {
      const target = readTarget(fields.join(' '))
      if (target.route && !ways.has(target.route.via)) ways.set(target.route.via, key)
      table.add(key, { key, target })
    })
    return { table, ways }
  }
  const waysOf = ({ ways }: Filled<unknown>) => [...ways].map(([via, key]) => ({ via, key }))
  const settings = { path, onError: (error: Error) => onError(path, error) }
  if (of === 'domains') {
    const watched = await watchFile({ ...settings, parse: (text) => filled(text, new DomainTable<Entry>()) })
    const find = ({ domain }: Wanted) => withDetail(watched.value.table.find(domain), undefined)
    return { of, refresh: watched.refresh, close: watched.close, ways: () => waysOf(watched.value), find }
  }
  const watched = await watchFile({
    ...settings,
    parse: (text) => filled(text, new AddressTable<Entry>([], separator)),
  })
  const find = (wanted: Wanted) => {
    const found = watched.value.table.find(wanted)
    return withDetail(found?.value, found?.detail)
  }
  return { of, refresh: watched.refresh, close: watched.close, ways: () => waysOf(watched.value), find }
}

/** A table of a file, and the key of the first row with each `via`. */
interface Filled<T> {
  readonly table: T
  readonly ways: ReadonlyMap<string, string>
}

function withDetail(row: Entry | undefined, detail: string | undefined): Row | undefined {
  return row && { ...row, detail }
}

/** Keys are asked from the most particular: the address, without detail, its domain. */
function keyed(of: TableOptions['of'], { separator }: TableDeps, ask: Lookup): Table {
  return {
    of,
    async find({ local, domain }, { signal }) {
      if (of === 'domains') return read(domain, await ask(domain, signal))
      const folded = local.normalize('NFC').toLowerCase()
      const cut = separator === '' ? -1 : folded.indexOf(separator, 1)
      const own = read(`${folded}@${domain}`, await ask(`${folded}@${domain}`, signal))
      if (own) return own
      const base = folded.slice(0, Math.max(cut, 0))
      const known = cut < 0 ? undefined : read(`${base}@${domain}`, await ask(`${base}@${domain}`, signal))
      if (known) return { ...known, detail: local.slice(cut + separator.length) }
      return read(`@${domain}`, await ask(`@${domain}`, signal))
    },
  }
}

function read(key: string, value: unknown): Row | undefined {
  return value === undefined || value === null || value === ''
    ? undefined
    : { key, target: readTarget(value), detail: undefined }
}

function httpLookup(url: string): Lookup {
  return async (key, signal) => {
    const within = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)])
    const response = await fetch(url.replaceAll('{key}', encodeURIComponent(key)), {
      signal: within,
      redirect: 'error',
    })
    if (response.status === 404) {
      await response.body?.cancel()
      return undefined
    }
    if (response.status !== 200) throw new Error(`HTTP status ${response.status} of a routing table`)
    return (await textOf(response)).trim()
  }
}

/** @throws {Error} when it is too long; the rest is not waited for */
async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body ?? []) {
    length += chunk.length
    if (length > LONGEST) throw new Error(`more than ${LONGEST} octets from a routing table`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** Keeps answers, also those that there is none; never errors. */
function cached(ask: Lookup, ttl: number, clock: Clock): Lookup {
  const kept = new Map<string, { readonly value: unknown; readonly until: number }>()
  return async (key, signal) => {
    const known = kept.get(key)
    if (known && known.until > clock.now()) return known.value
    const value = await ask(key, signal)
    kept.delete(key)
    kept.set(key, { value, until: clock.now() + ttl })
    const [oldest] = kept.keys()
    if (kept.size > CACHED && oldest !== undefined) kept.delete(oldest)
    return value
  }
}
