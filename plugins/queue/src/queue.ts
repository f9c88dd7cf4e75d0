/** Takes responsibility for mail: writes it to stable storage, says 250, and delivers it from there, for days if it must. */

import { tlsCommand, transportFolders } from '@postroad/delivery'
import { Clock, DeliveryHooks, Dns, definePlugin, desk, Events, Limiter, Store } from '@postroad/plugin'
import {
  type CommandedQueue,
  EventWriter,
  MailOutbox,
  QueueDesk,
  queueCommands,
  queueDesk,
  queueHooks,
  reporterOf,
} from '@postroad/queue-engine'
import { lookPublished } from '@postroad/tls-policy'
import { OpenedQueue } from './opened.ts'
import { options as schema } from './options.ts'

/**
 * The embedded durable queue.
 *
 * @example
 * app.use(routing({ domains: { 'example.com': { via: 'maildir' } } })).use(queue({ maildir: { folder: '/var/mail/example' } }))
 */
export const queue = definePlugin({
  name: 'queue',
  options: schema,
  needs: { hooks: DeliveryHooks, clock: Clock, dns: Dns, limiter: Limiter, store: Store },
  provides: { events: Events, outbox: MailOutbox },
  setup: async ({ name, options, hooks, clock, dns, limiter, store, hostname, log, folder, resolve, rehearsal }) => {
    const events = new EventWriter(
      async () => (await opened.store()).outbox,
      () => clock.now(),
    )
    const context = {
      events,
      options,
      hooks,
      clock,
      dns,
      limiter,
      store,
      hostname,
      log,
      folder: options.folder === undefined ? await folder() : resolve(options.folder),
      resolve,
    }
    const opened: OpenedQueue = new OpenedQueue(context)
    const { rules, transports } = opened
    const plan = { maxRecipients: options.maxRecipients }
    const commanded: CommandedQueue = {
      events,
      rules,
      reporter: reporterOf({ ...context, carries: transports.has }),
      plan,
      now: () => clock.now(),
      store: () => opened.store(),
    }
    return {
      services: { events, outbox: events },
      ...queueHooks({
        plan,
        carries: transports.has,
        keepsRequireTls: transports.keepsRequireTls,
        reports: options.reports,
        spool: opened.spool,
        admit: (size) => events.admit() ?? opened.admit(size),
        async accept(message, source) {
          await (await opened.engine()).accept(message, source)
        },
      }),
      folders: [
        ...(options.folder === undefined ? [] : [{ at: 'folder', path: context.folder }]),
        ...transportFolders(options, resolve),
      ],
      commands: {
        ...queueCommands(commanded),
        tls: tlsCommand({
          hostname,
          dns,
          smtp: options.smtp,
          tlsPolicy: (question) => hooks.tls(question),
          routeOf: (recipient) => hooks.route(recipient, transports.has),
          look: (question, signal) => lookPublished(question, { dns, signal }),
        }),
      },
      desks: [desk(QueueDesk, queueDesk(name, commanded))],
      async start() {
        if (rehearsal) return
        // A queue that cannot be opened refuses mail; to end the process over it would be a crash loop.
        await opened.engine().catch(() => {})
      },
      close: (stop) => opened.close(stop),
    }
  },
})
