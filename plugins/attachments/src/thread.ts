/** The thread: looks into the files of one message at a time, and says what is in them. */
import { parentPort } from 'node:worker_threads'
import { inspect } from './inspect.ts'
import { type Inspection, type InspectLimits, processorTime } from './inspector.ts'

/** The files of one message. */
export interface ThreadWork {
  readonly files: readonly { readonly name: string; readonly octets: Uint8Array }[]
  readonly limits: InspectLimits
}

/** One for each file. */
export type ThreadAnswer = readonly Inspection[]

parentPort?.on('message', async ({ files, limits }: ThreadWork) => {
  const answer: Inspection[] = []
  const end = processorTime() + limits.time
  for (const { name, octets } of files) {
    const time = Math.max(0, end - processorTime())
    answer.push(await inspect(Buffer.from(octets.buffer, octets.byteOffset, octets.length), name, { ...limits, time }))
  }
  parentPort?.postMessage(answer satisfies ThreadAnswer)
})
