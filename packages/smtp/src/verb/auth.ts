/** AUTH, RFC 4954: the exchange with the client; whether the attempt is good is for the stages to say. */
import type { Exchange } from '../auth/exchange.ts'
import { MECHANISMS } from '../auth/mechanism.ts'
import type { Connection } from '../connection.ts'
import { mechanismsFor } from '../ehlo.ts'
import { formatReply, isPositive, reply } from '../reply.ts'
import type { Reply } from '../stages.ts'

const HELLO_FIRST = reply(503, '5.5.1', 'Say EHLO first')
const ALREADY = reply(503, '5.5.1', 'Authenticated already')
const IN_TRANSACTION = reply(503, '5.5.1', 'Not during a transaction')
const NOT_OFFERED = reply(502, '5.5.1', 'AUTH is not offered')
/** RFC 4954 §6: 538 5.7.11. */
const TLS_FIRST = reply(538, '5.7.11', 'Encryption required for authentication')
const MECHANISM = reply(504, '5.5.4', 'Mechanism is not offered')
const BASE64 = reply(501, '5.5.2', 'Malformed base64')
const CANCELLED = reply(501, '5.7.0', 'Authentication cancelled')
const TOO_LONG = reply(500, '5.5.6', 'Authentication line is too long')
const FAILED = reply(535, '5.7.8', 'Authentication credentials invalid')

/** RFC 4648 §4, padded, nothing else in it. */
const STRICT = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

export function auth(connection: Connection, argument: string) {
  const refusal = outOfOrder(connection)
  if (refusal !== undefined) return connection.refuse('AUTH', refusal)
  const [name = '', initial, ...more] = argument.split(' ')
  const offered = mechanismsFor(connection, connection.offer ?? connection.stages.offer())
  const mechanism = offered.find((each) => each === name.toUpperCase())
  const make = mechanism && MECHANISMS[mechanism]
  if (make === undefined || more.length > 0) return connection.refuse('AUTH', MECHANISM)
  if (initial === undefined) return proceed(connection, make(), undefined)
  // RFC 4954 §4: `=` is an initial response of no octets.
  const response = initial === '=' ? Buffer.alloc(0) : decodeBase64(initial)
  if (response === undefined) return connection.refuse('AUTH', BASE64)
  proceed(connection, make(), response)
}

function outOfOrder(connection: Connection): Reply | undefined {
  // RFC 4954 §4: 503 after success, and during a mail transaction.
  if (connection.helo === undefined) return HELLO_FIRST
  if (connection.isAuthenticated) return ALREADY
  if (connection.transaction !== undefined) return IN_TRANSACTION
  const { auth: setting, authWithoutTls } = connection.settings
  const offer = connection.offer ?? connection.stages.offer()
  if (setting === 'none' || offer.mechanisms.length === 0) return NOT_OFFERED
  return connection.tls === undefined && !authWithoutTls ? TLS_FIRST : undefined
}

/** A line of the client that is not a command but its response to a challenge. */
export function respond(connection: Connection, line: string) {
  const { exchange } = connection
  connection.exchange = undefined
  // RFC 4954 §4: `*` cancels, 501.
  if (line === '*') return connection.refuse('AUTH', CANCELLED)
  if (line.length + 2 > connection.settings.limits.authLine) return connection.refuse('AUTH', TOO_LONG)
  const response = decodeBase64(line)
  if (exchange === undefined || response === undefined) return connection.refuse('AUTH', BASE64)
  proceed(connection, exchange, response)
}

function proceed(connection: Connection, exchange: Exchange, response: Buffer | undefined) {
  const step = exchange.next(response)
  if ('refusal' in step) return connection.refuse('AUTH', step.refusal)
  if ('challenge' in step) {
    connection.exchange = exchange
    return connection.put(`334 ${Buffer.from(step.challenge).toString('base64')}\r\n`)
  }
  connection.answer(connection.stages.auth(step.attempt), judged, undefined)
}

function judged(connection: Connection, answer: Reply | undefined) {
  if (answer === undefined) return connection.countError(FAILED)
  if (!isPositive(answer)) return answer.code < 500 ? connection.say(answer) : connection.countError(answer)
  connection.isAuthenticated = true
  connection.put(formatReply({ ...answer, code: 235 }))
}

function decodeBase64(text: string): Buffer | undefined {
  return STRICT.test(text) ? Buffer.from(text, 'base64') : undefined
}
