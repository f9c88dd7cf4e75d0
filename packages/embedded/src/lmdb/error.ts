/** What can be wrong with a database file, in words that say what was seen and what to do. */

/** Codes of {@link EmbeddedError}: what each means, and what to do. Part of docs/errors.md. */
export const EMBEDDED_ERRORS = {
  ERR_EMBEDDED_UNSAFE: {
    summary:
      'A process died while it opened the file, and one that only read it was killed by the same (SIGBUS, SIGSEGV, …).',
    fix: 'Keep a copy of the folder; put a backup in its place, or move the folder away; look at the disk. It is tried again at each start.',
  },
  ERR_EMBEDDED_FOREIGN: {
    summary: 'The file `data.mdb` is no LMDB file, or its first page is overwritten.',
    fix: 'Name another folder; or put a backup in its place.',
  },
  ERR_EMBEDDED_DAMAGED: {
    summary: 'A page is not what its parent says, as after a lost end.',
    fix: 'Keep a copy of the folder; put a backup in its place, or move the folder away.',
  },
  ERR_EMBEDDED_IO: {
    summary: 'The system said no (no room, no right, an error of the disk); the cause has its word.',
    fix: 'Mend that; it goes on by itself.',
  },
  ERR_EMBEDDED_BUSY: {
    summary: 'The lock was waited for and not got; or `data.mdb` was replaced while it is open.',
    fix: 'See which process has the file open and is stopped; or stop all that use it, and start again.',
  },
  ERR_EMBEDDED_CLOSED: {
    summary: 'The file was closed.',
    fix: 'Nothing, when the server is ending; a program that embeds the file stops using it after `close()`.',
  },
  ERR_EMBEDDED_LOST: {
    summary: 'LMDB’s lock failed, and this process can never write again.',
    fix: 'Nothing: a warning of that code is emitted, on which `postroad start` ends itself to be started again; a program that embeds the file does the same.',
  },
} as const

/** Code of an {@link EmbeddedError}. */
export type EmbeddedErrorCode = keyof typeof EMBEDDED_ERRORS

/** Thrown and rejected with by everything here. */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError'
  readonly code: EmbeddedErrorCode

  constructor(code: EmbeddedErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** What LMDB says of a file's content. Anything else (no memory, no descriptors, no lock) tells nothing of the file. */
export function meansDamage(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^MDB_(?:CORRUPTED|PAGE_NOTFOUND|INVALID|VERSION_MISMATCH|INCOMPATIBLE|BAD_TXN)/.test(error.message)
  )
}

/** The sentence for a file that LMDB, or we, cannot read. */
export function damaged(path: string, cause: unknown): EmbeddedError {
  const seen = cause instanceof Error ? cause.message : String(cause)
  return new EmbeddedError(
    'ERR_EMBEDDED_DAMAGED',
    `${path} cannot be read (${seen}): part of it is missing or overwritten. Keep a copy of its folder; then put a backup in its place, or move the folder away to begin with an empty one`,
    { cause },
  )
}

/** Errors of the system have a name; those of LMDB a number: errno above zero, its own below. */
export function systemCode(error: unknown): string | number | undefined {
  return error instanceof Error && 'code' in error && (typeof error.code === 'string' || typeof error.code === 'number')
    ? error.code
    : undefined
}
