/** Asks a policy service of Postfix about each recipient, and does what it says. */
import { parseAddress } from '@postroad/mail'
import {
  type CommandOpinion,
  type DataContext,
  definePlugin,
  discard,
  type MessageOpinion,
  quarantine,
  type RcptContext,
  reverseDns,
  rewrite,
} from '@postroad/plugin'
import { meaningOf, type Wish } from './opinion.ts'
import { options as schema } from './options.ts'
import { PolicyService } from './service.ts'

/** Milliseconds that a handler gets beyond the clock of the service, which is for the second try on a connection of its own. */
const GRACE = 1_000

/**
 * Any policy service as a plugin: postgrey, policyd-spf, policyd-rate-limit, one of yours.
 *
 * @example app.use(policy({ at: 'inet:127.0.0.1:10023' }), { as: 'postgrey', onError: 'pass' })
 */
export const policy = definePlugin({
  name: 'policy',
  options: schema,
  setup({ options }) {
    const service = new PolicyService(options)
    const wishes = new WeakMap<object, Wish[]>()
    const asked = { points: false, after: ['helo', 'recipients'], timeout: 2 * options.timeout + GRACE } as const
    const ask = async (context: DataContext, more: object): Promise<CommandOpinion | undefined> => {
      const { envelope, signal, log } = context
      const { opinion, wish, log: said } = meaningOf(await service.ask({ ...questionOf(context), ...more }, signal))
      if (said !== undefined) log.info({ said }, 'the policy service has said')
      if (wish) {
        const known = wishes.get(envelope) ?? []
        // Asked about each recipient, it says the same of the message each time.
        if (!known.some((one) => JSON.stringify(one) === JSON.stringify(wish))) wishes.set(envelope, [...known, wish])
      }
      return opinion
    }
    return {
      ...(options.states.includes('rcpt') && {
        rcpt: {
          ...asked,
          handler: (context: RcptContext) =>
            ask(context, { protocol_state: 'RCPT', recipient: plain(context.recipient), recipient_count: 0 }),
        },
      }),
      ...(options.states.includes('data') && {
        data: {
          ...asked,
          handler: (context: DataContext) => {
            const { recipients } = context.envelope
            const [only] = recipients
            return ask(context, {
              protocol_state: 'DATA',
              recipient: only && recipients.length === 1 ? plain(only.address) : '',
              recipient_count: recipients.length,
            })
          },
        },
      }),
      message: {
        points: false,
        handler: ({ envelope }): MessageOpinion | undefined => {
          const all = wishes.get(envelope) ?? []
          const dropped = all.find(({ kind }) => kind === 'discard')
          const held = all.find(({ kind }) => kind === 'quarantine')
          if (dropped && 'reason' in dropped) return discard(dropped.reason)
          return held && 'reason' in held ? quarantine(held.reason) : undefined
        },
      },
      rewrite: {
        changes: 'envelope',
        handler: ({ envelope, message }) => {
          const all = wishes.get(envelope)
          if (!all) return
          // Several of them keep their order: the first is on top.
          const changed = all
            .toReversed()
            .reduce((edited, one) => (one.kind === 'field' ? edited.withHeader(one.name, one.value) : edited), message)
          const add = all.flatMap((one) => (one.kind === 'redirect' || one.kind === 'add' ? [addressOf(one.to)] : []))
          if (add.length === 0) return changed
          const isRedirected = all.some(({ kind }) => kind === 'redirect')
          const remove = isRedirected ? envelope.recipients.map(({ address }) => address) : []
          return rewrite({ message: changed, add, remove })
        },
      },
      close: () => service.close(),
    }
  },
})

function addressOf(text: string): NonNullable<ReturnType<typeof parseAddress>> {
  const address = parseAddress(text)
  if (!address) throw new Error(`the policy service named a recipient that is no address: ${JSON.stringify(text)}`)
  return address
}

/** Without quotes, as Postfix writes it here. */
function plain({ local, domain }: { readonly local: string; readonly domain: string }): string {
  return domain === '' ? local : `${local}@${domain}`
}

function questionOf({ session, helo, envelope, find }: DataContext): Readonly<Record<string, string | number>> {
  const { remote, local, tls, identity } = session
  const name = find(reverseDns)?.name ?? 'unknown'
  return {
    request: 'smtpd_access_policy',
    protocol_name: helo.extended ? 'ESMTP' : 'SMTP',
    helo_name: helo.name,
    queue_id: '',
    sender: envelope.from ? plain(envelope.from) : '',
    client_address: remote.address,
    client_port: remote.port,
    client_name: name,
    reverse_client_name: name,
    server_address: local.address,
    server_port: local.port,
    instance: envelope.id,
    size: envelope.parameters.size ?? 0,
    sasl_method: '',
    sasl_username: identity?.name ?? '',
    sasl_sender: '',
    encryption_protocol: tls?.version ?? '',
    encryption_cipher: tls?.cipher ?? '',
    etrn_domain: '',
  }
}
