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
  /** Takes the file as it is now; resolves when the value is that of the file. */
  refresh(): Promise<void>
  /** What a timer does: a file that is being written is left alone until two looks have found it the same. */
  look(): Promise<void>
  close(): void
}

/**
 * Reads a file now, and again whenever it has changed. A file that is wrong, or cannot be read, leaves the value as it was,
 * and is said once.
 *
 * @throws {Error} naming it, when it cannot be read now, or is wrong
 */
export async function watchFile<T>({ path, parse, onError, absent }: WatchOptions<T>): Promise<WatchedFile<T>> {
  const take = () => readValue({ path, parse, ...(absent !== undefined && { absent }) })
  let known = await versionOf(path)
  let seen = known
  let value = await take()
  const takeIfChanged = async (version: string): Promise<void> => {
    if (version === known) return
    known = version
    try {
      value = await take()
    } catch (error) {
      onError(error as Error) // made by readValue
    }
  }
  // One after the other: a slow reading must not overtake a later one.
  let turn = Promise.resolve()
  const refresh = () => (turn = turn.then(async () => takeIfChanged(await versionOf(path))))
  const look = () =>
    (turn = turn.then(async () => {
      const version = await versionOf(path)
      const isSettled = version === seen
      seen = version
      if (isSettled) await takeIfChanged(version)
    }))
  const timer = setInterval(look, INTERVAL).unref()
  return {
    get value() {
      return value
    },
    refresh,
    look,
    close: () => clearInterval(timer),
  }
}

async function readValue<T>({ path, parse, absent }: Pick<WatchOptions<T>, 'path' | 'parse' | 'absent'>): Promise<T> {
  try {
    return parse(await textOf(path, absent))
  } catch (cause) {
    throw new Error(`${path}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}

/** What differs when the file does; also when it cannot be looked at. */
async function versionOf(path: string): Promise<string> {
  try {
    const { mtimeNs, ctimeNs, size, ino } = await stat(path, { bigint: true })
    return `${mtimeNs} ${ctimeNs} ${size} ${ino}`
  } catch (error) {
    return `no file: ${(error as NodeJS.ErrnoException).code}` // errors of fs have a code
  }
}

async function textOf(path: string, absent: string | undefined): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (absent === undefined || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error // errors of fs have a code
    return absent
  }
}

/** One entry of a list. */
export type Line = readonly [key: string, ...fields: string[]]

/**
 * What is made of the entries of a list: one a line, `#` begins a comment line, fields are parted by spaces or tabs.
 *
 * @throws {TypeError} what `make` throws, with the number of the line
 * @example parseLines('# ours\n192.0.2.0/24  office\n', (line) => line) // [['192.0.2.0/24', 'office']]
 */
export function parseLines<T>(text: string, make: (line: Line) => T): readonly T[] {
  const made: T[] = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [key, ...fields] = line.trim().split(/[ \t]+/)
    if (!key || key.startsWith('#')) continue
    try {
      made.push(make([key, ...fields]))
    } catch (cause) {
      throw new TypeError(`line ${index + 1}: ${cause instanceof Error ? cause.message : cause}`, { cause })
    }
  }
  return made
}
