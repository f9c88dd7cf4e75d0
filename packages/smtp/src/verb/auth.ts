/** AUTH, RFC 4954: the exchange with the client; whether the attempt is good is for the stages to say. */
import type { AuthExchange } from '../auth/exchange.ts'
import { MECHANISMS } from '../auth/mechanism.ts'
import type { Conversation } from '../session/conversation.ts'
import type { WireReply } from '../stages.ts'
import { formatReply, isPositive, reply } from '../wire/reply.ts'
import { mechanismsFor } from './ehlo.ts'
import { weakExchange } from './key-exchange.ts'

const HELLO_FIRST = reply(503, '5.5.1', 'Say EHLO first')
const ALREADY = reply(503, '5.5.1', 'Authenticated already')
const IN_TRANSACTION = reply(503, '5.5.1', 'Not during a transaction')
const NOT_OFFERED = reply(502, '5.5.1', 'AUTH is not offered')
/** RFC 4954 §6: 538 5.7.11. */
const TLS_FIRST = reply(538, '5.7.11', 'Encryption required for authentication')
const MECHANISM = reply(504, '5.5.4', 'Mechanism is not offered')
const SYNTAX = reply(501, '5.5.4', 'Syntax: AUTH mechanism [initial response]')
const BASE64 = reply(501, '5.5.2', 'Malformed base64')
const CANCELLED = reply(501, '5.7.0', 'Authentication cancelled')
const TOO_LONG = reply(500, '5.5.6', 'Authentication line is too long')
const FAILED = reply(535, '5.7.8', 'Authentication credentials invalid')

/** RFC 4648 §4, padded, nothing else in it. */
const STRICT = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** What the wire already knows of how an attempt ends, before it has been judged. */
interface AuthOutcome {
  refusal: WireReply | undefined
  /** The client has heard that it is good: nobody may ask it for anything more. */
  isGood: boolean
  /** Ends the wait for the client's response. */
  giveUp: () => void
}

interface Attempt {
  readonly exchange: AuthExchange
  readonly outcome: AuthOutcome
}

/** Begins an exchange, or says why not. */
export function auth(conversation: Conversation, argument: string) {
  const refusal = outOfOrder(conversation)
  if (refusal !== undefined) return conversation.refuse('AUTH', refusal)
  const [name = '', initial, ...more] = argument.split(' ')
  const offer = conversation.offer
  const mechanism = name.toUpperCase()
  const make = MECHANISMS.get(mechanism)
  // RFC 4954 §4: a mechanism, and at most one initial response.
  if (make !== undefined && more.length > 0) return conversation.refuse('AUTH', SYNTAX)
  if (make === undefined || !mechanismsFor(conversation, offer).some((each) => each === mechanism))
    return conversation.refuse(
      'AUTH',
      offer.mechanisms.some((each) => each === mechanism) && conversation.tls === undefined ? TLS_FIRST : MECHANISM,
    )
  const outcome: AuthOutcome = { refusal: undefined, isGood: false, giveUp: () => {} }
  const { hostname } = conversation.settings
  const { tls } = conversation
  // A client that can bind and was not offered it has not been deceived.
  const channelBinding = offer.channelBinding === false ? undefined : conversation.channelBinding
  const exchange = make({ hostname, tls, channelBinding, ask: (text) => ask(conversation, text, outcome) })
  const attempt: Attempt = { exchange, outcome }
  if (initial === undefined) return proceed(conversation, attempt, undefined)
  // RFC 4954 §4: `=` is an initial response of no octets.
  const response = initial === '=' ? Buffer.alloc(0) : decodeBase64(initial)
  if (response === undefined) return conversation.refuse('AUTH', BASE64)
  proceed(conversation, attempt, response)
}

