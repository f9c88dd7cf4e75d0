/** The message behind DATA or BDAT: its octets, what may be wrong with them, and what becomes of it. RFC 5321 §4.1.1.4. */
import type { Connection } from '../session/connection.ts'
import type { Transaction } from '../session/transaction.ts'
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
const LINE = reply(554, '5.6.0', 'Message has a line that is too long')

/** Why a message cannot come now, for DATA and BDAT; undefined when it can. */
export function notReady(connection: Connection): WireReply | undefined {
  const { transaction } = connection
  if (transaction === undefined) return MAIL_FIRST
  // RFC 2033 §4.2: 503 also in LMTP, when no RCPT succeeded.
  if (transaction.accepted === 0) return transaction.refused > 0 && connection.protocol === 'smtp' ? NO_VALID : RCPT_FIRST
  return undefined
}

/** Octets of the message that is coming in. */
export function content(connection: Connection, octets: Buffer) {
  const { transaction, chunk } = connection
  if (transaction === undefined || chunk?.refusal !== undefined) return
  transaction.size += octets.length
  const { size } = connection.settings.limits
  const refusal = faultOf(connection, transaction)
  if (refusal !== undefined) transaction.fail(refusal)
  if (transaction.size > 2 * size) return connection.disconnect(FAR_TOO_BIG)
  if (transaction.body === undefined) return
  try {
    const written = transaction.body.write(octets)
    if (written !== undefined) connection.answer(written, stored, transaction)
  } catch (error) {
    connection.settings.onError(error)
    transaction.fail(FAILURE)
  }
}

function stored(_connection: Connection, answer: WireReply | void, transaction: Transaction) {
  if (answer !== undefined) transaction.fail(answer)
}

/** What is wrong with the message so far. The rest of it is read, RFC 5321 §4.5.3.1.7, but not kept. */
export function faultOf(connection: Connection, transaction: Transaction): WireReply | undefined {
  const { decoder } = connection.input
  if (transaction.size > connection.settings.limits.size) return TOO_BIG
  if (decoder.hasBareLineEnd && !connection.settings.normalise) return BARE
  return decoder.isLineTooLong ? LINE : undefined
}

/** The final CRLF.CRLF has come. */
export function messageEnd(connection: Connection) {
  const { transaction } = connection
  if (transaction === undefined) return
  const refusal = faultOf(connection, transaction)
  if (refusal !== undefined) transaction.fail(refusal)
  finish(connection, transaction)
}

/** All of the message is there, or it has failed before that (`isWhole` false): asks what becomes of it. */
export function finish(connection: Connection, transaction: Transaction, isWhole = true) {
  const { failure } = transaction
  transaction.body = undefined
  if (failure !== undefined) {
    connection.stages.refused('DATA', failure)
    if (isWhole) sayToAll(connection, transaction, failure)
    else connection.say(failure)
    connection.endTransaction(false)
    return connection.stages.reset()
  }
  connection.answer(ask(connection), decided, transaction)
}

function ask(connection: Connection): ReturnType<Connection['stages']['message']> {
  try {
    return connection.stages.message()
  } catch (error) {
    connection.settings.onError(error)
    return FAILURE
  }
}

function decided(connection: Connection, answer: WireReply | readonly WireReply[], transaction: Transaction) {
  const replies = isList(answer) ? answer : [answer]
  if (!isList(answer)) sayToAll(connection, transaction, answer)
  else if (connection.protocol === 'lmtp' || transaction.parameters.prdr) sayEach(connection, transaction, answer)
  else connection.say(answer[0] ?? FAILURE)
  connection.endTransaction(replies.some(isPositive))
}

/** RFC 2033 §4.2: one reply for each RCPT that succeeded, in their order. PRDR has 353 before them, and one for all behind them. */
function sayEach(connection: Connection, { accepted, parameters }: Transaction, replies: readonly WireReply[]) {
  const isPrdr = connection.protocol === 'smtp' && parameters.prdr
  if (isPrdr) connection.put(CONTENT)
  for (let i = 0; i < accepted; i++) connection.say(replies[i] ?? FAILURE)
  if (isPrdr) connection.say(replies.find(isPositive) ?? replies[0] ?? FAILURE)
}

/** In LMTP each recipient has a reply of its own, also when they are all the same. */
export function sayToAll(connection: Connection, transaction: Transaction, answer: WireReply) {
  const count = connection.protocol === 'lmtp' ? transaction.accepted : 1
  for (let i = 0; i < count; i++) connection.say(answer)
}

function isList(value: WireReply | readonly WireReply[]): value is readonly WireReply[] {
  return Array.isArray(value)
}
