/** A file: lines of a key and its values, in memory, read again when it changes. */
import { glob, isNetwork, NetworkTable, parseLines, watchFile } from '@postroad/options'
import { type DirectoryEntry, valueEntry } from '../entry.ts'
import type { FileFrom } from '../from.ts'
import type { DirectorySource, SourceDeps } from '../source.ts'

/** Each of them is held against a key that no other line has. */
const MOST_PATTERNS = 1_000

/** @throws {Error} naming the file, when it cannot be read now */
export async function openFile({ path, format }: FileFrom, deps: SourceDeps): Promise<DirectorySource> {
  if (format === 'cdb') return (await import('./cdb-file.ts')).openCdb(path, deps)
  const file = deps.resolve(path)
  const watched = await watchFile<Lines>({
    path: file,
    parse: format === 'patterns' ? patternsOf : entriesOf,
    onError: (error) =>
      deps.log.error({ file, error }, 'a file of a directory cannot be read, its former entries stay'),
  })
  return {
    name: `file ${path}`,
    isInMemory: true,
    find: ({ key }) => watched.value.get(key),
    close: watched.close,
  }
}

interface Lines {
  get(key: string): DirectoryEntry | undefined
}

function entriesOf(text: string): Lines {
  const entries = new Map<string, DirectoryEntry>()
  parseLines(text, ([key, ...fields]) => addTo(entries, key, fields))
  return entries
}

/** The line with the key itself, then the narrowest network, then the first pattern that fits. */
function patternsOf(text: string): Lines {
  const entries = new Map<string, DirectoryEntry>()
  const nets = new NetworkTable<DirectoryEntry>()
  const globs = new Map<string, readonly [fits: (key: string) => boolean, entry: DirectoryEntry]>()
  parseLines(text, ([key, ...fields]) => {
    const folded = fold(key)
    if (isNetwork(key) && key.includes('/')) nets.add(key, entryFor(fields))
    else if (!/[*?]/.test(key)) addTo(entries, key, fields)
    else if (globs.has(folded)) throw new TypeError(`two lines have the pattern ${key}`)
    else if (globs.set(folded, [glob(folded), entryFor(fields)]).size > MOST_PATTERNS)
      throw new TypeError(`more than ${MOST_PATTERNS} patterns`)
  })
  const ordered = [...globs.values()]
  return {
    get: (key) => entries.get(key) ?? nets.find(key) ?? ordered.find(([fits]) => fits(key))?.[1],
  }
}

function addTo(entries: Map<string, DirectoryEntry>, key: string, fields: readonly string[]): void {
  const folded = fold(key)
  if (entries.has(folded)) throw new TypeError(`two lines have the key ${key}`)
  entries.set(folded, entryFor(fields))
}

function fold(key: string): string {
  return key.normalize('NFC').toLowerCase()
}

function entryFor(fields: readonly string[]): DirectoryEntry {
  return valueEntry(fields.length === 0 ? [] : [fields.join(' ')])
}
