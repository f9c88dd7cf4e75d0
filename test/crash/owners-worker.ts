/** A process that shares a queue, and does what its parent says: adds, beats, looks how much is where, and uses up its descriptors. */
import { closeSync, openSync } from 'node:fs'
import { openLmdbStore } from '@postroad/embedded'
import { makeMessage, octetsOf, sourceOf } from '../../packages/testing/src/contract/queue-fixture.ts'

const store = await openLmdbStore({ folder: process.argv[2] ?? '', minFreeBytes: 0 })
const taken: number[] = []

const orders = {
  async add(): Promise<number> {
    const message = makeMessage()
    return (await store.add({ ...message, queuedAt: Date.now() }, sourceOf(octetsOf(message.size)))).length
  },
  beat: () => store.beat(Date.now()),
  claimed: async () => (await store.stats()).claimed,
  /** Opens files until the kernel says EMFILE; how many. */
  async exhaust(): Promise<number> {
    for (;;) {
      try {
        taken.push(openSync('/dev/null', 'r'))
      } catch {
        return taken.length
      }
    }
  },
  async relax(): Promise<number> {
    for (const descriptor of taken) closeSync(descriptor)
    return taken.splice(0).length
  },
}

process.on('message', (order) => {
  void orders[order as keyof typeof orders]().then((answer) => process.send?.(answer)) // the parent knows the orders
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
