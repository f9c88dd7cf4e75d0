/** Where the contracts of the services run: on a Redis, each test below a prefix of its own. */

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisLink } from '@postroad/redis-link'
import type { MakeFixture } from '../../packages/testing/src/contract/store.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import { linkOptions, silent } from './link.ts'

/** Every handle is a connection of its own, as in another process. */
export function fixture<T extends object>(where: () => object, make: (link: RedisLink) => T): MakeFixture<T> {
  return async () => {
    const prefix = `postroad:${randomUUID()}`
    const links: Link[] = []
    return {
      open() {
        const link = new Link(linkOptions({ ...where(), prefix }), silent)
        links.push(link)
        return Object.assign(make(link), { close: () => link.close() })
      },
      advance: (ms) => sleep(ms),
      async close() {
        for (const link of links) await link.close()
      },
    }
  }
}
