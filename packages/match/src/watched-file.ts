/** A file of entries that an operator edits while the server runs. */
import { readFile, stat } from 'node:fs/promises'

/** Milliseconds between looks at the file. */
const INTERVAL = 2_000

/** Settings of {@link watchFile}. */
export interface WatchOptions<T> {
  readonly path: string
  /** Makes the value of the file's text. Must throw when the text is wrong. */
  parse(text: string): T
  /** The text of a file that is not there. Absent: that is an error. */
  readonly absent?: string
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
export async function watchFile<T>({ path, parse, onError, absent }: WatchOptions<T>): Promise<WatchedFile<T>> {
  const first = await read(path, absent, undefined)
  let { version } = first
  let value = parse(first.text)
  const refresh = async (): Promise<void> => {
    try {
      const present = await read(path, absent, version)
      if (present.version === version) return
      value = parse(present.text)
      version = present.version
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

/** The text is read only when it is not the version that is known. */
async function read(
  path: string,
  absent: string | undefined,
  known: string | undefined,
): Promise<{ readonly version: string; readonly text: string }> {
  try {
    const { mtimeNs, size, ino } = await stat(path, { bigint: true })
    const version = `${mtimeNs} ${size} ${ino}`
    return { version, text: version === known ? '' : await readFile(path, 'utf8') }
  } catch (error) {
    if (absent === undefined || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error // errors of fs have a code
    return { version: 'absent', text: absent }
  }
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
