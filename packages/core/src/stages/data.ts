import type { Maybe, WireReply } from '@postroad/smtp'
import { type Decision, isRefusal } from '../policy/severity.ts'
import { after } from '../run/after.ts'
import { ask } from '../run/ask.ts'
import { HookCall, NOTHING } from '../run/call.ts'
import { opinions } from '../run/check.ts'
import type { SessionState } from '../session/session.ts'
import { refuse } from './refuse.ts'

/** DATA or the first BDAT, before 354. */
export function data(session: SessionState): Maybe<WireReply | undefined> {
  const waves = session.scope.table.data
  if (!waves) return undefined
  const decision = ask(waves, new HookCall('data', session, NOTHING), opinions)
  return after(decision, decided, session)
}

function decided(decision: Decision | undefined, session: SessionState): WireReply | undefined {
  if (!decision || !isRefusal(decision.opinion)) return undefined
  return refuse(session, 'data', { plugin: decision.plugin, refusal: decision.opinion })
}
