/** The banner, RFC 5321 §3.1. */
import type { Connection } from '../connection.ts'
import { FAILURE, formatPlain, isPositive } from '../reply.ts'
import type { Reply } from '../stages.ts'

/** 220, or a refusal and the end. */
export function greet(connection: Connection, answer: Reply | undefined) {
  const { hostname, protocol } = connection.settings
  const text = answer?.text ?? `${hostname} ${protocol === 'lmtp' ? 'LMTP' : 'ESMTP'}`
  if (answer === undefined || isPositive(answer)) return connection.put(formatPlain({ code: 220, text }))
  // RFC 5321 §3.8: 421 is what may be said at any time, so also for a failure of ours.
  connection.put(formatPlain({ code: answer === FAILURE ? 421 : answer.code, text }))
  connection.end('refused')
}
