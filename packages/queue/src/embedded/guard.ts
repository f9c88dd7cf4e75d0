/**
 * Opens a database without ever becoming a crash loop. A damaged LMDB file can kill the process that reads it (it is mapped
 * into memory); so every opening leaves a mark first, and after three marks that nobody took away it is not opened again.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { QueueError } from '../store.ts'

const MARK = 'opening'
const ATTEMPTS = 3

/**
 * Runs `openNow` between mark and unmark; `isShort` says that the file had lost its end and must be walked before it is trusted.
 *
 * @throws {QueueError} `ERR_QUEUE_UNSAFE` when the last three openings did not come to their end
 */
export function guarded<T>(folder: string, openNow: (isShort: boolean) => T): T {
  const mark = join(folder, MARK)
  const count = readMark(mark)
  if (count >= ATTEMPTS)
    throw new QueueError(
      'ERR_QUEUE_UNSAFE',
      `The last ${count} processes that opened the queue died of it: repair or replace data.mdb, then remove the file "${MARK}" beside it`,
    )
  writeFileSync(mark, String(count + 1))
  const opened = openNow(completeFile(join(folder, 'data.mdb')))
  rmSync(mark, { force: true })
  return opened
}

function readMark(mark: string): number {
  try {
    return Number.parseInt(readFileSync(mark, 'latin1'), 10) || 0
  } catch {
    return 0 // no mark: the last opening ended well
  }
}

/** LMDB's meta pages: magic at 24, page size at 48, last page at 144, transaction at 152 of each. */
const META = 160
const MAGIC = 0xbeefc0de

/** Reading behind the end of a mapped file is SIGBUS: a file shorter than its meta page says gets zeros. Resolves to whether it was. */
function completeFile(path: string): boolean {
  const size = sizeOf(path)
  if (size === 0) return false
  const file = openSync(path, 'r+')
  try {
    const first = readMeta(file, 0)
    const second = first && readMeta(file, first.pageSize)
    const last = second && second.transaction > first.transaction ? second : first
    if (last === undefined) throw new QueueError('ERR_QUEUE_UNSAFE', 'data.mdb is not an LMDB file, or its first page is damaged')
    const needed = (last.lastPage + 1) * last.pageSize
    if (needed <= size) return false
    ftruncateSync(file, needed)
    return true
  } finally {
    closeSync(file)
  }
}

function readMeta(file: number, at: number): { pageSize: number; lastPage: number; transaction: number } | undefined {
  const page = Buffer.alloc(META)
  if (readSync(file, page, 0, META, at) < META || page.readUInt32LE(24) !== MAGIC) return undefined
  return { pageSize: page.readUInt32LE(48), lastPage: Number(page.readBigUInt64LE(144)), transaction: Number(page.readBigUInt64LE(152)) }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch {
    return 0 // not there yet
  }
}
