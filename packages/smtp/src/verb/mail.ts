/** MAIL: a transaction begins, RFC 5321 §4.1.1.2. */
import { type MailParameters, parseReversePath } from '@postroad/mail'
import type { Conversation } from '../session/conversation.ts'
import type { Offer, WireReply } from '../stages.ts'
import { formatReply, isPositive, reply } from '../wire/reply.ts'
import { decodeUtf8 } from '../wire/utf8.ts'
import { mechanismsFor } from './ehlo.ts'
import { weakExchange } from './key-exchange.ts'
import { isReply, parseMailParameters } from './parameters.ts'

const OK = formatReply(reply(250, '2.1.0', 'Ok'))
const HELLO_FIRST = reply(503, '5.5.1', 'Say EHLO first')
const NESTED = reply(503, '5.5.1', 'A transaction is under way already')
const TLS_FIRST = reply(530, '5.7.0', 'Must issue a STARTTLS command first')
const AUTH_FIRST = reply(530, '5.7.0', 'Authentication required')
const SYNTAX = reply(501, '5.5.4', 'Syntax: MAIL FROM:<address> [parameters]')
const PATH = reply(501, '5.1.7', 'Malformed reverse-path')
const NEEDS_UTF8 = reply(553, '5.6.7', 'Address needs SMTPUTF8')
const TOO_MANY = reply(421, '4.7.0', 'Too many transactions in this connection')

/** @see RFC 5321 §3.3 for the order of commands */
export function mail(conversation: Conversation, argument: string) {
  const refusal = outOfOrder(conversation)
  if (refusal !== undefined) return conversation.refuse('MAIL', refusal)
  const text = decodeUtf8(argument)
  if (text === undefined || !/^FROM:/i.test(text)) return conversation.refuse('MAIL', SYNTAX)
  const path = parseReversePath(text.slice(5), conversation.settings.paths)
  if (path === undefined) return conversation.refuse('MAIL', PATH)
  const { offer } = conversation
  const parameters = parseMailParameters(path.rest, rulesOf(conversation, offer))
  if (isReply(parameters)) return conversation.refuse('MAIL', parameters)
  // RFC 6531 §3.5: 553 5.6.7 for an address that SMTPUTF8 has not been said for.
  if (text !== argument && !parameters.smtputf8) return conversation.refuse('MAIL', NEEDS_UTF8)
  conversation.countMail()
  conversation.answer(conversation.stages.mail(path.address, parameters), begun, parameters)
}

function begun(conversation: Conversation, answer: WireReply | undefined, parameters: MailParameters) {
  if (answer !== undefined && !isPositive(answer)) return conversation.countRefused(answer, true)
  conversation.beginTransaction(parameters)
  if (answer === undefined) conversation.put(OK)
  else conversation.say(answer)
}

function rulesOf(conversation: Conversation, offer: Offer): Parameters<typeof parseMailParameters>[1] {
  return {
    offer,
    size: conversation.settings.limits.size,
    isSecure: conversation.tls !== undefined,
    hasAuth: conversation.isAuthenticated || mechanismsFor(conversation, offer).length > 0,
  }
}

function outOfOrder(conversation: Conversation): WireReply | undefined {
  if (!conversation.isIntroduced) return HELLO_FIRST
  if (conversation.transaction !== undefined) return NESTED
  return (
    tooEarly(conversation) ??
    (conversation.transactions < conversation.settings.limits.transactions ? undefined : TOO_MANY)
  )
}

/** What the operator wants first, for the commands that tell or take something. */
export function tooEarly({ settings, tls, isAuthenticated }: Conversation): WireReply | undefined {
  // RFC 3207 §4: 530 before STARTTLS, where it is required.
  if (settings.tls === 'required' && tls === undefined) return TLS_FIRST
  // RFC 4954 §6: 530 before AUTH, where it is required.
  return weakExchange({ settings, tls }) ?? (settings.auth === 'required' && !isAuthenticated ? AUTH_FIRST : undefined)
}
