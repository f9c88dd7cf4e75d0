import type { Maybe, WireReply } from '@postroad/smtp'
import { ask } from '../run/ask.ts'
import { HookCall } from '../run/call.ts'
import { opinions } from '../run/check.ts'
import type { SessionState } from '../session/session.ts'
import { delay } from './delay.ts'

/** HELO, EHLO, LHLO; again after STARTTLS. RFC 5321 §4.1.1.1. */
export function helo(
  session: SessionState,
  name: string,
  verb: 'HELO' | 'EHLO' | 'LHLO',
): Maybe<WireReply | undefined> {
  const helo = session.greet(name, verb !== 'HELO')
  const waves = session.scope.table.helo
  return waves && delay(session, 'helo', ask(waves, new HookCall('helo', session, { helo }), opinions))
}
