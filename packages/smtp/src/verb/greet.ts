/** The banner, RFC 5321 §3.1. */
import type { Connection } from '../connection.ts'
import { FAILURE, formatPlain, isPositive } from '../reply.ts'
import type { Reply } from '../stages.ts'

/** 220, or a refusal and the end. */
export function greet(connection: Connection, answer: Reply | undefined) {
  const { hostname, protocol } = connection.settings
  if (answer === undefined || isPositive(answer))
    return connection.put(formatPlain(220, answer ? [answer.text].flat() : [`${hostname} ${protocol === 'lmtp' ? 'LMTP' : 'ESMTP'}`]))
  // RFC 5321 §3.8: 421 is what may be said at any time, so also for a failure of ours.
  connection.put(formatPlain(answer === FAILURE ? 421 : answer.code, [answer.text].flat()))
  connection.end('refused')
}
