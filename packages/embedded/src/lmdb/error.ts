/** What can be wrong with a database file, in words that say what was seen and what to do. */

/** Codes of {@link EmbeddedError}; the README says what to do about each. */
export type EmbeddedErrorCode =
  | 'ERR_EMBEDDED_UNSAFE'
  | 'ERR_EMBEDDED_FOREIGN'
  | 'ERR_EMBEDDED_DAMAGED'
  | 'ERR_EMBEDDED_IO'
  | 'ERR_EMBEDDED_BUSY'
  | 'ERR_EMBEDDED_CLOSED'
  | 'ERR_EMBEDDED_LOST'

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
  return error instanceof Error && /^MDB_(?:CORRUPTED|PAGE_NOTFOUND|INVALID|VERSION_MISMATCH|INCOMPATIBLE|BAD_TXN)/.test(error.message)
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
