/** Whether a server can take a message as it is; asked before anything is sent, because what would be lost could not be told later. */

import type { Job, MessageSource, Recipient, Reply } from '@postroad/mail'
import { hasEightBit, toSevenBit } from '../seven-bit.ts'
import type { ClientConnection } from './connection.ts'
import { localReply } from './reply.ts'
import { isTlsRequired } from './target.ts'

const NO_UTF8 = localReply(553, '5.6.7', 'The next hop does not take internationalized mail')
const NO_BINARY = localReply(554, '5.6.1', 'The next hop does not take binary mail')
const NO_EIGHT_BIT = localReply(
  554,
  '5.6.3',
  'The next hop takes seven bits only, and this message cannot be converted',
)
const UNREADABLE = localReply(451, '4.3.0', 'The message could not be read')
// RFC 8689 §4.2.1 names both codes.
/** REQUIRETLS, and there is no TLS. */
export const NO_TLS = localReply(550, '5.7.10', 'REQUIRETLS was asked for, and there is no TLS to the next hop')
/** REQUIRETLS, and the server does not pass it on. */
export const NO_REQUIRETLS = localReply(550, '5.7.30', 'REQUIRETLS was asked for, and the next hop does not support it')

/** The part of a job that its fitness depends on before its content is known. */
export interface Load extends Pick<Job, 'from' | 'parameters'> {
  /** Octets, known or announced. */
  readonly size: number | undefined
}

/** Why the server cannot take this message for anybody, as far as the envelope tells; undefined when it can. */
export function unfitEnvelope({ from, parameters, size }: Load, connection: ClientConnection): Reply | undefined {
  const { extensions } = connection
  // RFC 8689 §4.2.1: TLS alone is not enough, the next hop must promise to pass the wish on.
  if (parameters.requireTls && isTlsRequired({ from, parameters }) && !(connection.secure && extensions.requireTls))
    return connection.secure ? NO_REQUIRETLS : NO_TLS
  if (parameters.body === 'BINARYMIME') return NO_BINARY
  // RFC 1870 §6.1: 0 is no limit.
  if (size !== undefined && extensions.size !== undefined && extensions.size > 0 && size > extensions.size)
    return localReply(552, '5.3.4', `Message of ${size} octets exceeds the next hop's limit of ${extensions.size}`)
  return from?.isInternational && !extensions.smtputf8 ? NO_UTF8 : undefined
}

/** A job as the server can take it, or why it cannot. */
export type Fit = { readonly job: Job; readonly refusal?: undefined } | { readonly refusal: Reply }

/** Whether nothing has to be done to a job, or looked for in it. */
export function isFit({ from, parameters, message }: Job, connection: ClientConnection): boolean {
  const { eightBitMime, smtputf8 } = connection.extensions
  if (!eightBitMime || (parameters.smtputf8 === true && !smtputf8)) return false
  return unfitEnvelope({ from, parameters, size: message.size }, connection) === undefined
}

/** Makes a job fit for the server: at once where nothing is to be done, which is nearly always. */
export function fit(job: Job, connection: ClientConnection): Fit | Promise<Fit> {
  const { from, parameters, message } = job
  const { extensions } = connection
  const refusal = unfitEnvelope({ from, parameters, size: message.size }, connection)
  if (refusal !== undefined) return { refusal }
  const isHeaderOpen = parameters.smtputf8 === true && !extensions.smtputf8
  if (!isHeaderOpen && extensions.eightBitMime) return { job }
  return fitContent(job, connection).catch((error: unknown) => {
    job.log?.warn({ error }, 'the message could not be read')
    return { refusal: UNREADABLE }
  })
}

/** For old servers: what they lack matters only if the content has it. */
async function fitContent(job: Job, { extensions }: ClientConnection): Promise<Fit> {
  const { parameters, message } = job
  // RFC 6531 §3.2: the client asked for SMTPUTF8; only the header tells whether it is needed.
  if (parameters.smtputf8 && !extensions.smtputf8 && (await hasInternationalHeader(message)))
    return { refusal: NO_UTF8 }
  if (extensions.eightBitMime || !(await hasEightBit(message))) return { job }
  // RFC 6152 §3: convert, or give up.
  const converted = await toSevenBit(message)
  return converted === undefined ? { refusal: NO_EIGHT_BIT } : { job: { ...job, message: converted } }
}

/** Why the server cannot take this recipient. */
export function unfitRecipient(recipient: Recipient, connection: ClientConnection): Reply | undefined {
  return recipient.address.isInternational && !connection.extensions.smtputf8 ? NO_UTF8 : undefined
}

/** Looks for an octet beyond ASCII before the empty line. */
async function hasInternationalHeader(message: MessageSource): Promise<boolean> {
  let atLineStart = true
  for await (const chunk of message.chunks?.() ?? message.raw()) {
    for (const octet of chunk) {
      if (octet >= 0x80) return true
      if (octet === 0x0d) continue
      if (octet === 0x0a && atLineStart) return false
      atLineStart = octet === 0x0a
    }
  }
  return false
}
