/** What a plugin said to `next`, as an opinion. */

import {
  type CommandReply,
  type Defer,
  defer,
  type PermanentStatus,
  type Reject,
  reject,
  reply,
  type TransientStatus,
  textOf,
} from '@postroad/plugin'
import constants from 'haraka-constants'
import type { ChainAnswer } from './chain.ts'

/** Codes that Haraka replies with at each hook, for good and for now, and its words where the plugin has none. */
const REPLIES: Readonly<Record<string, readonly [permanent: number, transient: number, text: string]>> = {
  lookup_rdns: [554, 421, 'rDNS Lookup Failed'],
  connect: [554, 421, 'Your mail is not welcome here'],
  helo: [550, 450, 'HELO denied'],
  ehlo: [550, 450, 'EHLO denied'],
  mail: [550, 450, 'sender denied'],
  rcpt: [550, 450, 'recipient denied'],
  rcpt_ok: [550, 450, 'recipient denied'],
  data: [554, 451, 'Message denied'],
  data_post: [550, 450, 'Message denied'],
  queue: [550, 450, 'Message denied'],
  queue_outbound: [550, 450, 'Message denied'],
}

/** The text of an answer; that of a DSN is its reply. */
export function said(message: unknown): string | undefined {
  if (message === undefined || message === null || message === '') return undefined
  if (Array.isArray(message)) return message.map(String).join('\n')
  if (isDsn(message)) return message.reply
  return typeof message === 'object' ? textOf(message) : String(message)
}

/** The refusal that an answer is; undefined when it refuses nothing. */
export function refusalOf(
  hook: string,
  { code, message }: ChainAnswer,
  { denied, disconnects = false }: { readonly denied?: string; readonly disconnects?: boolean } = {},
): Reject | Defer | undefined {
  const [permanent, transient, words] = REPLIES[hook] ?? [550, 450, 'denied']
  const text = said(message) ?? denied ?? words
  switch (code) {
    case constants.deny:
      return refusal(permanent, message, { text, disconnect: disconnects })
    case constants.denydisconnect:
    case constants.disconnect:
      return refusal(permanent, message, { text, disconnect: true })
    case constants.denysoft:
    case constants.delay:
      return refusal(transient, message, { text, disconnect: disconnects })
    case constants.denysoftdisconnect:
      return refusal(transient, message, { text, disconnect: true })
    default:
      return undefined
  }
}

/** The reply to a verb that nobody knows. */
export function unknownReply(answer: ChainAnswer): CommandReply | undefined {
  const refusal = refusalOf('unrecognized_command', answer, { denied: 'Unrecognized command' })
  if (!refusal) return undefined
  const code = refusal.disconnect ? (refusal.kind === 'reject' ? 521 : 421) : 500
  return reply(code, refusal.text, code === 421 ? '4.7.0' : '5.5.2')
}

/** The reply to VRFY. */
export function verifyReply(answer: ChainAnswer): CommandReply | undefined {
  if (answer.code === constants.ok) return reply(250, said(answer.message) ?? 'User OK', '2.1.5')
  const refusal = refusalOf('vrfy', answer, { denied: 'Access Denied' })
  return refusal && reply(refusal.code, refusal.text, refusal.status)
}

function refusal(
  usual: number,
  message: unknown,
  { text, disconnect }: { readonly text: string; readonly disconnect: boolean },
): Reject | Defer {
  // The code of a DSN goes before that of the hook, as in Haraka.
  const own = isDsn(message) ? message.code : usual
  const code = own >= 400 && own <= 599 ? own : usual
  const [, status, rest] = /^([45]\.\d{1,3}\.\d{1,3})\s+([\s\S]+)$/.exec(text) ?? []
  const isPermanent = code >= 500
  const fits = status?.startsWith(isPermanent ? '5' : '4')
  const words = fits ? (rest ?? text) : text
  // 421 ends a connection, RFC 5321 §3.8.
  const ends = disconnect || code === 421
  // `as`: the first digit was compared.
  return isPermanent
    ? reject(words, {
        code,
        disconnect: ends,
        ...(fits && status !== undefined && { status: status as PermanentStatus }),
      })
    : defer(words, {
        code,
        disconnect: ends,
        ...(fits && status !== undefined && { status: status as TransientStatus }),
      })
}

function isDsn(message: unknown): message is { readonly code: number; readonly reply: string } {
  if (typeof message !== 'object' || message === null) return false
  const { code, reply } = message as { readonly code?: unknown; readonly reply?: unknown }
  return message.constructor?.name === 'DSN' && typeof code === 'number' && typeof reply === 'string'
}
