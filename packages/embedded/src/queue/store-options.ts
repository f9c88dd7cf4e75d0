import type { QueueError } from '@postroad/queue-engine'
import type { OnStep } from './step.ts'

/** How an embedded queue is opened. */
export interface LmdbStoreOptions {
  /** Made when it is not there. */
  readonly folder: string
  /**
   * A folder on the same file system into which large messages are written while they come: one of such a file is not copied. Made, and swept
   * with the content.
   */
  readonly spool?: string
  /** Content up to this many octets stands in the database; larger ones are files. Default 64 KiB. */
  readonly inlineLimit?: number
  /** Octets that must stay free; below, mail is refused with 452. Default 256 MiB. */
  readonly minFreeBytes?: number
  /** Finished messages to remember. Default 100,000. */
  readonly keepFinished?: number
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  /** Milliseconds of a clock that never jumps. Default: `performance.now`. */
  readonly elapsed?: () => number
  /** Something an operator should see: an entry was set aside, a file could not be removed. */
  readonly onProblem?: (problem: QueueError) => void
  /** Called at each step of what this store does. */
  readonly onStep?: OnStep
}
