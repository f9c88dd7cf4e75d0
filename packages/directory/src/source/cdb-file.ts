/** A cdb at a path: asked as it is, and opened again when another one is in its place. */
import { stat } from 'node:fs/promises'
import { type DirectoryEntry, valueEntry } from '../entry.ts'
import type { DirectorySource, SourceDeps } from '../source.ts'
import { Cdb } from './cdb.ts'

/** Milliseconds between looks at the file. */
const INTERVAL = 2_000

/** @throws {Error} naming the file, when it cannot be read now, or is no cdb */
export async function openCdb(path: string, { log, resolve }: SourceDeps): Promise<DirectorySource> {
  const file = resolve(path)
  const named = (cause: unknown) => new Error(`${path}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  let [version, refused] = [await versionOf(file), '']
  let current = await Cdb.open(file).catch((error: unknown) => Promise.reject(named(error)))
  let looking: Promise<void> | undefined
  const look = async (): Promise<void> => {
    const now = await versionOf(file)
    if (now === version || now === refused) return
    try {
      const next = await Cdb.open(file)
      const last = current
      ;[current, version] = [next, now]
      await last.close()
    } catch (error) {
      refused = now
      log.error({ file, error }, 'a file of a directory cannot be read, its former entries stay')
    }
  }
  const timer = setInterval(() => {
    looking ??= look().finally(() => (looking = undefined))
  }, INTERVAL).unref()
  return {
    name: `cdb ${path}`,
    find: async ({ key }) => entryOfData(await current.find(Buffer.from(key))),
    async close() {
      clearInterval(timer)
      await looking
      await current.close()
    },
  }
}

function entryOfData(data: readonly Buffer[]): DirectoryEntry | undefined {
  if (data.length === 0) return undefined
  return valueEntry(data.map((one) => one.toString('utf8').trim()).filter((text) => text !== ''))
}

/** What differs when the file does; also when it is not there. */
async function versionOf(file: string): Promise<string> {
  try {
    const { mtimeNs, ctimeNs, size, ino } = await stat(file, { bigint: true })
    return `${mtimeNs} ${ctimeNs} ${size} ${ino}`
  } catch (error) {
    return `no file: ${(error as NodeJS.ErrnoException).code}` // errors of fs have a code
  }
}
