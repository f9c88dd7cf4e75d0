/** A file: lines of a key and its values, in memory, read again when it changes. */
import { parseLines, watchFile } from '@postroad/options'
import { type DirectoryEntry, valueEntry } from '../entry.ts'
import type { From } from '../from.ts'
import type { DirectorySource, SourceDeps } from '../source.ts'

/** @throws {Error} naming the file, when it cannot be read now */
export async function openFile(
  { path }: NonNullable<From['file']>,
  { log, resolve }: SourceDeps,
): Promise<DirectorySource> {
  const file = resolve(path)
  const watched = await watchFile({
    path: file,
    parse: entriesOf,
    onError: (error) => log.error({ file, error }, 'a file of a directory cannot be read, its former entries stay'),
  })
  return {
    name: `file ${path}`,
    find: ({ key }) => watched.value.get(key),
    close: watched.close,
  }
}

function entriesOf(text: string): ReadonlyMap<string, DirectoryEntry> {
  const entries = new Map<string, DirectoryEntry>()
  parseLines(text, ([key, ...fields]) => {
    const folded = key.normalize('NFC').toLowerCase()
    if (entries.has(folded)) throw new TypeError(`two lines have the key ${key}`)
    entries.set(folded, valueEntry(fields.length === 0 ? [] : [fields.join(' ')]))
  })
  return entries
}
