/** DATA, RFC 5321 §4.1.1.4. */
import type { Connection } from '../session/connection.ts'
import type { Transaction } from '../session/transaction.ts'
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
export function data(connection: Connection, argument: string) {
  const { transaction } = connection
  const refusal = notReady(connection)
  if (argument !== '') return connection.refuse('DATA', ARGUMENT)
  if (transaction === undefined || refusal !== undefined) return tooSoon(connection, refusal ?? MAIL_FIRST)
  if (transaction.hasContent) return connection.refuse('DATA', CHUNKS)
  if (transaction.parameters.body === 'BINARYMIME') return connection.refuse('DATA', BINARY)
  connection.answer(connection.stages.data(), begin, transaction)
}

/** With PIPELINING DATA is said before it is known that no recipient was taken: that is no error, once. */
function tooSoon(connection: Connection, refusal: WireReply) {
  if (refusal !== NO_VALID) return connection.refuse('DATA', refusal)
  connection.stages.refused('DATA', refusal)
  connection.countFutile(refusal, 1)
}

function begin(connection: Connection, answer: WireReply | undefined, transaction: Transaction) {
  if (answer !== undefined) return connection.countFutile(isPositive(answer) ? FAILURE : answer, 1)
  transaction.begin(connection.stages.body())
  connection.input.startData({ normalise: connection.settings.normalise, lineLimit: connection.settings.limits.line })
  connection.watchBody()
  connection.put(GO_ON)
}
