/** The message behind DATA or BDAT: its octets, what may be wrong with them, and what becomes of it. RFC 5321 §4.1.1.4. */
import type { Conversation } from '../session/conversation.ts'
import type { WireTransaction } from '../session/transaction.ts'
import type { WireReply } from '../stages.ts'
import { FAILURE, formatReply, isPositive, last, reply } from '../wire/reply.ts'

/** draft-hall-prdr-00: replies for each recipient follow. */
const CONTENT = formatReply(reply(353, undefined, 'Content analysis has started'))
const MAIL_FIRST = reply(503, '5.5.1', 'Say MAIL first')
const RCPT_FIRST = reply(503, '5.5.1', 'Say RCPT first')
/** RFC 5321 §3.3: 554 when all recipients were refused. */
export const NO_VALID = reply(554, '5.5.1', 'No valid recipients')
const TOO_BIG = reply(552, '5.3.4', 'Message is larger than the limit')
/** Also what stops an endless one: nobody needs twice the limit to be told so. */
export const FAR_TOO_BIG = last(TOO_BIG)
/** X.6.11: invalid content, RFC 5321 §2.3.8, CVE-2023-51764. */
const BARE = reply(550, '5.6.11', 'Message has a bare CR or LF in it')
const NUL = reply(550, '5.6.11', 'Message has a NUL in it')
const LINE = reply(554, '5.6.0', 'Message has a line that is too long')

/** Why a message cannot come now, for DATA and BDAT; undefined when it can. */
export function notReady(conversation: Conversation): WireReply | undefined {
  const { transaction } = conversation
  if (transaction === undefined) return MAIL_FIRST
  // RFC 2033 §4.2: 503 also in LMTP, when no RCPT succeeded.
  if (transaction.accepted === 0)
    return transaction.refused > 0 && conversation.protocol === 'smtp' ? NO_VALID : RCPT_FIRST
  return undefined
}

/** Octets of the message that is coming in. */
export function content(conversation: Conversation, octets: Buffer) {
  const { transaction, chunk } = conversation
  if (transaction === undefined || chunk?.refusal !== undefined) return
  transaction.grow(octets.length)
  const { size } = conversation.settings.limits
  const refusal = faultOf(conversation, transaction) ?? nulIn(octets, conversation, transaction)
  if (refusal !== undefined) transaction.fail(refusal)
  if (transaction.size > 2 * size) return conversation.disconnect(FAR_TOO_BIG)
  if (transaction.content === undefined) return
  try {
    const written = transaction.content.write(octets, octets.length === octets.buffer.byteLength)
    if (written !== undefined) conversation.answer(written, stored, transaction)
  } catch (error) {
    conversation.settings.onError(error)
    transaction.fail(FAILURE)
  }
}

function stored(_connection: Conversation, answer: WireReply | void, transaction: WireTransaction) {
  if (answer !== undefined) transaction.fail(answer)
}

/** RFC 5321 §2.3.8, RFC 6152 §3: only in BINARYMIME. */
function nulIn(octets: Buffer, { settings }: Conversation, { parameters }: WireTransaction): WireReply | undefined {
  return settings.refusesNul && parameters.body !== 'BINARYMIME' && octets.includes(0) ? NUL : undefined
}

/** What is wrong with the message so far. The rest of it is read, RFC 5321 §4.5.3.1.7, but not kept. */
export function faultOf(conversation: Conversation, transaction: WireTransaction): WireReply | undefined {
  const { decoder } = conversation.input
  if (transaction.size > conversation.settings.limits.size) return TOO_BIG
  if (decoder.hasBareLineEnd && !conversation.settings.normalise) return BARE
  return decoder.isLineTooLong ? LINE : undefined
}

/** The final CRLF.CRLF has come. */
export function messageEnd(conversation: Conversation) {
  const { transaction } = conversation
  if (transaction === undefined) return
  const refusal = faultOf(conversation, transaction)
  if (refusal !== undefined) transaction.fail(refusal)
  finish(conversation, transaction)
}

/** All of the message is there, or it has failed before that (`isWhole` false): asks what becomes of it. */
export function finish(conversation: Conversation, transaction: WireTransaction, isWhole = true) {
  const { failure } = transaction
  transaction.complete()
  if (failure !== undefined) {
    conversation.stages.refused('DATA', failure)
    if (isWhole) sayToAll(conversation, transaction, failure)
    else conversation.say(failure)
    conversation.endTransaction(false)
    return conversation.stages.reset()
  }
  conversation.answer(ask(conversation), decided, transaction)
}

function ask(conversation: Conversation): ReturnType<Conversation['stages']['message']> {
  try {
    return conversation.stages.message(conversation.input.decoder.hasOnlyCrlf)
  } catch (error) {
    conversation.settings.onError(error)
    return FAILURE
  }
}

function decided(conversation: Conversation, answer: WireReply | readonly WireReply[], transaction: WireTransaction) {
  const replies = isList(answer) ? answer : [answer]
  if (!isList(answer)) sayToAll(conversation, transaction, answer)
  else if (conversation.protocol === 'lmtp' || transaction.parameters.prdr) sayEach(conversation, transaction, answer)
  else conversation.say(answer[0] ?? FAILURE)
  conversation.endTransaction(replies.some(isPositive))
}

/** RFC 2033 §4.2: one reply for each RCPT that succeeded, in their order. PRDR has 353 before them, and one for all behind them. */
function sayEach(conversation: Conversation, { accepted, parameters }: WireTransaction, replies: readonly WireReply[]) {
  const isPrdr = conversation.protocol === 'smtp' && parameters.prdr
  if (isPrdr) conversation.put(CONTENT)
  for (let i = 0; i < accepted; i++) conversation.say(replies[i] ?? FAILURE)
  if (isPrdr) conversation.say(replies.find(isPositive) ?? replies[0] ?? FAILURE)
}

/** In LMTP each recipient has a reply of its own, also when they are all the same. */
export function sayToAll(conversation: Conversation, transaction: WireTransaction, answer: WireReply) {
  const count = conversation.protocol === 'lmtp' ? transaction.accepted : 1
  for (let i = 0; i < count; i++) conversation.say(answer)
}

function isList(value: WireReply | readonly WireReply[]): value is readonly WireReply[] {
  return Array.isArray(value)
}
