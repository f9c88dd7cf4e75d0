/** All entries of all sources in one table a kind: of several that fit the most particular decides, of equals the one that denies. */
import {
  type AddressParts,
  AddressTable,
  DomainTable,
  domainName,
  NetworkTable,
  parseLines,
  type WatchedFile,
  watchFile,
} from '@postroad/options'
import type { AccessEntry, AccessOptions, Kind } from './options.ts'

/** An entry that fitted. */
export interface Hit {
  readonly say: 'allow' | 'deny'
  readonly pattern: string
  readonly reason: string | undefined
  /** Milliseconds since the epoch; infinite when it does not expire. */
  readonly until: number
}

interface Source {
  readonly of: Kind
  readonly hits: readonly Hit[]
}

interface Tables {
  /** Keeps everybody out, and so those whom nobody can name: they are in no network, but in `0.0.0.0/0` and `::/0` all are meant. */
  everyone: Hit | undefined
  readonly clients: NetworkTable<Hit>
  readonly names: DomainTable<Hit>
  readonly helo: DomainTable<Hit>
  readonly senders: AddressTable<Hit>
  readonly recipients: AddressTable<Hit>
}

/** Settings of {@link openLists}. */
export interface AccessListSettings {
  readonly options: AccessOptions
  now(): number
  /** Makes a path of the configuration absolute. */
  resolve(file: string): string
  onError(file: string, error: Error): void
}

/** Tables that follow their files and their clock. */
export interface Lists {
  client(address: string): Hit | undefined
  name(name: string): Hit | undefined
  helo(name: string): Hit | undefined
  sender(address: AddressParts | undefined): Hit | undefined
  recipient(address: AddressParts): Hit | undefined
  /** Whether there may ever be an entry of that kind. */
  uses(kind: Kind): boolean
  refresh(): Promise<void>
  close(): void
}

/** @throws {Error} when a file cannot be read, or a pattern is not one */
export async function openLists({ options, now, onError, resolve }: AccessListSettings): Promise<Lists> {
  const inline = inlineSources(options)
  const files: WatchedFile<Source>[] = []
  for (const { path, of, say } of options.files) {
    const parse = (text: string) => parseEntries(text, { of, say })
    files.push(await watchFile({ path: resolve(path), parse, onError: (error) => onError(path, error) }))
  }
  let seen: readonly Source[] = []
  let tables: Tables | undefined
  const current = (): Tables => {
    if (tables && files.every((file, index) => file.value === seen[index])) return tables
    seen = files.map((file) => file.value)
    tables = build([...inline, ...seen], now())
    return tables
  }
  current()
  const look = (find: (tables: Tables) => Hit | undefined): Hit | undefined => {
    const hit = find(current())
    if (!hit || hit.until > now()) return hit
    tables = undefined // made again without what has expired
    return find(current())
  }
  return {
    client: (address) => look(({ clients, everyone }) => (address === 'unknown' ? everyone : clients.find(address))),
    name: (name) => look(({ names }) => names.find(name)),
    helo: (name) => look(({ helo }) => helo.find(domainName(name) ?? name.toLowerCase())),
    sender: (address) => look(({ senders }) => senders.find(address)?.value),
    recipient: (address) => look(({ recipients }) => recipients.find(address)?.value),
    uses: (kind) =>
      options.files.some((file) => file.of === kind) ||
      inline.some((source) => source.of === kind && source.hits.length > 0),
    refresh: async () => void (await Promise.all(files.map((file) => file.refresh()))),
    close() {
      for (const file of files) file.close()
    },
  }
}

function inlineSources({ allow, deny }: AccessOptions): readonly Source[] {
  const sources: Source[] = []
  for (const [say, lists] of [
    ['allow', allow],
    ['deny', deny],
  ] as const) {
    for (const [of, entries] of Object.entries(lists))
      sources.push({ of: of as Kind, hits: entries.map((entry) => hitOf(entry, say)) }) // the schema's keys
  }
  return sources
}

function hitOf(entry: AccessEntry, say: Hit['say']): Hit {
  if (typeof entry === 'string') return { say, pattern: entry, reason: undefined, until: Number.POSITIVE_INFINITY }
  return { say, pattern: entry.match, reason: entry.reason, until: entry.until ?? Number.POSITIVE_INFINITY }
}

function parseEntries(text: string, { of, say }: Pick<AccessOptions['files'][number], 'of' | 'say'>): Source {
  const tables = emptyTables()
  const hits = parseLines(text, ([pattern, ...fields]) => {
    const expiry = fields[0]?.startsWith('until=') ? fields.shift()?.slice(6) : undefined
    const until = expiry === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiry)
    if (Number.isNaN(until)) throw new TypeError(`not a date: until=${expiry}`)
    const hit: Hit = { say, pattern, reason: fields.join(' ') || undefined, until }
    tables[of].add(pattern, hit) // a pattern that is wrong is found when the file is read, not when the tables are made
    return hit
  })
  return { of, hits }
}

function emptyTables(): Tables {
  return {
    everyone: undefined,
    clients: new NetworkTable(),
    names: new DomainTable(),
    helo: new DomainTable(),
    senders: new AddressTable(),
    recipients: new AddressTable(),
  }
}

function build(sources: readonly Source[], now: number): Tables {
  const tables = emptyTables()
  // A later entry replaces an equal one: so denials come last.
  for (const say of ['allow', 'deny'] as const) {
    for (const { of, hits } of sources)
      for (const hit of hits) {
        if (hit.say !== say || hit.until <= now) continue
        tables[of].add(hit.pattern, hit)
        // A rule of trust never means those whom nobody can name; one that keeps all of them out does.
        if (say === 'deny' && of === 'clients' && hit.pattern.endsWith('/0')) tables.everyone = hit
      }
  }
  return tables
}
