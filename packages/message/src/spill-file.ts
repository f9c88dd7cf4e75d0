/** The temporary file that takes the part of a message that does not fit into memory. */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { makeQueueId } from '@postroad/mail'

/** What the store of contents needs of a file; tests give a disk that is full. */
export interface SpillFile {
  /** Writes all octets at that offset; rejects with the system's code (`ENOSPC`). */
  write(chunks: readonly Uint8Array[], offset: number): Promise<void>
  /** Up to `length` octets from that offset, in `into` if it is given; fewer only at the end. Any number of calls at once. */
  read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
  /** Syncs the octets and gives the file that path; readers go on. Absent: it has no name that could be changed. */
  moveTo?(path: string): Promise<void>
}

/** Makes a file only its owner can read, whose name is gone before the first octet: nothing is left behind by a crash. */
export async function openSpillFile(folder: string): Promise<SpillFile> {
  const path = join(folder, `body-${randomUUID()}.tmp`)
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    await unlink(path)
  } catch (error) {
    await handle.close()
    throw error
  }
  return {
    write: (chunks, offset) => writeAll(handle, chunks, offset),
    read: (offset, length, into) => readUpTo(handle, offset, length, into),
    close: () => handle.close(),
  }
}

/**
 * Makes a file only its owner can read, which keeps its name until it is closed or moved. A crash leaves it behind: whoever has the folder sweeps
 * what is old in it, and knows it by the name, a queue id.
 */
export async function openNamedFile(folder: string): Promise<SpillFile> {
  const path = join(folder, makeQueueId(Date.now()))
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
  let isMoved = false
  return {
    write: (chunks, offset) => writeAll(handle, chunks, offset),
    read: (offset, length, into) => readUpTo(handle, offset, length, into),
    async moveTo(to) {
      await handle.datasync()
      await rename(path, to)
      isMoved = true
    },
    async close() {
      // What cannot be removed now is litter, like that of a crash, and swept.
      if (!isMoved) await unlink(path).catch(() => {})
      await handle.close()
    },
  }
}

// The least IOV_MAX that POSIX allows is 16, Linux has 1,024.
const VECTOR_LIMIT = 512

async function writeAll(handle: FileHandle, chunks: readonly Uint8Array[], offset: number): Promise<void> {
  let position = offset
  for (let from = 0; from < chunks.length; from += VECTOR_LIMIT) {
    let vector = chunks.slice(from, from + VECTOR_LIMIT)
    while (vector.length > 0) {
      const { bytesWritten } = await handle.writev(vector, position)
      position += bytesWritten
      vector = skip(vector, bytesWritten)
    }
  }
}

/** What is left of the chunks after `count` octets: a nearly full disk writes in parts before it fails. */
function skip(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  let rest = count
  let index = 0
  for (const chunk of chunks) {
    if (rest < chunk.length) return [chunk.subarray(rest), ...chunks.slice(index + 1)]
    rest -= chunk.length
    index++
  }
  return []
}

async function readUpTo(
  handle: FileHandle,
  offset: number,
  length: number,
  buffer: Uint8Array = Buffer.allocUnsafeSlow(length),
): Promise<Uint8Array> {
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}
