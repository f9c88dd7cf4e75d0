/** A file of entries that an operator edits while the server runs. */
import { readFile, stat } from 'node:fs/promises'

/** Milliseconds between looks at the file. */
const INTERVAL = 2_000

/** Settings of {@link watchFile}. */
export interface WatchOptions<T> {
  readonly path: string
  /** Makes the value of the file's text. Must throw when the text is wrong. */
  parse(text: string): T
  /** The file cannot be read, or is wrong now; the value stays what it was. */
  onError(error: Error): void
}

/** What is in the file now. */
export interface WatchedFile<T> {
  readonly value: T
  /** Looks at once; resolves when the value is that of the file. */
  refresh(): Promise<void>
  close(): void
}

/**
 * Reads a file now, and again whenever it has changed; half of an edit never counts, because a file that is wrong leaves
 * the value as it was.
 *
 * @throws {Error} when it cannot be read now, or is wrong
 */
export async function watchFile<T>({ path, parse, onError }: WatchOptions<T>): Promise<WatchedFile<T>> {
  let version = await versionOf(path)
  let value = parse(await readFile(path, 'utf8'))
  const refresh = async (): Promise<void> => {
    try {
      const present = await versionOf(path)
      if (present === version) return
      value = parse(await readFile(path, 'utf8'))
      version = present
    } catch (error) {
      onError(error instanceof Error ? error : new Error(String(error)))
    }
  }
  const timer = setInterval(refresh, INTERVAL).unref()
  return {
    get value() {
      return value
    },
    refresh,
    close: () => clearInterval(timer),
  }
}

async function versionOf(path: string): Promise<string> {
  const { mtimeNs, size, ino } = await stat(path, { bigint: true })
  return `${mtimeNs} ${size} ${ino}`
}

/**
 * The entries of a list: one a line, `#` begins a comment line, fields are parted by spaces or tabs.
 *
 * @example parseLines('# ours\n192.0.2.0/24  office\n') // [['192.0.2.0/24', 'office']]
 */
export function parseLines(text: string): readonly (readonly [key: string, ...fields: string[]])[] {
  const entries: [string, ...string[]][] = []
  for (const line of text.split(/\r?\n/)) {
    const [key, ...fields] = line.trim().split(/[ \t]+/)
    if (key && !key.startsWith('#')) entries.push([key, ...fields])
  }
  return entries
}
