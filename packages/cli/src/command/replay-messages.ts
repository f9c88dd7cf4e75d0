/** Finds kept messages by the id of their transaction. */
import { open, readdir } from 'node:fs/promises'
import path from 'node:path'
import { UsageError } from '../config/usage-error.ts'

/** Octets of a file that are looked at: our Received field is the topmost but one, at most. */
const HEAD = 8_192
const ID = /\b([0-9A-HJKMNP-TV-Z]{17}\.\d{1,6})\b/

/**
 * Files by transaction id.
 *
 * @throws {UsageError} when the folder cannot be read
 */
export async function findMessages(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: Error) => {
    throw new UsageError(`${folder} cannot be read: ${cause.message}`, { cause })
  })
  const found = new Map<string, string>()
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const file = path.join(entry.parentPath, entry.name)
    const id = ID.exec(entry.name)?.[1] ?? (await idWithin(file))
    if (id !== undefined) found.set(id, file)
  }
  return found
}

async function idWithin(file: string): Promise<string | undefined> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD), 0, HEAD, 0)
    const [header = ''] = buffer.toString('latin1', 0, bytesRead).split(/\r?\n\r?\n/)
    // RFC 5321 §4.4: `id` is a clause of the Received field.
    for (const [field] of header.matchAll(/^received:.*(?:\r?\n[ \t].*)*/gim)) {
      const id = /\bid\s+([^\s;]+)/i.exec(field)?.[1]
      if (id !== undefined && ID.test(id)) return ID.exec(id)?.[1]
    }
    return undefined
  } finally {
    await handle.close()
  }
}
