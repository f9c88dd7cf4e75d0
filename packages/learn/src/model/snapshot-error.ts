/** What is said of a snapshot that cannot be read. */

/** A snapshot cannot be read. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError'
  /** `shape`: not a snapshot at all, or cut off; `version`: written by another version; `checksum`: damaged. */
  readonly reason: 'shape' | 'version' | 'checksum'

  constructor(reason: 'shape' | 'version' | 'checksum', message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
