/** A queue full of mail that could not be delivered yet, written before a target starts. */

import { openLmdbStore } from '@postroad/embedded'
import { makeAddress } from '@postroad/mail'
import type { Lease } from '@postroad/queue-engine'
import { planMessage } from '../../packages/queue/src/plan.ts'

/** Where the old mail goes: hosts of loopback that refuse every connection. */
const DESTINATIONS = 50
const OCTETS = 1_000
const STEP = 1_000

/** How much, and when it is to be tried again. */
export interface Backlog {
  readonly folder: string
  readonly messages: number
  /** A port that nobody listens on. */
  readonly port: number
  /** The next attempts are spread evenly over so many milliseconds; 0: all are due at once. */
  readonly spreadMs: number
}

/** Fills the queue in `folder` with deferred messages. */
export async function fillBacklog({ folder, messages, port, spreadMs }: Backlog): Promise<void> {
  const store = await openLmdbStore({ folder, minFreeBytes: 0 })
  const chunk = Buffer.alloc(OCTETS, 'Subject: old mail\r\n\r\nIt could not be delivered.\r\n')
  const source = {
    size: chunk.length,
    chunks: () => [chunk],
    async *raw() {
      yield chunk
    },
  }
  const begun = Date.now()
  for (let done = 0; done < messages; done += STEP) {
    const leases: Lease[] = []
    const add = async (_: unknown, at: number) =>
      leases.push(...(await store.add(makeMessage(done + at, port), source)))
    await Promise.all(Array.from({ length: Math.min(STEP, messages - done) }, add))
    // One place for a step: due times are as fine as the spread over a hundred of them.
    await store.release(leases, { kind: 'scheduled', at: begun + Math.round((spreadMs * done) / messages) })
  }
  await store.close()
}

function makeMessage(number: number, port: number) {
  const route = { via: 'smtp', host: `127.0.1.${1 + (number % DESTINATIONS)}`, port }
  const recipients = [{ address: makeAddress('user', 'dead.test'), parameters: {}, route }]
  return planMessage(
    {
      from: makeAddress('sender', 'client.test'),
      parameters: {},
      deliveries: [{ route, recipients }],
      size: OCTETS,
      now: Date.now(),
    },
    { maxRecipients: 100 },
  )
}
