/** RCPT: one recipient, RFC 5321 §4.1.1.3. */
import { parseForwardPath } from '@postroad/mail'
import type { Conversation } from '../session/conversation.ts'
import type { WireTransaction } from '../session/transaction.ts'
import type { WireReply } from '../stages.ts'
import { isPositive, reply } from '../wire/reply.ts'
import { decodeUtf8 } from '../wire/utf8.ts'
import { isReply, parseRcptParameters } from './parameters.ts'

const MAIL_FIRST = reply(503, '5.5.1', 'Say MAIL first')
const CHUNKS = reply(503, '5.5.1', 'The message is on its way already')
const SYNTAX = reply(501, '5.5.4', 'Syntax: RCPT TO:<address> [parameters]')
const PATH = reply(501, '5.1.3', 'Malformed forward-path')
const NEEDS_UTF8 = reply(553, '5.6.7', 'Address needs SMTPUTF8')
/** RFC 5321 §4.5.3.1.10: 452, and the client sends the rest in another transaction. */
const TOO_MANY = reply(452, '4.5.3', 'Too many recipients')

/** Asks whether the recipient is taken, or says why it cannot be. */
export function rcpt(conversation: Conversation, argument: string) {
  const { transaction } = conversation
  if (transaction === undefined) return conversation.refuse('RCPT', MAIL_FIRST)
  if (transaction.hasContent) return conversation.refuse('RCPT', CHUNKS)
  const text = decodeUtf8(argument)
  if (text === undefined || !/^TO:/i.test(text)) return conversation.refuse('RCPT', SYNTAX)
  const path = parseForwardPath(text.slice(3), conversation.settings.paths)
  if (path === undefined) return conversation.refuse('RCPT', PATH)
  // RFC 6531 §3.5: 553 5.6.7 for an address that SMTPUTF8 has not been said for.
  if (text !== argument && !transaction.parameters.smtputf8) return conversation.refuse('RCPT', NEEDS_UTF8)
  const parameters = parseRcptParameters(path.rest, conversation.offer)
  if (isReply(parameters)) return conversation.refuse('RCPT', parameters)
  const { recipients } = conversation.settings.limits
  // Also of those that were refused: whoever keeps a list of them must not need memory without end.
  if (transaction.accepted >= recipients || transaction.refused >= recipients) {
    conversation.stages.refused('RCPT', TOO_MANY)
    // RFC 5321 §4.5.3.1.10: a client with a long list may have sent all of it before it reads this.
    return conversation.countFutile(TOO_MANY, recipients)
  }
  conversation.answer(conversation.stages.rcpt(path.address, parameters), judged, transaction)
}

function judged(conversation: Conversation, answer: WireReply, transaction: WireTransaction) {
  const isAccepted = isPositive(answer)
  transaction.countRecipient(isAccepted)
  if (isAccepted) conversation.say(answer)
  else conversation.countRefused(answer)
}
