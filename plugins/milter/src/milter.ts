/** Asks a milter at every moment of a session, and does with the message what it says. */
import {
  type CommandContext,
  type ConnectContext,
  type DataContext,
  definePlugin,
  type HeloContext,
  type MailContext,
  type NexthopContext,
} from '@postroad/plugin'
import { MilterAsker } from './asker.ts'
import { type MilterOptions, options as schema } from './options.ts'

/** Milliseconds that a handler gets beyond the clocks of the milter, which end it. */
const GRACE = 1_000
/** Commands that may have to be said at one moment, so that a milter has caught up. */
const COMMANDS = 6

/**
 * Any milter as a plugin: opendkim, opendmarc, clamav-milter, spamass-milter, one of yours.
 *
 * @example app.use(milter({ at: 'unix:/run/opendkim/opendkim.sock' }), { as: 'opendkim', onError: 'pass' })
 */
export const milter = definePlugin({
  name: 'milter',
  options: schema,
  setup({ options, name, hostname, shadow }) {
    const asker = new MilterAsker(options, { name, hostname, shadow })
    const { connect, command, limit, content } = options.timeouts
    const has = (stage: MilterOptions['stages'][number]): boolean => options.stages.includes(stage)
    const asked = { points: false, timeout: connect + COMMANDS * command + GRACE } as const
    // The name of the client is found out beside the connection; who needs it waits for it.
    const named = { after: ['helo'] } as const
    return {
      ...(has('connect') && {
        connect: { ...asked, ...named, handler: (context: ConnectContext) => asker.greet(context) },
      }),
      ...(has('helo') && { helo: { ...asked, handler: (context: HeloContext) => asker.greet(context) } }),
      ...(has('helo') && {
        unknown: { timeout: asked.timeout, handler: (context: CommandContext) => asker.unknown(context) },
      }),
      ...(has('mail') && { mail: { ...asked, handler: (context: MailContext) => asker.mail(context) } }),
      // A recipient is told when it has a route: what this server refuses, a milter need not know of.
      ...(has('rcpt') && { nexthop: { ...asked, handler: (context: NexthopContext) => asker.rcpt(context) } }),
      ...(has('data') && { data: { ...asked, handler: (context: DataContext) => asker.data(context) } }),
      ...(has('message') && {
        receive: {
          inTurn: options.sees === 'chain',
          timeout: 2 * content + GRACE,
          handler: (context: DataContext) => asker.receive(context),
        },
      }),
      message: {
        points: false,
        inTurn: options.sees === 'chain',
        provides: [asker.result],
        timeout: connect + COMMANDS * command + limit + content + GRACE,
        handler: (context) => asker.message(context),
      },
      rewrite: { changes: 'body', handler: (context) => asker.rewrite(context) },
      closed: ({ session }) => asker.closed(session),
      close: () => asker.close(),
    }
  },
})
