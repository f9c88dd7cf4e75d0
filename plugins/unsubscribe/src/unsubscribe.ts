/** Lets recipients of bulk mail leave by one click: adds the fields, and honours what comes back. */
import { parseAddress, sameMailbox } from '@postroad/mail'
import { AddressTable, TokenKeys } from '@postroad/options'
import { type Address, defer, definePlugin, Events, type Message, reject, Suppressions } from '@postroad/plugin'
import { unsubscribeCommands } from './command.ts'
import { LINK_PATH, withExits } from './fields.ts'
import { Leaving } from './leaving.ts'
import { options } from './options.ts'
import { linkRoutes } from './routes.ts'
import { subscriptionIn, tokenOf } from './subscription.ts'

/** Where mail to the address goes: here. */
const WAY = 'unsubscribe'

/**
 * One-click unsubscription, RFC 8058 and RFC 2369, for the mail of some senders.
 *
 * @example app.use(suppression()).use(unsubscribe({ url: 'https://mail.example.com', senders: ['news@example.com'] })).use(queue())
 */
export const unsubscribe = definePlugin({
  name: 'unsubscribe',
  options,
  needs: { suppressions: Suppressions, events: Events },
  setup({ options, suppressions, events, log, resolve, folder }) {
    const { url, keys: file, several, replace, unauthenticated } = options
    const keys = new TokenKeys(async () => (file === undefined ? `${await folder()}/keys` : resolve(file)))
    const senders = new AddressTable(options.senders.map((pattern) => [pattern, true]))
    const own = options.address === undefined ? undefined : parseAddress(options.address, { smtputf8: true })
    const leaving = new Leaving({ list: suppressions, events, log })
    const isOwn = (one: Address): boolean => own !== undefined && sameMailbox(one, own, { foldCase: true })
    const isBulk = (from: Address | undefined, isKnown: boolean): from is Address =>
      from !== undefined && (isKnown || unauthenticated) && senders.find(from) !== undefined
    return {
      ...(several === 'split' && {
        rcpt: {
          points: false,
          handler: ({ envelope, session }) =>
            envelope.recipients.length > 0 && isBulk(envelope.from, session.identity !== undefined)
              ? // RFC 5321 §4.5.3.1.10: the client sends it again to those that were answered so.
                defer('One recipient at a time: each has a link of its own', { status: '4.5.3', code: 452 })
              : undefined,
        },
      }),
      route: {
        before: ['routing'],
        ways: () => (own === undefined ? [] : [{ via: WAY, at: 'address' }]),
        handler: ({ recipient }) => (isOwn(recipient) ? { via: WAY } : undefined),
      },
      message: {
        points: false,
        async handler({ envelope, message, signal }) {
          const to = envelope.recipients.map(({ address }) => address).filter(isOwn)
          if (to.length === 0) return undefined
          let asked: Awaited<ReturnType<typeof subscriptionIn>>
          try {
            asked = await subscriptionIn(message.subject ?? '', keys)
            if (asked) await leaving.leave(asked, 'mailto', signal)
          } catch (error) {
            log.error({ error }, 'an unsubscription could not be written down')
            return defer('This cannot be done at the moment, try again later', { status: '4.3.0', code: 451, for: to })
          }
          return asked
            ? undefined
            : reject('Keep the subject as your mail program has filled it in: it says who wants no more mail', {
                status: '5.6.0',
                code: 550,
                for: to,
              })
        },
      },
      rewrite: {
        changes: 'header',
        async handler({ envelope, session, message }) {
          const { from, recipients, id } = envelope
          if (!isBulk(from, session.identity !== undefined) || (hasExits(message) && !replace)) return undefined
          const [recipient] = recipients
          if (!recipient || recipients.length > 1) {
            log.info({ id, recipients: recipients.length }, 'no link to unsubscribe: it has several recipients')
            return undefined
          }
          const about = { from: from.toString(), recipient: recipient.address.toString(), transaction: id }
          return withExits(message, { url, address: own?.toString(), token: await tokenOf(about, keys) })
        },
      },
      queue: {
        supports: ['8BITMIME', 'BINARYMIME', 'SMTPUTF8', 'DSN', 'REQUIRETLS'],
        carries: (via) => via === WAY,
        // It was read, and written down.
        handler: ({ deliveries, envelope }) =>
          deliveries.every(({ route }) => route.via === WAY) ? { id: envelope.id } : undefined,
      },
      routes: linkRoutes({ keys, leaving }),
      commands: unsubscribeCommands({ keys, url }),
      remarks: { notes: [`links to unsubscribe lead to ${url}${LINK_PATH}/`] },
    }
  },
})

/** What the sender has put there by itself. */
function hasExits({ headers }: Message): boolean {
  return headers.has('List-Unsubscribe')
}
