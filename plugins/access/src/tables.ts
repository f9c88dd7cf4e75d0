/** Entries in directories: keys from the most particular, as far as they go. */
import {
  type Directory,
  type DirectoryDeps,
  type DirectoryEntry,
  DirectoryError,
  openDirectory,
} from '@postroad/directory'
import { type AddressParts, domainName } from '@postroad/options'
import type { Hit } from './lists.ts'
import type { AccessTable, Kind } from './options.ts'

/** Labels of a name whose parents are asked for: beyond them nobody has an entry. */
const LABELS = 8

/** All directories. */
export interface DirectoryTables {
  readonly directories: readonly Directory[]
  uses(kind: Kind): boolean
  /** Rejects when nobody could say. Undefined without asking where there is no table of the kind. */
  find(kind: Kind, keys: readonly string[]): Promise<Hit | undefined> | undefined
  close(): Promise<void>
}

/** @throws {Error} when a directory cannot be opened */
export async function openTables(options: readonly AccessTable[], deps: DirectoryDeps): Promise<DirectoryTables> {
  const tables: (AccessTable & { readonly directory: Directory })[] = []
  for (const [index, table] of options.entries()) {
    const name = options.length > 1 ? `${deps.name}-${index}` : deps.name
    tables.push({ ...table, directory: await openDirectory(table.from, { ...deps, name }) })
  }
  return {
    directories: tables.map(({ directory }) => directory),
    uses: (kind) => tables.some(({ of }) => of === kind),
    find(kind, keys) {
      const own = tables.filter(({ of }) => of === kind)
      return own.length === 0 ? undefined : firstHit(own, keys)
    },
    async close() {
      for (const { directory } of tables) await directory.close()
    },
  }
}

async function firstHit(
  tables: readonly (AccessTable & { readonly directory: Directory })[],
  keys: readonly string[],
): Promise<Hit | undefined> {
  for (const key of keys)
    for (const { directory, say } of tables) {
      const entry = await entryOf(directory, key)
      if (entry) return hitOf(entry, { key, say, name: directory.name })
    }
  return undefined
}

/** With `onError: pass` a directory that is away says nothing. */
async function entryOf(directory: Directory, key: string): Promise<DirectoryEntry | undefined> {
  try {
    return await directory.find(key)
  } catch (error) {
    if (directory.passes && error instanceof DirectoryError) return undefined
    throw error
  }
}

function hitOf(
  { values }: DirectoryEntry,
  { key, say, name }: { readonly key: string; readonly say: AccessTable['say']; readonly name: string },
): Hit {
  const value = values.join(' ').trim()
  const [word = '', ...rest] = value.split(/\s+/)
  const said = say === 'value' ? word.toLowerCase() : say
  if (said !== 'allow' && said !== 'deny')
    throw new TypeError(`access: ${name} has "${value.slice(0, 40)}" for ${key}: it must begin with "allow" or "deny"`)
  const reason = say === 'value' ? rest.join(' ') : value
  return { say: said, pattern: key, reason: reason || undefined, until: Number.POSITIVE_INFINITY }
}

/** A name, and its parents with a dot before them: `a.b.test`, `.b.test`, `.test`. */
export function nameKeys(name: string): readonly string[] {
  const domain = (domainName(name) ?? name).toLowerCase()
  const labels = domain.split('.').slice(-LABELS)
  return [domain, ...labels.slice(1).map((_, at) => `.${labels.slice(at + 1).join('.')}`)]
}

/** An address, its domain; `<>` for the null reverse-path. */
export function addressKeys(address: AddressParts | undefined): readonly string[] {
  if (!address) return ['<>']
  return [`${address.local.normalize('NFC').toLowerCase()}@${address.domain}`, `@${address.domain}`]
}
