/** What a directory knows of a key, whatever keeps it. */

/** One entry: what was found. */
export interface DirectoryEntry {
  /** All that the first field has, in order: addresses of an alias, the way of a route, or nothing but that the key is there. */
  readonly values: readonly string[]
  /** Columns of a row, attributes, members of a hash or of a JSON object: by name in lower case. */
  readonly fields: ReadonlyMap<string, readonly string[]>
}

/** What is asked: all of it, and its parts when it is an address. */
export interface Key {
  readonly key: string
  /** All of it where there is no `@`. */
  readonly local: string
  /** Empty where there is no `@`. */
  readonly domain: string
}

/** @example keyOf('a@example.com') // { key: 'a@example.com', local: 'a', domain: 'example.com' } */
export function keyOf(key: string): Key {
  const at = key.lastIndexOf('@')
  return at < 0 ? { key, local: key, domain: '' } : { key, local: key.slice(0, at), domain: key.slice(at + 1) }
}

/** An entry of fields; `values` are those of the first. */
export function entryOf(fields: Iterable<readonly [name: string, values: readonly string[]]>): DirectoryEntry {
  const map = new Map<string, readonly string[]>()
  for (const [name, values] of fields) map.set(name.toLowerCase(), values)
  const [first = []] = map.values()
  return { values: first, fields: map }
}

/** An entry of one field, called `value`. */
export function valueEntry(values: readonly string[]): DirectoryEntry {
  return entryOf([['value', values]])
}

/** Texts of what a database, a JSON object or a hash has in one place; nothing of what is null. */
export function textsOf(value: unknown): readonly string[] {
  if (value === null || value === undefined) return []
  if (Array.isArray(value)) return value.flatMap(textsOf)
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('utf8')]
  return [typeof value === 'object' ? JSON.stringify(value) : String(value)]
}

/** One entry of several rows: the values of each column, row after row, each once. */
export function rowsEntry(rows: readonly Readonly<Record<string, unknown>>[]): DirectoryEntry | undefined {
  const [first] = rows
  if (!first) return undefined
  return entryOf(Object.keys(first).map((name) => [name, [...new Set(rows.flatMap((row) => textsOf(row[name])))]]))
}

/** As it is kept between runs, and read again. */
export type PlainEntry = readonly (readonly [name: string, values: readonly string[]])[]

/** Plain data of an entry. */
export function plainOf({ fields }: DirectoryEntry): PlainEntry {
  return [...fields]
}
