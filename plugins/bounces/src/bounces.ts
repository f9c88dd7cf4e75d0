/** Knows bounces of one's own mail by the address they come to, refuses forged ones, and reads what the others say. */
import { parseAddress } from '@postroad/mail'
import { AddressTable, TokenKeys } from '@postroad/options'
import {
  type Address,
  Clock,
  defer,
  defineFact,
  definePlugin,
  Events,
  type Feedback,
  feedback,
  type Message,
  type MessageOpinion,
  type RewriteContext,
  rewrite,
  Store,
} from '@postroad/plugin'
import { bounceCommands } from './command.ts'
import { eventOf } from './event.ts'
import { withLoopFields } from './loop.ts'
import { options } from './options.ts'
import { Receiving } from './receiving.ts'
import { Sending } from './sending.ts'
import { BounceAddress } from './token.ts'

/** Where reports go: here. */
const WAY = 'bounces'
/** Whom mail that is no report goes to, in place of the address it came to. */
const forwarded = defineFact<readonly { readonly from: Address; readonly to: Address }[]>('bounces-forwarded')

/**
 * Sends mail with reverse-paths of its own (VERP) and reads the bounces, complaints and receipts that come back.
 *
 * @example app.use(bounces({ address: 'bounce@b.example.com', senders: ['news@example.com'] }))
 */
export const bounces = definePlugin({
  name: 'bounces',
  options,
  needs: { store: Store, clock: Clock, events: Events },
  setup({ options, store, clock, events, log, signal, rehearsal, resolve, folder }) {
    const address = new BounceAddress(options.address)
    const { keys: file } = options
    const keys = new TokenKeys(async () => (file === undefined ? `${await folder()}/keys` : resolve(file)))
    const senders = new AddressTable(options.senders.map((pattern) => [pattern, true]))
    const receiving = new Receiving({
      options,
      address,
      keys,
      store,
      isSender: (one) => senders.find(one) !== undefined,
    })
    const sending = new Sending({
      options,
      address,
      keys,
      store,
      log,
      isSender: (one) => senders.find(one) !== undefined,
    })
    const unread = parseAddress(options.unread ?? `postmaster@${parseAddress(options.address)?.domain}`, {
      smtputf8: true,
    })
    const { cfbl, feedbackId, unauthenticated } = options
    const withFields = async ({ envelope, session, message }: RewriteContext): Promise<Message | undefined> => {
      const { from, recipients, id } = envelope
      if ((cfbl ?? feedbackId) === undefined || from === undefined || senders.find(from) === undefined) return undefined
      if (session.identity === undefined && !unauthenticated) return undefined
      const to = recipients.map(({ address }) => address.toString())
      return withLoopFields(
        message,
        { transaction: id, from: from.toString(), recipients: to },
        { cfbl, feedbackId, keys },
      )
    }
    /** Written down before 250 is said: a report that comes again because of it is told of twice, and none is lost. */
    const tellComplaints = async (
      said: readonly Feedback[],
      signal: AbortSignal,
    ): Promise<MessageOpinion | undefined> => {
      try {
        for (const event of said.flatMap(eventOf)) await events.publish(event, signal)
        return undefined
      } catch (error) {
        log.error({ error }, 'a report could not be written down for those who hear of events')
        return defer('The report cannot be taken now, try again later', { status: '4.3.0', code: 451 })
      }
    }
    return {
      rcpt: {
        before: ['recipients', 'greylist'],
        points: false,
        handler: ({ recipient, envelope, session, now, signal }) =>
          receiving.judge({ recipient, from: envelope.from, isOwn: session.identity !== undefined }, now(), signal),
      },
      route: {
        before: ['routing'],
        ways: () => [{ via: WAY, at: 'address' }],
        handler: ({ recipient }) => (receiving.isOwn(recipient) ? { via: WAY } : undefined),
      },
      message: {
        provides: [feedback, forwarded],
        async handler(context) {
          const { envelope, message, signal } = context
          const own = envelope.recipients.map((one) => one.address).filter((one) => receiving.isOwn(one))
          if (own.length === 0) return undefined
          const said = await receiving.read(message, own, signal)
          // No opinion: plugins that go by what was read are asked after this one.
          if (said) {
            context.set(feedback, said)
            return tellComplaints(said, signal)
          }
          const onwards = await Promise.all(
            own.map(async (from) => ({ from, to: (await receiving.senderOf(from, signal)) ?? unread })),
          )
          context.set(
            forwarded,
            onwards.flatMap(({ from, to }) => (to ? [{ from, to }] : [])),
          )
          return undefined
        },
      },
      rewrite: {
        changes: 'envelope',
        after: [forwarded],
        handler(context) {
          const onwards = context.find(forwarded) ?? []
          return onwards.length === 0
            ? withFields(context)
            : rewrite({ remove: onwards.map(({ from }) => from), add: onwards.map(({ to }) => to) })
        },
      },
      queue: {
        supports: ['8BITMIME', 'BINARYMIME', 'SMTPUTF8', 'DSN', 'REQUIRETLS'],
        carries: (via) => via === WAY,
        // It was read, and written down by who goes by it.
        handler: ({ deliveries, envelope }) =>
          deliveries.every(({ route }) => route.via === WAY) ? { id: envelope.id } : undefined,
      },
      delivery: (context) => sending.mark(context, context.now()),
      commands: bounceCommands({ keys, address, store, life: options.life, now: () => clock.now() }),
      start() {
        // Where it cannot be written down now, the first bounce without a mark does it.
        if (!rehearsal && options.strict)
          void receiving.begin(clock.now(), signal).catch((error: unknown) => {
            if (!signal.aborted) log.warn({ error }, 'when mail began to be marked could not be written down')
          })
      },
    }
  },
})