function outOfOrder(conversation: Conversation): WireReply | undefined {
  // RFC 4954 §4: 503 after success, and during a mail transaction.
  if (!conversation.isIntroduced) return HELLO_FIRST
  if (conversation.isAuthenticated) return ALREADY
  if (conversation.transaction !== undefined) return IN_TRANSACTION
  const offer = conversation.offer
  return conversation.settings.auth === 'none' || offer.mechanisms.length === 0
    ? NOT_OFFERED
    : weakExchange(conversation)
}

/** A line of the client that is not a command but its response to a challenge. */
export function respond(conversation: Conversation, line: string) {
  const responder = conversation.takeResponder()
  // RFC 4954 §4: `*` cancels, 501.
  if (line === '*') return responder?.(CANCELLED)
  if (line.length + 2 > conversation.settings.limits.authLine) return responder?.(TOO_LONG)
  responder?.(decodeBase64(line) ?? BASE64)
}

function proceed(conversation: Conversation, attempt: Attempt, response: Buffer | undefined) {
  const step = attempt.exchange.next(response)
  if ('refusal' in step) return conversation.refuse('AUTH', step.refusal)
  // To judge a password costs much; nobody does it for a client that has left.
  conversation.forgoReply()
  if ('attempt' in step) return conversation.answer(conversation.stages.auth(step.attempt), judged, attempt)
  challenge(conversation, step.challenge, (next) => proceed(conversation, attempt, next))
}

/** Sends a challenge; what the client answers goes to `next`, or is refused. */
function challenge(conversation: Conversation, text: string, next: (response: Buffer) => void) {
  put(conversation, text)
  conversation.awaitResponse((response) => {
    if (Buffer.isBuffer(response)) next(response)
    else conversation.refuse('AUTH', response)
  })
}

function put(conversation: Conversation, text: string) {
  conversation.put(`334 ${Buffer.from(text).toString('base64')}\r\n`)
}

/** A challenge in the middle of the judgement: one line is read, and then nothing more until the judgement is there. */
async function ask(conversation: Conversation, text: string, outcome: AuthOutcome): Promise<Buffer | undefined> {
  // The judge may ask before it has given us the promise that blocks the input.
  await Promise.resolve()
  if (conversation.isClosed || outcome.isGood) return undefined
  put(conversation, text)
  conversation.flush()
  const response = new Promise<Buffer | undefined>((resolve) => {
    outcome.giveUp = () => resolve(undefined)
    conversation.awaitResponse((answer) => {
      conversation.input.block()
      if (!Buffer.isBuffer(answer)) outcome.refusal = answer
      resolve(Buffer.isBuffer(answer) ? answer : undefined)
    })
  })
  conversation.input.release()
  conversation.input.run()
  return response
}

function judged(conversation: Conversation, answer: WireReply | undefined, { exchange, outcome }: Attempt) {
  conversation.takeResponder()
  outcome.giveUp()
  if (outcome.refusal !== undefined) return conversation.refuse('AUTH', outcome.refusal)
  if (answer !== undefined && isPositive(answer)) {
    outcome.isGood = true
    return succeed(conversation, answer, exchange.success?.())
  }
  const refusal = answer ?? FAILED
  const farewell = exchange.failure?.()
  if (typeof farewell === 'string') return challenge(conversation, farewell, () => fail(conversation, refusal))
  conversation.answer(farewell, () => fail(conversation, outcome.refusal ?? refusal), undefined)
}

function succeed(conversation: Conversation, answer: WireReply, proof: string | undefined) {
  if (proof !== undefined) return challenge(conversation, proof, () => succeed(conversation, answer, undefined))
  conversation.authenticate()
  conversation.put(formatReply({ ...answer, code: 235 }))
}

/** Also what is refused for now: whoever asks again at once has not understood it. */
function fail(conversation: Conversation, refusal: WireReply) {
  conversation.countError(refusal)
}

function decodeBase64(text: string): Buffer | undefined {
  return STRICT.test(text) ? Buffer.from(text, 'base64') : undefined
}
