/** An embedded queue in a fresh folder. Other processes are played by other stores on the same folder; `test/crash` has real ones. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LmdbStore, openLmdbStore } from '@postroad/embedded'
import type { QueueStore } from '@postroad/queue-engine'
import type { QueueUnderTest } from '@postroad/testing/queue'
import { disown } from './disown.ts'

export async function embeddedQueue(): Promise<QueueUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-queue-'))
  const stores: LmdbStore[] = []
  const closed = new Set<QueueStore>()
  const open = async (): Promise<LmdbStore> => {
    const store = await openLmdbStore({ folder, inlineLimit: 64 * 1024 })
    const close = store.close.bind(store)
    store.close = async () => {
      if (!closed.has(store)) await close()
      closed.add(store)
    }
    stores.push(store)
    return store
  }
  return {
    store: open,
    kill: (store) => disown(folder, store),
    dispose: async () => {
      for (const store of stores) await store.close()
      await rm(folder, { recursive: true })
    },
  }
}
