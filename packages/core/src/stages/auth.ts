import { type AuthAttempt, type Identity, type Refusal, reject } from '@postroad/plugin'
import type { Maybe, WireReply } from '@postroad/smtp'
import { after } from '../run/after.ts'
import { HookCall } from '../run/call.ts'
import { identity } from '../run/check.ts'
import { type FirstAnswer, first } from '../run/first.ts'
import { Failure } from '../run/guard.ts'
import { authRecord } from '../session/record.ts'
import type { SessionState } from '../session/session.ts'
import { refuse } from './refuse.ts'

const SUCCEEDED: WireReply = { code: 235, status: '2.7.0', text: 'Authentication successful' }
const FAILED = reject('Authentication credentials invalid', { status: '5.7.8', code: 535 })

/** AUTH, RFC 4954: handlers that speak the mechanism are asked in turn. */
export function auth(session: SessionState, attempt: AuthAttempt): Maybe<WireReply | undefined> {
  const handlers = session.scope.table.auth
  const able = handlers?.filter(({ mechanisms }) => mechanisms.includes(attempt.mechanism)) ?? []
  const answer = first(able, new HookCall('auth', session, { attempt }), identity)
  return after(answer, decided, session, attempt)
}

function decided(
  answer: FirstAnswer<Identity | Refusal> | undefined,
  session: SessionState,
  attempt: AuthAttempt,
): WireReply {
  const { plugin, value = FAILED } = answer ?? { plugin: undefined }
  const refusal = value instanceof Failure ? (value.refusal ?? FAILED) : 'kind' in value ? value : undefined
  if (refusal) {
    const reply = refuse(session, 'auth', { plugin, refusal })
    session.noteAuth(authRecord(session, attempt, reply))
    return reply
  }
  session.authenticate(value as Identity) // it is no refusal
  return SUCCEEDED
}
