import type { Maybe, Reply } from '@postroad/smtp'
import { ask } from '../run/ask.ts'
import { Frame } from '../session/frame.ts'
import type { SessionState } from '../session/session-state.ts'
import { hold } from './hold.ts'

/** TCP accepted, before the banner. */
export function connect(session: SessionState): Maybe<Reply | undefined> {
  const plan = session.runtime.plan.connect
  return plan && hold(session, 'connect', ask(plan, new Frame('connect', session)))
}
