/** The thread: looks into one file at a time, and says what is in it. */
import { parentPort } from 'node:worker_threads'
import { inspect } from './inspect.ts'
import type { Inspection, InspectLimits } from './inspector.ts'
import { isSpent } from './library.ts'

/** A file, whose octets are the thread's from then on. */
export interface ThreadWork {
  readonly name: string
  readonly octets: Uint8Array
  /** What the files before it have left. */
  readonly limits: InspectLimits
}

/** What is in it. */
export interface ThreadAnswer {
  /** Undefined: it is ready for the first file. */
  readonly inspection: Inspection | undefined
  /** The thread has more memory than one that waits should have: it is to be ended when the message is done. */
  readonly isSpent: boolean
}

parentPort?.on('message', async ({ name, octets, limits }: ThreadWork) => {
  const inspection = await inspect(Buffer.from(octets.buffer, octets.byteOffset, octets.length), name, limits)
  parentPort?.postMessage({ inspection, isSpent: isSpent() } satisfies ThreadAnswer)
})
parentPort?.postMessage({ inspection: undefined, isSpent: false } satisfies ThreadAnswer)
