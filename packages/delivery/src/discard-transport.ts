/** A transport that drops everything: for tests, and for mail that must go nowhere. */

import type { Transport } from '@postroad/mail'
import { localReply } from './client/reply.ts'
import { sameForAll } from './send.ts'

const DISCARDED = localReply(250, '2.0.0', 'Discarded')

/** Says that all is delivered, and reads nothing. */
export function discardTransport(): Transport {
  return {
    deliver: async (job) => sameForAll(job.recipients, 'delivered', DISCARDED),
    close: async () => {},
  }
}
