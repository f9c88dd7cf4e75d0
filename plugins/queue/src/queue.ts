/** Takes responsibility for mail: writes it to stable storage, says 250, and delivers it from there, for days if it must. */
import { Clock, Dns, defer, definePlugin } from '@postroad/plugin'
import { DeliveryHooks, planMessage } from '@postroad/queue'
import { queueCommands } from './command/commands.ts'
import { OpenedQueue } from './opened.ts'
import { options as schema } from './options.ts'

const NOT_STORED = defer('Message could not be stored, try again later', { status: '4.3.0', code: 451 })

/**
 * The embedded durable queue.
 *
 * @example
 * app.use(routing({ domains: { 'example.com': { via: 'maildir' } } })).use(queue({ maildir: { folder: '/var/mail/example' } }))
 */
export const queue = definePlugin({
  name: 'queue',
  options: schema,
  needs: { hooks: DeliveryHooks, clock: Clock, dns: Dns },
  setup: async ({ options, hooks, clock, dns, hostname, log, folder, resolve }) => {
    const context = {
      options,
      hooks,
      clock,
      dns,
      hostname,
      log,
      folder: options.folder === undefined ? await folder() : resolve(options.folder),
      resolve,
    }
    const opened = new OpenedQueue(context)
    const plan = { maxRecipients: options.maxRecipients }
    return {
      mail({ parameters }) {
        // RFC 1870 §6.1: what will not fit is refused before its octets come.
        const full = opened.admit(parameters.size ?? 0)
        return full && defer(full.text, { status: '4.3.1', code: full.code })
      },
      queue: {
        supports: ['8BITMIME', 'SMTPUTF8', 'DSN'],
        async handler({ message, deliveries, envelope, now, log }) {
          if (!deliveries.every(({ route }) => opened.transports.has(route.via))) return undefined
          try {
            const engine = await opened.engine()
            const full = opened.admit(message.size)
            if (full) return defer(full.text, { status: '4.3.1', code: full.code })
            const { from, parameters, id: transaction } = envelope
            const queued = planMessage({ from, parameters, deliveries, size: message.size, transaction, now: now() }, plan)
            await engine.accept(queued, message)
            return { id: queued.id }
          } catch (error) {
            log.error({ err: error }, 'a message could not be stored')
            return NOT_STORED
          }
        },
      },
      commands: queueCommands({ opened, clock, hostname, options }),
      async start() {
        // A queue that cannot be opened refuses mail; to end the process over it would be a crash loop.
        await opened.engine().catch(() => {})
      },
      close: () => opened.close(),
    }
  },
})
