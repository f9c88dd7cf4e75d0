/** Files that a killed process, or a power cut, leaves as they were or as they are to be. */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Octets that are written at once; others have their turn in between. */
const PIECE = 262_144

/** Puts octets in the place of a file: all of them are there, or it is as it was. What is to come is made while what has come is written. */
export async function replaceFile(folder: string, name: string, slices: Iterable<Uint8Array>): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const temporary = join(folder, `.${name}.${process.pid}`)
  const file = await open(temporary, 'w', 0o600)
  try {
    for (const piece of gathered(slices)) await file.writeFile(piece)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await rename(temporary, join(folder, name))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(folder)
}

/** The same octets in pieces that are worth a call. */
export function* gathered(slices: Iterable<Uint8Array>): Generator<Uint8Array, void> {
  let pending: Uint8Array[] = []
  let size = 0
  for (const slice of slices) {
    pending.push(slice)
    size += slice.length
    if (size < PIECE) continue
    yield Buffer.concat(pending)
    pending = []
    size = 0
  }
  if (size > 0) yield Buffer.concat(pending)
}

/** A file, or its first octets; undefined when there is none. */
export async function readIfThere(path: string, most?: number): Promise<Buffer | undefined> {
  try {
    if (most === undefined) return await readFile(path)
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(most), 0, most, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** What was made or renamed in a folder stays after a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Whether an error of `node:fs` says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
