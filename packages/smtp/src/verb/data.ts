/** DATA, RFC 5321 §4.1.1.4. */
import type { Conversation } from '../session/conversation.ts'
import type { WireTransaction } from '../session/transaction.ts'
import type { WireReply } from '../stages.ts'
import { FAILURE, formatReply, isPositive, reply } from '../wire/reply.ts'
import { NO_VALID, notReady } from './message.ts'

const GO_ON = formatReply(reply(354, undefined, 'End data with <CRLF>.<CRLF>'))
const ARGUMENT = reply(501, '5.5.4', 'No argument expected')
const MAIL_FIRST = reply(503, '5.5.1', 'Say MAIL first')
const CHUNKS = reply(503, '5.5.1', 'BDAT was said already')
/** RFC 3030 §3: DATA cannot carry it. */
const BINARY = reply(503, '5.5.1', 'BINARYMIME needs BDAT')

/** Goes on with 354, or says why not. */
export function data(conversation: Conversation, argument: string) {
  const { transaction } = conversation
  const refusal = notReady(conversation)
  if (argument !== '') return conversation.refuse('DATA', ARGUMENT)
  if (transaction === undefined || refusal !== undefined) return tooSoon(conversation, refusal ?? MAIL_FIRST)
  if (transaction.hasContent) return conversation.refuse('DATA', CHUNKS)
  if (transaction.parameters.body === 'BINARYMIME') return conversation.refuse('DATA', BINARY)
  conversation.answer(conversation.stages.data(), begin, transaction)
}

/** With PIPELINING DATA is said before it is known that no recipient was taken: that is no error, once. */
function tooSoon(conversation: Conversation, refusal: WireReply) {
  if (refusal !== NO_VALID) return conversation.refuse('DATA', refusal)
  conversation.stages.refused('DATA', refusal)
  conversation.countFutile(refusal, 1)
}

function begin(conversation: Conversation, answer: WireReply | undefined, transaction: WireTransaction) {
  if (answer !== undefined) return conversation.countFutile(isPositive(answer) ? FAILURE : answer, 1)
  transaction.begin(conversation.stages.content())
  conversation.input.startData({
    normalise: conversation.settings.normalise,
    lineLimit: conversation.settings.limits.line,
  })
  conversation.watchContent()
  conversation.put(GO_ON)
}
