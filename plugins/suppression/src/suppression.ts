/** Does not write to who is not there, or does not want it: learns it from bounces and complaints, and says no before mail is taken, and before it leaves. */
import { TokenKeys } from '@postroad/options'
import {
  Clock,
  type CommandOpinion,
  type DeliveryOpinion,
  type DeliveryResultContext,
  defer,
  definePlugin,
  type Feedback,
  feedback,
  reject,
  Store,
  type Suppression,
  Suppressions,
} from '@postroad/plugin'
import { faultOf } from '@postroad/queue-engine'
import { suppressionCommands } from './command.ts'
import { SuppressionList } from './list.ts'
import { options } from './options.ts'

const TEXTS: Readonly<Record<Suppression['reason'], string>> = {
  address: 'there was no such mailbox',
  mailbox: 'the mailbox could not take mail for long',
  complaint: 'its owner has complained',
  unsubscribe: 'its owner has unsubscribed',
  manual: 'the operator has said so',
}

/**
 * The list of recipients that are not written to any more.
 *
 * @example app.use(bounces({ … })).use(suppression({ tenant: 'domain' })).use(queue())
 */
export const suppression = definePlugin({
  name: 'suppression',
  options,
  needs: { store: Store, clock: Clock },
  provides: { suppressions: Suppressions },
  setup({ options, store, clock, log, resolve, folder }) {
    const { hashed, keys: file } = options
    const keys = new TokenKeys(async () => (file === undefined ? `${await folder()}/keys` : resolve(file)))
    const list = new SuppressionList({ options, store, clock, keys: hashed ? keys : undefined })
    /** What a failure says of a recipient. Policy, and the way between, say nothing of it. */
    const learn = async (
      failure: Pick<Feedback, 'fault' | 'class'> & { readonly detail: string | undefined },
      about: { readonly recipient: string; readonly from: string },
    ): Promise<void> => {
      const { fault, class: kind, detail } = failure
      if (fault !== 'address' && fault !== 'mailbox') return
      const entry = { address: about.recipient, from: about.from, detail, until: list.endOf(fault, kind) }
      if (fault === 'address') await list.add({ ...entry, reason: fault })
      else await list.countDay(entry)
    }
    const hear = async (said: Feedback): Promise<void> => {
      const { kind, recipient, from, reply, detail } = said
      // What cannot be laid to mail of ours may be anybody's invention.
      if (recipient === undefined || from === undefined) return
      if (kind === 'failed') await learn({ ...said, detail: reply && textOf(reply) }, { recipient, from })
      if (kind === 'complaint')
        await list.add({
          address: recipient,
          from,
          reason: detail?.startsWith('opt-out') ? 'unsubscribe' : 'complaint',
          detail,
        })
    }
    return {
      services: { suppressions: list },
      rcpt: {
        after: ['access', 'routing'],
        points: false,
        async handler({ recipient, envelope, session, signal }) {
          if (options.clients === 'authenticated' && session.identity === undefined) return undefined
          const found = await list.find(recipient.toString(), envelope.from?.toString() ?? '', signal)
          return found && refusal(found)
        },
      },
      message: {
        after: ['bounces'],
        points: false,
        async handler({ find }) {
          try {
            for (const said of find(feedback) ?? []) await hear(said)
            return undefined
          } catch (error) {
            log.error({ error }, 'what a report says could not be written down')
            return defer('The report cannot be taken now, try again later', { status: '4.3.0', code: 451 })
          }
        },
      },
      async delivery({ recipients, envelope, signal }) {
        const from = envelope.from?.toString() ?? ''
        const refused: DeliveryOpinion[] = []
        for (const { address } of recipients) {
          const found = await list.find(address.toString(), from, signal)
          if (found) refused.push({ ...refusal(found), for: [address] })
        }
        return refused
      },
      async bounced({ recipients, envelope, reply, host, class: kind }: DeliveryResultContext) {
        // Nobody but the next hop knows; what we have said ourselves, of this list for one, teaches nothing.
        if (host === undefined || !envelope.from) return
        const failure = { fault: faultOf(reply), class: kind, detail: textOf(reply) }
        for (const { address } of recipients)
          await learn(failure, { recipient: address.toString(), from: envelope.from.toString() })
      },
      commands: suppressionCommands(list),
    }
  },
})

function refusal({ reason, at }: Suppression): CommandOpinion & { readonly kind: 'reject' } {
  const since = new Date(at).toISOString().slice(0, 10)
  const isGone = reason === 'address' || reason === 'mailbox'
  return reject(`Recipient is suppressed since ${since}: ${TEXTS[reason]}`, {
    status: isGone ? '5.1.1' : '5.7.1',
    code: 550,
  })
}

function textOf({ code, status, text }: DeliveryResultContext['reply']): string {
  return [code, status, text].filter(Boolean).join(' ')
}
