import type { Maybe, WireReply } from '@postroad/smtp'
import { type Decision, isRefusal } from '../policy/severity.ts'
import { ask } from '../run/ask.ts'
import { Frame } from '../run/call.ts'
import type { SessionState } from '../session/session.ts'
import { refuse } from './refuse.ts'

/** DATA or the first BDAT, before 354. */
export function data(session: SessionState): Maybe<WireReply | undefined> {
  const plan = session.runtime.plan.data
  if (!plan) return undefined
  const decision = ask(plan, new Frame('data', session))
  return decision instanceof Promise ? decision.then((late) => decided(session, late)) : decided(session, decision)
}

function decided(session: SessionState, decision: Decision | undefined): WireReply | undefined {
  if (!decision || !isRefusal(decision.opinion)) return undefined
  return refuse(session, 'data', { plugin: decision.plugin, refusal: decision.opinion })
}
