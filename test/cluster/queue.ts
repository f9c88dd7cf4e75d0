/** A queue as its contract opens it. */
import { randomUUID } from 'node:crypto'
import type { QueueUnderTest } from '../../packages/testing/src/contract/queue.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import type { ContentFolder } from '../../plugins/redis-queue/src/store/contents.ts'
import { RedisStore } from '../../plugins/redis-queue/src/store/redis-store.ts'
import { linkOptions, silent } from './link.ts'

/** Every process is a store with a connection of its own. */
export async function openQueue(where: object, files?: ContentFolder): Promise<QueueUnderTest> {
  const name = randomUUID()
  const opened: { link: Link; store: RedisStore }[] = []
  return {
    async store() {
      const link = new Link(linkOptions(where), silent)
      const store = new RedisStore({ link, name, files })
      opened.push({ link, store })
      return store
    },
    async kill(store: { readonly owner: string }) {
      const found = opened.find((each) => each.store.owner === store.owner)
      // What it still says is then `lost`, as if its beat had not come for long.
      await found?.link.send('zadd', [`{${found.link.prefix}:queue:${name}}:owners`, 0, store.owner])
    },
    async dispose() {
      for (const { link } of opened) await link.close()
    },
  }
}
