/** Takes responsibility for mail: writes it to Redis, says 250, and lets any node deliver it from there. */
import { Clock, Dns, defer, definePlugin } from '@postroad/plugin'
import { DeliveryHooks, planMessage } from '@postroad/queue'
import { queueCommands } from './commands.ts'
import { RedisLink } from './link.ts'
import { QueueNode, type Role } from './node.ts'
import { options as schema } from './options.ts'

const NOT_STORED = defer('Message could not be stored, try again later', { status: '4.3.0', code: 451 })

/**
 * A durable queue that any number of nodes share. Needs the plugin `redis`.
 *
 * @example app.use(redis({ url: process.env.REDIS_URL })).use(redisQueue())
 */
export const redisQueue = definePlugin({
  name: 'redis-queue',
  options: schema,
  needs: { link: RedisLink, hooks: DeliveryHooks, dns: Dns, clock: Clock },
  setup: ({ options, link, hooks, dns, clock, hostname, log, resolve, ...rest }) => {
    const role = options.role ?? roleOf(rest)
    const node = new QueueNode({ options, role, link, hooks, dns, clock, hostname, log, resolve })
    const plan = { maxRecipients: options.maxRecipients }
    return {
      mail({ parameters }) {
        // RFC 1870 §6.1: what will not fit is refused before its octets come.
        const full = node.store.admit(parameters.size ?? 0)
        return full && defer(full.text, { status: full.code === 452 ? '4.3.1' : '4.3.0', code: full.code })
      },
      queue: {
        supports: ['8BITMIME', 'SMTPUTF8', 'DSN'],
        async handler({ message, deliveries, envelope, now, log }) {
          if (!deliveries.every(({ route }) => node.transports.has(route.via))) return undefined
          try {
            const full = node.store.admit(message.size)
            if (full) return defer(full.text, { status: full.code === 452 ? '4.3.1' : '4.3.0', code: full.code })
            const { from, parameters, id: transaction } = envelope
            const queued = planMessage({ from, parameters, deliveries, size: message.size, transaction, now: now() }, plan)
            await node.accept(queued, message)
            return { id: queued.id }
          } catch (error) {
            log.error({ err: error }, 'a message could not be stored')
            return NOT_STORED
          }
        },
      },
      commands: queueCommands(() => node.commandContext()),
      start: () => node.start(),
      close: () => node.close(),
    }
  },
})

/** What the server was started as, where the core tells. */
function roleOf(setup: object): Role {
  const role = 'role' in setup ? setup.role : undefined
  return role === 'smtp' || role === 'delivery' ? role : 'all'
}
