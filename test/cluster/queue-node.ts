/** A node of the queue in the process of the test. */
import { setTimeout as sleep } from 'node:timers/promises'
import { zoneDns } from '@postroad/dns'
import type { Role } from '@postroad/plugin'
import { memoryStore } from '@postroad/testing'
import { makeMessage } from '../../packages/testing/src/contract/queue-fixture.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import { QueueNode } from '../../plugins/redis-queue/src/node.ts'
import { options } from '../../plugins/redis-queue/src/options.ts'
import { RedisStore } from '../../plugins/redis-queue/src/store/redis-store.ts'
import { noDeliveryHooks } from '../delivery/no-delivery-hooks.ts'
import { linkOptions, silent } from './link.ts'

/** What the next hop says to the node of this name. */
export type Deliver = (name: string) => 'delivered' | 'deferred'

/** A node in this process, whose next hop is a function. */
export async function startNode(
  where: object,
  name: string,
  { role = 'all', deliver, options: more = {} }: { role?: Role; deliver: Deliver; options?: object },
) {
  const link = new Link(linkOptions(where), silent)
  const transport = {
    async deliver({ recipients }: { recipients: readonly object[] }) {
      const kind = deliver(name)
      const reply = kind === 'delivered' ? { code: 250, text: 'OK' } : { code: 450, status: '4.2.0', text: 'Later' }
      return recipients.map((recipient) => ({ recipient, kind, reply }))
    },
    close: async () => {},
  }
  const clock = {
    now: Date.now,
    sleep: (ms: number, signal?: AbortSignal) => sleep(ms, undefined, { signal, ref: false }),
  }
  const given = { retry: [1_500], transports: { smtp: transport }, ...more }
  const node = new QueueNode({
    options: options.parse(given),
    role,
    link,
    hooks: noDeliveryHooks,
    dns: zoneDns({}),
    store: memoryStore(),
    clock,
    hostname: name,
    log: silent,
    resolve: (file) => file,
  })
  await node.start()
  const close = async () => {
    await node.close()
    await link.close()
  }
  return { node, close, store: new RedisStore({ link, name: 'mail' }) }
}

/** A message of now. */
export function fresh() {
  const now = Date.now()
  return { ...makeMessage(), queuedAt: now }
}
