/** The banner, RFC 5321 §3.1, and the wait before it that shows who has no manners. */
import type { Conversation } from '../session/conversation.ts'
import type { WireReply } from '../stages.ts'
import { FAILURE, formatPlain, isPositive, last, reply } from '../wire/reply.ts'

/** RFC 5321 §4.3.1: the client waits for the greeting. */
const TOO_SOON = last(reply(554, '5.5.1', 'You spoke before the banner'))

/** 220, or a refusal and the end. */
export function greet(conversation: Conversation, answer: WireReply | undefined) {
  // Disconnected before it has begun: the last words are the first.
  if (conversation.isEnding) return
  const { hostname, protocol, greeting } = conversation.settings
  const text = answer?.text ?? `${hostname} ${protocol === 'lmtp' ? 'LMTP' : 'ESMTP'}`
  if (answer !== undefined && !isPositive(answer)) {
    // RFC 5321 §3.8: 421 is what may be said at any time, so also for a failure of ours.
    conversation.put(formatPlain({ code: answer === FAILURE ? 421 : answer.code, text, id: answer.id }))
    return conversation.end('refused')
  }
  // A proxy that looks whether we are there would take us for dead.
  const waits = greeting.waitMs > 0 && !conversation.isProbe && !greeting.except(conversation.remote.address)
  if (waits && greeting.twoLines) conversation.put(`220-${hostname}\r\n`)
  if (waits) conversation.flush()
  conversation.later(waits ? greeting.waitMs : 0, () => {
    if (waits && conversation.input.hasPending) return refuse(conversation)
    conversation.put(formatPlain({ code: 220, text }))
  })
}

function refuse(conversation: Conversation) {
  conversation.stages.refused('', TOO_SOON)
  conversation.say(TOO_SOON, formatPlain)
}
