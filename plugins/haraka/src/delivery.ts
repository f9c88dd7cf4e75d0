/** Hooks of Haraka's outbound queue: `get_mx`, `send_email`, `delivered`, `deferred`, `bounce`, with a mail of ours as their `hmail`. */

import {
  type DeliveryContext,
  type DeliveryOpinion,
  type DeliveryResultContext,
  defer,
  reject,
  reroute,
} from '@postroad/plugin'
import constants from 'haraka-constants'
import Notes from 'haraka-notes'
import { said } from './answer.ts'
import { addLogMethods } from './logger.ts'
import { harakaAddress } from './state.ts'
import type { HarakaUse } from './use.ts'

/** Seconds that a delivery is put off by a plugin that names no time. */
const DELAY = 60

/** Where a plugin wants mail to go, as `get_mx` says it. */
interface HarakaMx {
  readonly exchange: string
  readonly port?: number | string
  readonly using_lmtp?: boolean
}

/** Before an attempt: another way, or not now. */
export async function beforeDelivery(use: HarakaUse, context: DeliveryContext): Promise<DeliveryOpinion | undefined> {
  const hmail = hmailOf(context)
  const sending = await use.runOn('send_email', hmail, undefined, context)
  if (sending.code === constants.delay) {
    const seconds = Number(sending.message) || DELAY
    return defer(`A plugin has put this delivery off for ${seconds} s`, { status: '4.7.28' })
  }
  if (sending.code === constants.deny) return reject(said(sending.message) ?? 'Delivery denied')
  if (sending.code === constants.denysoft) return defer(said(sending.message) ?? 'Delivery denied for now')
  const mx = await use.runOn('get_mx', hmail, hmail.todo.domain, context)
  if (mx.code === constants.deny) return reject(said(mx.message) ?? 'No way to this domain', { status: '5.4.4' })
  if (mx.code === constants.denysoft) return defer(said(mx.message) ?? 'No way to this domain now', { status: '4.4.4' })
  return mx.code === constants.ok ? wayOf(mx.message) : undefined
}

/** What became of an attempt. */
export async function afterDelivery(
  use: HarakaUse,
  hook: 'delivered' | 'deferred' | 'bounce',
  context: DeliveryResultContext,
): Promise<void> {
  if (!use.has(hook)) return
  const hmail = hmailOf(context)
  const { reply, host = '', tookMs = 0 } = context
  const text = `${reply.code} ${reply.text}`
  const recipients = hmail.todo.rcpt_to
  const params: unknown =
    hook === 'delivered'
      ? [host, undefined, text, tookMs / 1_000, 25, 'SMTP', recipients, false]
      : hook === 'deferred'
        ? {
            delay: Math.max(0, ((context.nextAttemptAt ?? 0) - context.now()) / 1_000),
            rcpt_to: recipients,
            ['err']: text,
          }
        : { bounced_rcpt: recipients, mx: { exchange: host }, message: text, toString: () => text }
  await use.runOn(hook, hmail, params, context)
}

function wayOf(said: unknown): DeliveryOpinion | undefined {
  const [first] = Array.isArray(said) ? said : [said]
  if (typeof first === 'string') {
    const [, host = '', port] = /^\[?([^\]\s]+?)\]?(?::(\d+))?$/.exec(first) ?? []
    return host === '' ? undefined : reroute({ via: 'smtp', host, ...(port !== undefined && { port: Number(port) }) })
  }
  if (typeof first !== 'object' || first === null) return undefined
  const { exchange, port, using_lmtp: isLmtp } = first as HarakaMx // what `get_mx` answers with, as documented
  if (typeof exchange !== 'string' || exchange === '') return undefined
  return reroute({ via: isLmtp ? 'lmtp' : 'smtp', host: exchange, ...(port && { port: Number(port) }) })
}

/** A delivery as plugins know it. */
function hmailOf({ id, envelope, recipients, attempt, queuedAt, log }: DeliveryContext) {
  const domain = recipients[0]?.address.domain ?? ''
  const hmail = {
    name: 'outbound',
    uuid: id,
    domain,
    filename: id,
    num_failures: attempt - 1,
    notes: new Notes(),
    todo: {
      uuid: id,
      domain,
      mail_from: harakaAddress(envelope.from),
      rcpt_to: recipients.map(({ address }) => harakaAddress(address)),
      queue_time: queuedAt,
      notes: new Notes(),
    },
  }
  addLogMethods(
    hmail,
    'outbound',
    () => ({ log }),
    () => 5,
  )
  return hmail
}
