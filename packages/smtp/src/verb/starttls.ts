/** STARTTLS, RFC 3207. */
import type { Conversation } from '../session/conversation.ts'
import { formatReply, reply } from '../wire/reply.ts'
import { offersStartTls } from './ehlo.ts'

const READY = formatReply(reply(220, '2.0.0', 'Ready to start TLS'))
const ARGUMENT = reply(501, '5.5.4', 'No argument expected')
const ALREADY = reply(503, '5.5.1', 'TLS is active already')
const NOT_OFFERED = reply(502, '5.5.1', 'STARTTLS is not offered')

/** Goes on inside TLS, or says why not. */
export function startTls(conversation: Conversation, argument: string) {
  // RFC 3207 §4: no parameters, 501.
  if (argument !== '') return conversation.refuse('STARTTLS', ARGUMENT)
  if (conversation.tls !== undefined) return conversation.refuse('STARTTLS', ALREADY)
  if (!offersStartTls(conversation)) return conversation.refuse('STARTTLS', NOT_OFFERED)
  conversation.put(READY)
  conversation.startTls()
}
