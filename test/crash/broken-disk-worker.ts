/** A store on a disk with errors: adds and settles as it is told, and says what came of it; run by broken-disk.test.ts. */

import { openLmdbStore } from '@postroad/embedded'
import { makeAddress } from '@postroad/mail'
import { type Claim, planMessage } from '@postroad/queue-engine'

const [, , folder = ''] = process.argv
const store = await openLmdbStore({
  folder,
  minFreeBytes: 0,
  onProblem: ({ message }) => process.send?.({ told: message }),
})
const claims: Claim[] = []

const orders: Readonly<Record<string, () => Promise<unknown>>> = {
  async add() {
    const route = { via: 'smtp' }
    const deliveries = [{ route, recipients: [{ address: makeAddress('a', 'example.com'), parameters: {}, route }] }]
    const message = planMessage({ from: undefined, parameters: {}, deliveries, size: 300, now: Date.now() }, { maxRecipients: 100 })
    const octets = Buffer.alloc(300, message.id)
    claims.push(...(await store.add(message, { size: 300, raw: () => [octets].values() as never, chunks: () => [octets] })))
    return 'added'
  },
  async settle() {
    const [claim] = claims
    if (!claim) return 'nothing'
    const state = { ...claim.state, place: { kind: 'done' }, recipients: [{ fate: 'delivered' }] } as const
    const result = await store.settle({ claim, state, now: Date.now() })
    claims.shift()
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
