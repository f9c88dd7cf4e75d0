/** HELO, EHLO and LHLO, RFC 5321 §4.1.1.1 and RFC 2033 §4.1. */
import type { Conversation } from '../session/conversation.ts'
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
export function hello(conversation: Conversation, argument: string, verb: string) {
  const isLmtp = conversation.protocol === 'lmtp'
  if ((verb === 'LHLO') !== isLmtp) return conversation.refuse(verb, isLmtp ? LMTP : SMTP, formatReply)
  // deviates: RFC 5321 §4.1.1.1 — any word of printable ASCII is taken for a name: real clients send worse than a domain, and it is
  // for policy to judge them. Beyond 255 octets it is none, RFC 5321 §4.5.3.1.2.
  if (argument.length > 255 || !/^[!-~]+$/.test(argument)) return conversation.refuse(verb, NAME)
  if (!conversation.countHello()) return
  // RFC 5321 §4.1.4: an EHLO in the middle of a session resets it like RSET.
  // deviates: RFC 5321 §4.1.4 — one that policy refuses does, too: whoever calls itself something else has begun anew.
  conversation.abandon()
  const context: Hello = { name: argument, verb: verb === 'HELO' || verb === 'LHLO' ? verb : 'EHLO' }
  conversation.answer(ask(conversation, context), greeted, context)
}

/** A failure is answered like a refusal: without an enhanced status, RFC 2034 §4. */
function ask(conversation: Conversation, { name, verb }: Hello): ReturnType<Conversation['stages']['helo']> {
  try {
    return conversation.stages.helo(name, verb)
  } catch (error) {
    conversation.settings.onError(error)
    return FAILURE
  }
}

function greeted(conversation: Conversation, answer: WireReply | undefined, { verb }: Hello) {
  if (answer !== undefined && !isPositive(answer)) return conversation.refuseHello(answer)
  const greeting = answer === undefined ? conversation.settings.hostname : String([answer.text].flat()[0] ?? '')
  const offer = conversation.introduce()
  conversation.put(
    verb === 'HELO' ? formatPlain({ code: 250, text: greeting }) : formatEhlo(conversation, offer, greeting),
  )
}
