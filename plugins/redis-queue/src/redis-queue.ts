/** Takes responsibility for mail: writes it to Redis, says 250, and lets any node deliver it from there. */

import { tlsCommand, transportFolders } from '@postroad/delivery'
import { Clock, DeliveryHooks, Dns, definePlugin, desk, Events, Store } from '@postroad/plugin'
import { EventWriter, MailOutbox, QueueDesk, queueCommands, queueDesk, queueHooks } from '@postroad/queue-engine'
import { RedisLink } from '@postroad/redis-link'
import { lookPublished } from '@postroad/tls-policy'
import { QueueNode } from './node.ts'
import { options as schema } from './options.ts'

/**
 * A durable queue that any number of nodes share. Needs the plugin `redis`.
 *
 * @example app.use(redis({ url: process.env.REDIS_URL })).use(redisQueue())
 */
export const redisQueue = definePlugin({
  name: 'redis-queue',
  options: schema,
  needs: { link: RedisLink, hooks: DeliveryHooks, dns: Dns, clock: Clock, store: Store },
  provides: { events: Events, outbox: MailOutbox },
  setup: ({ name, options, link, hooks, dns, clock, store, hostname, log, resolve, role, rehearsal }) => {
    const events = new EventWriter(
      async () => node.store.outbox,
      () => clock.now(),
    )
    const node: QueueNode = new QueueNode({
      events,
      options,
      role: options.role ?? role,
      link,
      hooks,
      dns,
      clock,
      store,
      hostname,
      log,
      resolve,
    })
    return {
      services: { events, outbox: events },
      ...queueHooks({
        plan: { maxRecipients: options.maxRecipients },
        carries: node.transports.has,
        keepsRequireTls: node.transports.keepsRequireTls,
        reports: options.reports,
        admit: (size) => events.admit() ?? node.store.admit(size),
        accept: (message, source) => node.accept(message, source),
      }),
      folders: [
        ...(options.bodyFolder === undefined ? [] : [{ at: 'bodyFolder', path: resolve(options.bodyFolder) }]),
        ...transportFolders(options, resolve),
      ],
      commands: {
        ...queueCommands(node.commanded()),
        tls: tlsCommand({
          hostname,
          dns,
          smtp: options.smtp,
          tlsPolicy: (question) => hooks.tls(question),
          routeOf: (recipient) => hooks.route(recipient, node.transports.has),
          look: (question, signal) => lookPublished(question, { dns, signal }),
        }),
      },
      desks: [desk(QueueDesk, queueDesk(name, node.commanded()))],
      start: () => (rehearsal ? undefined : node.start()),
      close: (stop) => node.close(stop),
    }
  },
})
