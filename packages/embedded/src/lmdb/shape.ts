/**
 * Looks at a database file before it is mapped into memory: what is read behind its end would kill the process (SIGBUS), and
 * no handler could say why.
 */
import {
  appendFileSync,
  closeSync,
  linkSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { EmbeddedError } from './error.ts'

/** Octets of LMDB's meta pages that are read here. */
const META = 160
/** Octet of a meta page at which {@link MAGIC} stands. */
export const META_MAGIC = 24
/** Octet of a meta page at which the size of pages stands. */
export const META_PAGE_SIZE = 48
const META_LAST_PAGE = 144
/** Octet of a meta page at which the number of its transaction stands. */
export const META_TRANSACTION = 152
/** Where the lock file has the number of the newest transaction. */
export const LOCK_TRANSACTION = 8
/** By which a meta page of LMDB is known. */
export const MAGIC = 0xbeefc0de
/** A whole file may lack pages that were never written; more than this is a loss. */
const SMALL = 1024 * 1024
/** More than LMDB needs for its 126 readers; it takes a larger file as room for more of them. */
const LOCK_FILE = 16 * 1024

/** Makes the file where there is none, empty: LMDB would let everybody read it, and there are addresses and mail in it. */
export function makeDataFile(path: string): void {
  if (sizeOf(path) === 0) closeSync(openSync(path, 'a', 0o600))
}

/**
 * Gives a file that is shorter than its meta page says zeros at its end; true when it was.
 *
 * @throws {EmbeddedError} `ERR_EMBEDDED_FOREIGN` when it is no LMDB file
 */
export function completeFile(path: string): boolean {
  const size = sizeOf(path)
  if (size === 0) return false
  const needed = neededSize(path)
  if (needed <= size) return false
  const missing = needed - size
  // Appending never takes away what another process writes at this moment; cutting to a size could.
  if (missing > SMALL || !append(path, missing)) if (sizeOf(path) < needed) truncateSync(path, needed)
  return true
}

/**
 * Makes the lock file with all its octets. LMDB makes it with a hole and writes through a mapping: on a full disk that is SIGBUS.
 * It must not be opened here when it is there: closing it would give up the locks that this process has on it.
 */
export function prepareLockFile(folder: string): void {
  const path = join(folder, 'lock.mdb')
  if (sizeOf(path) > 0) return
  const unfinished = `${path}.${process.pid}`
  try {
    writeFileSync(unfinished, Buffer.alloc(LOCK_FILE), { mode: 0o600 })
    linkSync(unfinished, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    rmSync(unfinished, { force: true })
  }
}

function neededSize(path: string): number {
  const file = openSync(path, 'r')
  try {
    const first = readMeta(file, 0)
    const second = first && readMeta(file, first.pageSize)
    const last = second && second.transaction > first.transaction ? second : first
    if (last === undefined) throw foreign(path)
    return (last.lastPage + 1) * last.pageSize
  } finally {
    closeSync(file)
  }
}

function foreign(path: string): EmbeddedError {
  return new EmbeddedError(
    'ERR_EMBEDDED_FOREIGN',
    `${path} is no LMDB file, or its first page is overwritten: if it is something else, name another folder; if it was a database, keep a copy and put a backup in its place`,
  )
}

function readMeta(file: number, at: number): { pageSize: number; lastPage: number; transaction: number } | undefined {
  const page = Buffer.alloc(META)
  if (readSync(file, page, 0, META, at) < META || page.readUInt32LE(META_MAGIC) !== MAGIC) return undefined
  return {
    pageSize: page.readUInt32LE(META_PAGE_SIZE),
    lastPage: Number(page.readBigUInt64LE(META_LAST_PAGE)),
    transaction: Number(page.readBigUInt64LE(META_TRANSACTION)),
  }
}

function append(path: string, octets: number): boolean {
  try {
    appendFileSync(path, Buffer.alloc(octets))
    return true
  } catch {
    return false // a full disk: a hole needs no room
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch {
    return 0 // not there yet
  }
}
