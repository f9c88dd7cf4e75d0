/**
 * Greylisting: who is not known is asked to come again later. Mail servers do (RFC 5321 §4.5.4.1); much of what sends spam does
 * not.
 */
import { spfFact } from '@postroad/authres'
import { AddressTable, DomainTable, networks } from '@postroad/options'
import {
  type Address,
  allowedClient,
  allowedRecipient,
  allowedSender,
  type CommandOpinion,
  defer,
  definePlugin,
  type HookContext,
  reverseDns,
  Store,
} from '@postroad/plugin'
import { Greylist } from './memory.ts'
import { options } from './options.ts'

/**
 * Greylisting by network, reverse-path and recipient, RFC 6647 §2.4, at RCPT or after the message. Left alone: authenticated
 * and allowed clients, allowed reverse-paths and recipients, trusted networks and names, networks whose mail was good, and domains that
 * are known when SPF passes for them.
 *
 * @example app.use(greylist({ delay: '2 min' }))
 */
export const greylist = definePlugin({
  name: 'greylist',
  options,
  needs: { store: Store },
  setup({ options, store, log }) {
    const memory = new Greylist(store, options, log)
    const isTrusted = networks(options.trusted)
    const trustedNames = new DomainTable(options.trustedNames.map((pattern) => [pattern, true]))
    const trustedDomains = new DomainTable(options.trustedDomains.map((pattern) => [pattern, true]))
    const spared = new AddressTable(options.spared.map((pattern) => [pattern, true]))
    /** The client's network, unless it is to be left alone. */
    const stranger = ({ session, find }: HookContext): string | undefined => {
      if (session.identity || session.protocol === 'lmtp' || isTrusted(session.remote.address)) return undefined
      if (find(allowedClient) || find(allowedSender)) return undefined
      const name = options.trustedNames.length > 0 ? find(reverseDns)?.name : undefined
      if (name !== undefined && trustedNames.find(name)) return undefined
      const spf = find(spfFact)?.mailFrom
      if (spf?.result === 'pass' && trustedDomains.find(spf.domain)) return undefined
      return memory.networkOf(session.remote.address)
    }
    const refusal = (wait: number): CommandOpinion | undefined =>
      wait > 0 ? defer(options.text.replaceAll('{wait}', inWords(wait)), { status: '4.7.1' }) : undefined
    // The facts of a recipient are gone when its message comes; the address is the same object.
    const allowed = new WeakSet<Address>()
    const isSpared = (to: Address) => allowed.has(to) || spared.find(to) !== undefined
    const learn = (context: HookContext & { readonly points: number }): Promise<void> | undefined => {
      // What came with points is no reason for trust.
      const network = context.points > 0 ? undefined : stranger(context)
      return network === undefined ? undefined : memory.good(network, context.now())
    }
    const facts = options.trustedNames.length > 0 ? [reverseDns] : []
    return {
      close: () => memory.settled(),
      ...(options.at === 'rcpt' && {
        rcpt: {
          after: ['access', 'spf', 'recipients', 'routing', ...facts],
          points: false,
          async handler(context) {
            const { recipient, envelope, signal, now, find } = context
            const network = stranger(context)
            if (network === undefined || isSpared(recipient) || find(allowedRecipient)) return
            return refusal(await memory.wait({ network, from: envelope.from, to: recipient }, now(), signal))
          },
        },
      }),
      ...(options.at === 'message' && {
        rcpt: {
          after: ['access'],
          observes: true,
          handler({ recipient, find }) {
            if (find(allowedRecipient)) allowed.add(recipient)
          },
        },
        message: {
          after: ['spf', 'dkim', 'dmarc', ...facts],
          points: false,
          handler(context) {
            if (context.points < options.points) return
            const network = stranger(context)
            if (network === undefined) return
            const { envelope, signal, now } = context
            const recipients = envelope.recipients.map(({ address }) => address).filter((address) => !isSpared(address))
            const waits = recipients.map((to) => memory.wait({ network, from: envelope.from, to }, now(), signal))
            return Promise.all(waits).then((list) => refusal(Math.max(0, ...list)))
          },
        },
      }),
      accepted: learn,
      // Another server takes what passes here: of that it is told no more.
      judged: (context) => (context.outcome === 'pass' ? learn(context) : undefined),
      commands: {
        list: {
          summary: 'Lists who waits, who came back, and which networks have earned trust',
          async run(_, io) {
            for await (const { at, ...entry } of memory.list(io.signal))
              io.row({ ...entry, at: new Date(at).toISOString() })
          },
        },
        forget: {
          summary: 'Forgets a network, an address or a part of one',
          usage: '<address | text>',
          async run([text], io) {
            if (text === undefined || text === '') return 64
            io.row({ forgotten: await memory.forget(text, io.signal) })
          },
        },
      },
    }
  },
})

function inWords(ms: number): string {
  return ms > 90_000 ? `${Math.ceil(ms / 60_000)} min` : `${Math.ceil(ms / 1_000)} s`
}
