/** Whether a server can take a message as it is; asked before anything is sent, because what would be lost could not be told later. */
import type { Job, JobRecipient, MessageSource } from '../transport.ts'
import type { ClientConnection } from './connection.ts'
import { localReply, type Reply } from './reply.ts'

const NO_UTF8 = localReply(553, '5.6.7', 'The next hop does not take internationalized mail')
const NO_BINARY = localReply(554, '5.6.1', 'The next hop does not take binary mail')
const NO_TLS = localReply(550, '5.7.30', 'REQUIRETLS was asked for, and the next hop does not support it')

/** The part of a job that its fitness depends on before its content is known. */
export interface Load extends Pick<Job, 'from' | 'parameters'> {
  /** Octets, known or announced. */
  readonly size: number | undefined
}

/** Why the server cannot take this message for anybody, as far as the envelope tells; undefined when it can. */
export function unfitEnvelope({ from, parameters, size }: Load, connection: ClientConnection): Reply | undefined {
  const { extensions } = connection
  // RFC 8689 §4.2.1: TLS alone is not enough, the next hop must promise to pass the wish on.
  if (parameters.requireTls && !(connection.secure && extensions.requireTls)) return NO_TLS
  if (parameters.body === 'BINARYMIME') return NO_BINARY
  // RFC 1870 §6.1: 0 is no limit.
  if (size !== undefined && extensions.size !== undefined && extensions.size > 0 && size > extensions.size)
    return localReply(552, '5.3.4', `Message of ${size} octets exceeds the next hop's limit of ${extensions.size}`)
  return from?.isInternational && !extensions.smtputf8 ? NO_UTF8 : undefined
}

/** Why the server cannot take this message, as far as its header tells; undefined without a promise when that need not be known. */
export function unfitHeader(
  job: Pick<Job, 'parameters' | 'message'>,
  connection: ClientConnection,
): Promise<Reply | undefined> | undefined {
  // RFC 6531 §3.2: the client asked for SMTPUTF8; only the header tells whether it is needed.
  if (!job.parameters.smtputf8 || connection.extensions.smtputf8) return undefined
  return hasInternationalHeader(job.message).then((has) => (has ? NO_UTF8 : undefined))
}

/** Why the server cannot take this recipient. */
export function unfitRecipient(recipient: JobRecipient, connection: ClientConnection): Reply | undefined {
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
