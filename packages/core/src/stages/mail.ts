import type { MailParameters } from '@postroad/mail'
import type { Address } from '@postroad/plugin'
import type { Maybe, WireReply } from '@postroad/smtp'
import { ask } from '../run/ask.ts'
import { Frame } from '../run/call.ts'
import type { SessionState } from '../session/session.ts'
import { Transaction } from '../session/transaction.ts'
import { finish } from './finish.ts'
import { delay } from './delay.ts'

/** MAIL FROM begins a transaction, RFC 5321 §4.1.1.2. */
export function mail(session: SessionState, from: Address | undefined, parameters: MailParameters): Maybe<WireReply | undefined> {
  const { runtime } = session
  const id = `${session.id}.${++session.transactions}`
  session.transaction = new Transaction(id, from, parameters, { plugins: runtime.plan.plugins, now: runtime.now() })
  const plan = runtime.plan.mail
  if (!plan) return undefined
  const reply = delay(session, 'mail', ask(plan, new Frame('mail', session)))
  if (reply instanceof Promise) return reply.then((late) => refusedAtOnce(session, late))
  return refusedAtOnce(session, reply)
}

/** A refused MAIL begins nothing. */
function refusedAtOnce(session: SessionState, reply: WireReply | undefined): WireReply | undefined {
  if (reply) finish(session, reply)
  return reply
}
