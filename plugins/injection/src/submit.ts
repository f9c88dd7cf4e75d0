/** Sends what was read, by the plugins of the scope, as a client's mail; and says what became of it. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { MailParameters } from '@postroad/mail'
import { type MessageTags, type Queue, type Reply, SendError } from '@postroad/plugin'
import type { z } from 'zod'
import { RequestRefused } from './refusal.ts'
import type { Outgoing } from './request.ts'
import type { taken } from './schema.ts'

export type TakenMessage = z.output<typeof taken>

/** How it is sent. */
export interface Submitting {
  readonly queue: Queue
  readonly scope: string | undefined
  /** The token's name: rules about authenticated clients know it by that. */
  readonly identity: string
  readonly signal: AbortSignal
  /** The same for the same message of the same request. */
  readonly once: { readonly key: string; readonly until: number } | undefined
}

/** What a message says of itself beside its envelope, for the hook that makes a fact of it. */
export const tagsUnderWay = new AsyncLocalStorage<MessageTags | undefined>()

/** Seconds after which it is worth to try again. */
const AGAIN = '30'

/**
 * Resolves when it is on stable storage.
 *
 * @throws {RequestRefused} what the plugins said: 422, 413 or 429, 503 when it may be taken later
 */
export async function submit(
  message: Outgoing,
  { queue, scope, identity, signal, once }: Submitting,
): Promise<TakenMessage> {
  const { from, to, at, messageId, tags } = message
  const parameters: MailParameters = { ...(at !== undefined && { holdUntil: at }), ...(once && { idempotency: once }) }
  const mail = { from: from ?? null, to, message: message.make(), parameters }
  const options = { identity, signal, ...(scope !== undefined && { scope }) }
  try {
    const { id, refused } = await (tags
      ? tagsUnderWay.run(tags, () => queue.send(mail, options))
      : queue.send(mail, options))
    return {
      id,
      ...(messageId !== undefined && { messageId }),
      ...(at !== undefined && { at: new Date(at).toISOString() }),
      ...(refused.length > 0 && {
        refused: refused.map(({ recipient, reply }) => ({ address: recipient.toString(), reply: plain(reply) })),
      }),
    }
  } catch (error) {
    if (error instanceof SendError) throw refusalOf(error)
    throw error
  }
}

function refusalOf({ reply, refused }: SendError): RequestRefused {
  const { code, status = '', text } = reply
  const detail = [code, status, text].filter(Boolean).join(' ')
  const faults = refused.map((each) => ({
    pointer: '#/to',
    detail: `${each.recipient}: ${[each.reply.code, each.reply.status, each.reply.text].filter(Boolean).join(' ')}`,
  }))
  const isTooMuch = status.endsWith('.7.28')
  const isTooLarge = code === 552 && status.endsWith('.3.4')
  const http = code < 500 ? (isTooMuch ? 429 : 503) : isTooLarge ? 413 : 422
  return new RequestRefused(http, {
    detail,
    faults,
    reply: plain(reply),
    ...(code < 500 && { headers: { 'retry-after': AGAIN } }),
  })
}

function plain({ code, status, text }: Reply) {
  return { code, ...(status !== undefined && { status }), text }
}
