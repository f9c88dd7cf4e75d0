/** Fills a disk with mail until it is refused, makes room, and goes on; run by full-disk.test.ts on a small file system of its own. */
import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openLmdbStore } from '@postroad/embedded'
import { makeAddress, readAll } from '@postroad/mail'
import { type Lease, QueueError } from '@postroad/queue-engine'
import { planMessage } from '../../packages/queue/src/plan.ts'

const folder = process.argv[2] ?? ''
const ballast = join(folder, 'ballast')
await writeFile(ballast, Buffer.alloc(1_000_000))
const store = await openLmdbStore({ folder: join(folder, 'queue'), inlineLimit: 8_192, minFreeBytes: 0 })

async function add(size: number): Promise<readonly Lease[]> {
  const route = { via: 'smtp' }
  const deliveries = [{ route, recipients: [{ address: makeAddress('a', 'example.com'), parameters: {}, route }] }]
  const message = planMessage(
    { from: undefined, parameters: {}, deliveries, size, now: Date.now() },
    { maxRecipients: 100 },
  )
  const octets = Buffer.alloc(size, message.id)
  return store.add(message, {
    size,
    raw: async function* () {
      yield octets
    },
    chunks: () => [octets],
  })
}

const taken: Lease[] = []
let refused = 0
for (let count = 0; refused < 6; count++) {
  try {
    taken.push(...(await add(count % 2 === 0 ? 4_000 : 40_000)))
  } catch (error) {
    assert.ok(error instanceof QueueError || (error instanceof Error && 'code' in error), String(error))
    refused++
  }
}
assert.ok(taken.length > 20, `${taken.length} were taken`)
await rm(ballast)
taken.push(...(await add(4_000)), ...(await add(40_000)))
for (const { message } of taken)
  assert.deepEqual(await readAll(store.content(message)), Buffer.alloc(message.size, message.id))
for (const lease of taken) {
  const state = { ...lease.state, status: { kind: 'done' }, recipients: [{ fate: 'delivered' }] } as const
  assert.equal(await store.record({ lease, state, now: Date.now() }), 'finished')
}
assert.equal((await store.stats()).messages, 0)
await store.close()
