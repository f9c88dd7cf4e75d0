/** Puts mail into Maildirs on this machine while the client waits: 250 is said when it is on stable storage. */

import { maildirTransport } from '@postroad/delivery'
import { type Outcome, outcomeKind, type Recipient, type Reply } from '@postroad/mail'
import {
  type Defer,
  defer,
  definePlugin,
  type PermanentStatus,
  type QueueContext,
  type Receipt,
  type Reject,
  reject,
  type TransientStatus,
  waysOf,
} from '@postroad/plugin'
import { options as schema } from './options.ts'

/**
 * Final delivery into Maildirs.
 *
 * @example
 * mx.use(routing({ domains: { 'example.com': { via: 'maildir' } } })).use(maildir({ folder: '/var/mail/example' }))
 */
export const maildir = definePlugin({
  name: 'maildir',
  options: schema,
  setup: async ({ options, folder, resolve }) => {
    const { via, create, byDomain, returnPath, deliveredTo } = options
    const path = options.folder === undefined ? await folder() : resolve(options.folder)
    const transport = maildirTransport({ folder: path, create, byDomain, returnPath, deliveredTo })
    return {
      nexthop: {
        points: false,
        handler: async ({ route, recipient, parameters }) => {
          const own = waysOf(route).filter((way) => way.via === via)
          for (const address of own.flatMap(({ to }) => to ?? [recipient])) {
            const reply = await transport.check({ address, parameters })
            if (reply !== undefined) return toRefusal(reply)
          }
          return undefined
        },
      },
      queue: {
        // Octets go to the file as they come: nothing between here and the mailbox could lose them. It is the end of the way, RFC 8689 §4.4.
        supports: ['8BITMIME', 'BINARYMIME', 'SMTPUTF8', 'REQUIRETLS'],
        carries: (each) => each === via,
        handler: async (context) => {
          if (!context.deliveries.every(({ route }) => route.via === via)) return undefined
          const copies = copiesOf(context)
          const { envelope, message, signal, log } = context
          const job = {
            route: { via },
            from: envelope.from,
            parameters: envelope.parameters,
            recipients: copies,
            message,
            signal,
            log,
          }
          return answerOf(context, copies, await transport.deliver(job))
        },
      },
      folders: options.folder === undefined ? [] : [{ at: 'folder', path, isMade: create }],
      close: () => transport.close(),
    }
  },
})

/** One file to be written, for one recipient of the envelope. */
interface Copy extends Recipient {
  readonly recipient: Recipient
}

/** Each recipient's mailboxes; a mailbox that two of them lead to gets one copy for each. */
function copiesOf({ deliveries }: QueueContext): Copy[] {
  return deliveries.flatMap(({ route, recipients }) =>
    recipients.flatMap((recipient) =>
      (route.to ?? [recipient.address]).map((address) => ({ address, parameters: recipient.parameters, recipient })),
    ),
  )
}

/** The receipt when anybody was served; else the refusal. */
function answerOf(
  { deliveries, envelope }: QueueContext,
  copies: readonly Copy[],
  outcomes: readonly Outcome[],
): Receipt | Reject | Defer {
  const refused = new Map<Recipient, Reject | Defer>()
  for (const { recipient, kind, reply } of outcomes) {
    const owner = copies.find((copy) => copy === recipient)?.recipient
    if (kind !== 'delivered' && owner !== undefined) refused.set(owner, toRefusal(reply))
  }
  const total = new Set(deliveries.flatMap(({ recipients }) => recipients)).size
  const list = [...refused.values()]
  const [first] = list
  if (first !== undefined && refused.size === total) return list.find(({ kind }) => kind === 'defer') ?? first
  return {
    id: envelope.id,
    ...(refused.size > 0 && { refused: [...refused].map(([recipient, refusal]) => ({ recipient, refusal })) }),
  }
}

function toRefusal({ code, status, text }: Reply): Reject | Defer {
  // `as`: replies of this transport always have a status, of the class of their code.
  if (outcomeKind(code) === 'failed') return reject(text, { code, status: status as PermanentStatus })
  return defer(text, { code, status: status as TransientStatus }) // as above
}
