/** HELO, EHLO and LHLO, RFC 5321 §4.1.1.1 and RFC 2033 §4.1. */
import type { Connection } from '../session/connection.ts'
import type { WireReply } from '../stages.ts'
import { FAILURE, formatPlain, formatReply, isPositive, reply } from '../wire/reply.ts'
import { formatEhlo } from './ehlo.ts'

const NAME = reply(501, '5.5.4', 'A domain or an address literal is needed')
// RFC 2033 §4.1: HELO and EHLO are not used in LMTP, nor LHLO in SMTP. Whoever says them all the same has said an unknown command, not
// one of those whose replies have no enhanced status.
const LMTP = reply(500, '5.5.1', 'This is LMTP: say LHLO')
const SMTP = reply(500, '5.5.1', 'This is SMTP: say EHLO')

interface Hello {
  readonly name: string
  readonly verb: 'HELO' | 'EHLO' | 'LHLO'
}

/** All three verbs. */
export function hello(connection: Connection, argument: string, verb: string) {
  const isLmtp = connection.protocol === 'lmtp'
  if ((verb === 'LHLO') !== isLmtp) return connection.refuse(verb, isLmtp ? LMTP : SMTP, formatReply)
  // deviates: RFC 5321 §4.1.1.1 — any word of printable ASCII is taken for a name: real clients send worse than a domain, and it is
  // for policy to judge them. Beyond 255 octets it is none, RFC 5321 §4.5.3.1.2.
  if (argument.length > 255 || !/^[!-~]+$/.test(argument)) return connection.refuse(verb, NAME)
  if ((connection.helo !== undefined || connection.refusedHellos > 1) && !connection.countNoop()) return
  // RFC 5321 §4.1.4: an EHLO in the middle of a session resets it like RSET.
  // deviates: RFC 5321 §4.1.4 — one that policy refuses does, too: whoever calls itself something else has begun anew.
  connection.abandon()
  const context: Hello = { name: argument, verb: verb === 'HELO' || verb === 'LHLO' ? verb : 'EHLO' }
  connection.answer(ask(connection, context), greeted, context)
}

/** A failure is answered like a refusal: without an enhanced status, RFC 2034 §4. */
function ask(connection: Connection, { name, verb }: Hello): ReturnType<Connection['stages']['helo']> {
  try {
    return connection.stages.helo(name, verb)
  } catch (error) {
    connection.settings.onError(error)
    return FAILURE
  }
}

function greeted(connection: Connection, answer: WireReply | undefined, { name, verb }: Hello) {
  if (answer !== undefined && !isPositive(answer)) {
    // EHLO, and HELO after it: whoever says it yet again makes no progress.
    connection.refusedHellos++
    return connection.say(answer, formatPlain)
  }
  const isExtended = verb !== 'HELO'
  connection.helo = { name, isExtended }
  const greeting = answer === undefined ? connection.settings.hostname : String([answer.text].flat()[0] ?? '')
  connection.offer = connection.stages.offer()
  connection.put(isExtended ? formatEhlo(connection, connection.offer, greeting) : formatPlain({ code: 250, text: greeting }))
}
