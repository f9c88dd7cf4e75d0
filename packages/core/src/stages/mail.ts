import type { MailParameters } from '@postroad/mail'
import type { Address } from '@postroad/plugin'
import type { Maybe, WireReply } from '@postroad/smtp'
import { after } from '../run/after.ts'
import { ask } from '../run/ask.ts'
import { HookCall, NOTHING } from '../run/call.ts'
import { opinions } from '../run/check.ts'
import type { SessionState } from '../session/session.ts'
import { Transaction } from '../session/transaction.ts'
import { delay } from './delay.ts'
import { finish } from './finish.ts'

/** MAIL FROM begins a transaction, RFC 5321 §4.1.1.2. */
export function mail(session: SessionState, from: Address | undefined, parameters: MailParameters): Maybe<WireReply | undefined> {
  const { scope } = session
  const id = `${session.id}.${++session.transactions}`
  session.transaction = new Transaction(id, from, parameters, { plugins: scope.table.plugins, now: scope.now() })
  const waves = scope.table.mail
  if (!waves) return undefined
  const reply = delay(session, 'mail', ask(waves, new HookCall('mail', session, NOTHING), opinions))
  return after(reply, refusedAtOnce, session)
}

/** A refused MAIL begins nothing. */
function refusedAtOnce(reply: WireReply | undefined, session: SessionState): WireReply | undefined {
  if (reply) finish(session, reply)
  return reply
}
