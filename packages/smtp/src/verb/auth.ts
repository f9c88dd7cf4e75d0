/** AUTH, RFC 4954: the exchange with the client; whether the attempt is good is for the stages to say. */
import type { Exchange } from '../auth/exchange.ts'
import { MECHANISMS } from '../auth/mechanism.ts'
import type { Connection } from '../session/connection.ts'
import type { WireReply } from '../stages.ts'
import { formatReply, isPositive, reply } from '../wire/reply.ts'
import { mechanismsFor } from './ehlo.ts'

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

/** What the wire already knows of how an attempt ends, before it has been judged. */
interface Outcome {
  refusal: WireReply | undefined
  /** The client has heard that it is good: nobody may ask it for anything more. */
  isGood: boolean
  /** Ends the wait for the client's response. */
  giveUp: () => void
}

interface Attempt {
  readonly exchange: Exchange
  readonly outcome: Outcome
}

/** Begins an exchange, or says why not. */
export function auth(connection: Connection, argument: string) {
  const refusal = outOfOrder(connection)
  if (refusal !== undefined) return connection.refuse('AUTH', refusal)
  const [name = '', initial, ...more] = argument.split(' ')
  const offer = connection.offer ?? connection.stages.offer()
  const mechanism = name.toUpperCase()
  const make = MECHANISMS.get(mechanism)
  if (make === undefined || more.length > 0 || !mechanismsFor(connection, offer).some((each) => each === mechanism))
    return connection.refuse(
      'AUTH',
      offer.mechanisms.some((each) => each === mechanism) && connection.tls === undefined ? TLS_FIRST : MECHANISM,
    )
  const outcome: Outcome = { refusal: undefined, isGood: false, giveUp: () => {} }
  const { hostname } = connection.settings
  const { tls, channelBinding } = connection
  const exchange = make({ hostname, tls, channelBinding, ask: (text) => ask(connection, text, outcome) })
  const attempt: Attempt = { exchange, outcome }
  if (initial === undefined) return proceed(connection, attempt, undefined)
  // RFC 4954 §4: `=` is an initial response of no octets.
  const response = initial === '=' ? Buffer.alloc(0) : decodeBase64(initial)
  if (response === undefined) return connection.refuse('AUTH', BASE64)
  proceed(connection, attempt, response)
}

function outOfOrder(connection: Connection): WireReply | undefined {
  // RFC 4954 §4: 503 after success, and during a mail transaction.
  if (connection.helo === undefined) return HELLO_FIRST
  if (connection.isAuthenticated) return ALREADY
  if (connection.transaction !== undefined) return IN_TRANSACTION
  const offer = connection.offer ?? connection.stages.offer()
  return connection.settings.auth === 'none' || offer.mechanisms.length === 0 ? NOT_OFFERED : undefined
}

/** A line of the client that is not a command but its response to a challenge. */
export function respond(connection: Connection, line: string) {
  const { onResponse } = connection
  connection.onResponse = undefined
  // RFC 4954 §4: `*` cancels, 501.
  if (line === '*') return onResponse?.(CANCELLED)
  if (line.length + 2 > connection.settings.limits.authLine) return onResponse?.(TOO_LONG)
  onResponse?.(decodeBase64(line) ?? BASE64)
}

function proceed(connection: Connection, attempt: Attempt, response: Buffer | undefined) {
  const step = attempt.exchange.next(response)
  if ('refusal' in step) return connection.refuse('AUTH', step.refusal)
  // To judge a password costs much; nobody does it for a client that has left.
  connection.owesReply = false
  if ('attempt' in step) return connection.answer(connection.stages.auth(step.attempt), judged, attempt)
  challenge(connection, step.challenge, (next) => proceed(connection, attempt, next))
}

/** Sends a challenge; what the client answers goes to `next`, or is refused. */
function challenge(connection: Connection, text: string, next: (response: Buffer) => void) {
  put(connection, text)
  connection.onResponse = (response) => {
    if (Buffer.isBuffer(response)) next(response)
    else connection.refuse('AUTH', response)
  }
}

function put(connection: Connection, text: string) {
  connection.put(`334 ${Buffer.from(text).toString('base64')}\r\n`)
}

/** A challenge in the middle of the judgement: one line is read, and then nothing more until the judgement is there. */
async function ask(connection: Connection, text: string, outcome: Outcome): Promise<Buffer | undefined> {
  // The judge may ask before it has given us the promise that blocks the input.
  await Promise.resolve()
  if (connection.isClosed || outcome.isGood) return undefined
  put(connection, text)
  connection.flush()
  const response = new Promise<Buffer | undefined>((resolve) => {
    outcome.giveUp = () => resolve(undefined)
    connection.onResponse = (answer) => {
      connection.input.block()
      if (!Buffer.isBuffer(answer)) outcome.refusal = answer
      resolve(Buffer.isBuffer(answer) ? answer : undefined)
    }
  })
  connection.input.release()
  connection.input.run()
  return response
}

function judged(connection: Connection, answer: WireReply | undefined, { exchange, outcome }: Attempt) {
  connection.onResponse = undefined
  outcome.giveUp()
  if (outcome.refusal !== undefined) return connection.refuse('AUTH', outcome.refusal)
  if (answer !== undefined && isPositive(answer)) {
    outcome.isGood = true
    return succeed(connection, answer, exchange.success?.())
  }
  const refusal = answer ?? FAILED
  const farewell = exchange.failure?.()
  if (typeof farewell === 'string') return challenge(connection, farewell, () => fail(connection, refusal))
  connection.answer(farewell, () => fail(connection, outcome.refusal ?? refusal), undefined)
}

function succeed(connection: Connection, answer: WireReply, proof: string | undefined) {
  if (proof !== undefined) return challenge(connection, proof, () => succeed(connection, answer, undefined))
  connection.isAuthenticated = true
  connection.put(formatReply({ ...answer, code: 235 }))
}

/** Also what is refused for now: whoever asks again at once has not understood it. */
function fail(connection: Connection, refusal: WireReply) {
  connection.countError(refusal)
}

function decodeBase64(text: string): Buffer | undefined {
  return STRICT.test(text) ? Buffer.from(text, 'base64') : undefined
}
