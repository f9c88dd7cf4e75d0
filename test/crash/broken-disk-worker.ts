/** A store on a disk with errors: adds and records as it is told, and says what came of it; run by broken-disk.test.ts. */

import { openLmdbStore } from '@postroad/embedded'
import { makeAddress } from '@postroad/mail'
import type { Lease } from '@postroad/queue-engine'
import { planMessage } from '../../packages/queue/src/plan.ts'

const [, , folder = ''] = process.argv
const store = await openLmdbStore({
  folder,
  minFreeBytes: 0,
  onProblem: ({ message }) => process.send?.({ told: message }),
})
const leases: Lease[] = []

const orders: Readonly<Record<string, () => Promise<unknown>>> = {
  async add() {
    const route = { via: 'smtp' }
    const deliveries = [{ route, recipients: [{ address: makeAddress('a', 'example.com'), parameters: {}, route }] }]
    const message = planMessage(
      { from: undefined, parameters: {}, deliveries, size: 300, now: Date.now() },
      { maxRecipients: 100 },
    )
    const octets = Buffer.alloc(300, message.id)
    leases.push(
      ...(await store.add(message, { size: 300, raw: () => [octets].values() as never, chunks: () => [octets] })),
    )
    return 'added'
  },
  async record() {
    const [lease] = leases
    if (!lease) return 'nothing'
    const state = { ...lease.state, status: { kind: 'done' }, recipients: [{ fate: 'delivered' }] } as const
    const result = await store.record({ lease, state, now: Date.now() })
    leases.shift()
    return result
  },
  /** Makes everything ten seconds older. */
  async age() {
    const now = performance.now.bind(performance)
    performance.now = () => now() + 10_000
    return 'older'
  },
  async close() {
    await store.close().catch(() => {})
    process.exit()
  },
  admit: async () => store.admit(1)?.code ?? 'yes',
  count: async () => (await store.stats()).messages,
}

process.on('message', (order) => {
  orders[String(order)]?.().then(
    (answer) => process.send?.({ answer }),
    (error: Error) => process.send?.({ answer: `failed: ${error.message}` }),
  )
})
process.send?.({ answer: 'open' })
