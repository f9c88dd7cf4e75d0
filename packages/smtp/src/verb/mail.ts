/** MAIL: a transaction begins, RFC 5321 §4.1.1.2. */
import { type MailParameters, parseReversePath } from '@postroad/mail'
import type { Connection } from '../session/connection.ts'
import { Transaction } from '../session/transaction.ts'
import type { Offer, WireReply } from '../stages.ts'
import { formatReply, isPositive, reply } from '../wire/reply.ts'
import { decodeUtf8 } from '../wire/utf8.ts'
import { mechanismsFor } from './ehlo.ts'
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
export function mail(connection: Connection, argument: string) {
  const refusal = outOfOrder(connection)
  if (refusal !== undefined) return connection.refuse('MAIL', refusal)
  const text = decodeUtf8(argument)
  if (text === undefined || !/^FROM:/i.test(text)) return connection.refuse('MAIL', SYNTAX)
  const path = parseReversePath(text.slice(5), { smtputf8: true })
  if (path === undefined) return connection.refuse('MAIL', PATH)
  const offer = connection.offer ?? connection.stages.offer()
  const parameters = parseMailParameters(path.rest, rulesOf(connection, offer))
  if (isReply(parameters)) return connection.refuse('MAIL', parameters)
  // RFC 6531 §3.5: 553 5.6.7 for an address that SMTPUTF8 has not been said for.
  if (text !== argument && !parameters.smtputf8) return connection.refuse('MAIL', NEEDS_UTF8)
  connection.transactions++
  connection.sinceMail = 0
  connection.answer(connection.stages.mail(path.address, parameters), begun, parameters)
}

function begun(connection: Connection, answer: WireReply | undefined, parameters: MailParameters) {
  if (answer !== undefined && !isPositive(answer)) return connection.countRefused(answer, true)
  connection.transaction = new Transaction(parameters)
  if (answer === undefined) connection.put(OK)
  else connection.say(answer)
}

function rulesOf(connection: Connection, offer: Offer): Parameters<typeof parseMailParameters>[1] {
  return {
    offer,
    size: connection.settings.limits.size,
    isSecure: connection.tls !== undefined,
    hasAuth: connection.isAuthenticated || mechanismsFor(connection, offer).length > 0,
  }
}

function outOfOrder(connection: Connection): WireReply | undefined {
  if (connection.helo === undefined) return HELLO_FIRST
  if (connection.transaction !== undefined) return NESTED
  return tooEarly(connection) ?? (connection.transactions < connection.settings.limits.transactions ? undefined : TOO_MANY)
}

/** What the operator wants first, for the commands that tell or take something. */
export function tooEarly({ settings, tls, isAuthenticated }: Connection): WireReply | undefined {
  // RFC 3207 §4: 530 before STARTTLS, where it is required.
  if (settings.tls === 'required' && tls === undefined) return TLS_FIRST
  // RFC 4954 §6: 530 before AUTH, where it is required.
  return settings.auth === 'required' && !isAuthenticated ? AUTH_FIRST : undefined
}
