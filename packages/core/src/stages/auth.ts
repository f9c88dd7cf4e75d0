import type { Identity, Refusal } from '@postroad/plugin'
import { type AuthAttempt, reject } from '@postroad/plugin'
import type { Maybe, Reply } from '@postroad/smtp'
import { identity } from '../run/check.ts'
import { type Answer, first } from '../run/first.ts'
import { Failure } from '../run/guard.ts'
import { Frame } from '../session/frame.ts'
import type { SessionState } from '../session/session-state.ts'
import { refuse } from './refuse.ts'

const SUCCEEDED: Reply = { code: 235, status: '2.7.0', text: 'Authentication successful' }
const FAILED = reject('Authentication credentials invalid', { status: '5.7.8', code: 535 })

/** AUTH, RFC 4954: handlers that speak the mechanism are asked in turn. */
export function auth(session: SessionState, attempt: AuthAttempt): Maybe<Reply | undefined> {
  const plan = session.runtime.plan.auth
  const able = plan?.map((wave) => wave.filter((entry) => entry.mechanisms.includes(attempt.mechanism))) ?? []
  const answer = first(able, new Frame('auth', session, { attempt }), identity)
  return answer instanceof Promise ? answer.then((late) => decided(session, late)) : decided(session, answer)
}

function decided(session: SessionState, answer: Answer<Identity | Refusal> | undefined): Reply {
  if (!answer) return refuse(session, 'auth', { plugin: undefined, refusal: FAILED })
  const { plugin, value } = answer
  if (value instanceof Failure) return refuse(session, 'auth', { plugin, refusal: value.refusal ?? FAILED })
  if ('kind' in value) return refuse(session, 'auth', { plugin, refusal: value })
  session.identity = Object.freeze({ ...value })
  return SUCCEEDED
}
