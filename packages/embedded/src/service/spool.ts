/**
 * Messages kept as files: what is quarantined, what is to be replayed. One message is two files, `<id>.eml` (its octets, as
 * any mail tool reads them) and `<id>.json` (what is known of it); it is there when the second one is.
 */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import path from 'node:path'
import { createContentWriter, createMessage, type SpillFile } from '@postroad/message'
import type { Message, Spool } from '@postroad/plugin'
import type { Closable } from './store.ts'

/** Long enough for the ids of transactions and then some; the rest keeps them apart from paths. */
const ID = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/

/** Milliseconds after which an unfinished file is nobody's any more. */
const LEFT_BEHIND = 86_400_000

/**
 * A {@link Spool} in a folder. When `put` resolves, octets, names and folder have been synced: a power failure loses nothing.
 * A message that is read back stays readable until it is deleted.
 *
 * @throws {TypeError} (as a rejection) when an id is not 1 to 128 of letters, digits, `.`, `_`, `-`, or begins with a dot
 */
export function embeddedSpool(folder: string): Spool & Closable {
  let made: Promise<unknown> | undefined
  const ready = () => {
    made ??= prepare(folder).catch((error) => {
      made = undefined // a disk that was full is to be asked again
      throw error
    })
    return made
  }
  const place = (id: string, kind: 'eml' | 'json') => path.join(folder, `${checked(id)}.${kind}`)
  return {
    async put(id, message, meta) {
      const [octets, about] = [place(id, 'eml'), place(id, 'json')]
      await ready()
      await write(octets, message.raw())
      await write(about, [Buffer.from(`${JSON.stringify(meta)}\n`)])
      await sync(folder)
    },
    async get(id) {
      const [octets, about] = [place(id, 'eml'), place(id, 'json')]
      const meta = await unlessAbsent(readFile(about, 'utf8'))
      if (meta === undefined) return undefined
      return { message: await read(octets), meta: JSON.parse(meta) as Record<string, unknown> } // written by put
    },
    async delete(id) {
      const [octets, about] = [place(id, 'eml'), place(id, 'json')]
      const gone = await unlessAbsent(unlink(about).then(() => true))
      await unlessAbsent(unlink(octets))
      if (gone) await sync(folder)
      return gone ?? false
    },
    async *list() {
      const names = (await unlessAbsent(readdir(folder))) ?? []
      for (const name of names.filter((name) => name.endsWith('.json')).sort()) yield name.slice(0, -5)
    },
    close: async () => undefined, // every file is closed when its call is over
  }
}

function checked(id: string): string {
  if (!ID.test(id))
    throw new TypeError('An id of the spool has 1 to 128 letters, digits, ".", "_" or "-", and no dot in front')
  return id
}

/** All or nothing: under another name until it is complete and synced. */
async function write(file: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  const unfinished = path.join(path.dirname(file), `.${randomUUID()}.tmp`)
  const handle = await open(unfinished, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    for await (const chunk of chunks) await handle.writeFile(chunk)
    await handle.sync()
    await handle.close()
    await rename(unfinished, file)
  } catch (error) {
    await handle.close().catch(() => undefined) // what failed before is what matters
    await unlink(unfinished).catch(() => undefined)
    throw error
  }
}

async function prepare(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 })
  // A new folder is as durable as its own entry.
  if (first !== undefined)
    for (let at = folder; at.length >= first.length; at = path.dirname(at)) await sync(path.dirname(at))
  await sweep(folder)
}

/** What a process left behind that died while it wrote: unfinished files, and octets of which nothing is known. */
async function sweep(folder: string): Promise<void> {
  const names = await readdir(folder)
  const known = new Set(names)
  for (const name of names) {
    const isLeft =
      (name.startsWith('.') && name.endsWith('.tmp')) ||
      (name.endsWith('.eml') && !known.has(`${name.slice(0, -4)}.json`))
    const file = path.join(folder, name)
    // Another process may be writing it now.
    const age = isLeft ? Date.now() - ((await unlessAbsent(stat(file)))?.mtimeMs ?? Date.now()) : 0
    if (age > LEFT_BEHIND) await unlessAbsent(unlink(file))
  }
}

/** A rename is durable only with its folder. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function read(file: string): Promise<Message> {
  const writer = createContentWriter({ openFile: async () => inPlace(file) })
  const handle = await open(file)
  for await (const chunk of handle.createReadStream({ highWaterMark: 65_536 })) await writer.write(chunk)
  return createMessage(await writer.finish())
}

/** Large messages are read where they are; a file is open only while it is read, so nobody has to close a message. */
function inPlace(file: string): SpillFile {
  return {
    write: async () => undefined, // the octets are there already
    async read(offset, length) {
      const handle = await open(file)
      try {
        return await readUpTo(handle, offset, length)
      } finally {
        await handle.close()
      }
    },
    close: async () => undefined,
  }
}

async function readUpTo(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

async function unlessAbsent<T>(action: Promise<T>): Promise<T | undefined> {
  try {
    return await action
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined // errors of fs have a code
    throw error
  }
}
