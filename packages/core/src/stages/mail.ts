import type { Maybe, WireReply } from '@postroad/smtp'
import { after } from '../run/after.ts'
import { ask } from '../run/ask.ts'
import { HookCall, NOTHING } from '../run/call.ts'
import { opinions } from '../run/check.ts'
import type { Transaction } from '../session/transaction.ts'
import { delay } from './delay.ts'
import { finish } from './finish.ts'

/** MAIL FROM begins a transaction, RFC 5321 §4.1.1.2. */
export function mail(transaction: Transaction): Maybe<WireReply | undefined> {
  const waves = transaction.scope.table.mail
  if (!waves) return undefined
  const reply = delay(transaction, 'mail', ask(waves, new HookCall('mail', transaction, NOTHING), opinions))
  return after(reply, refusedAtOnce, transaction)
}

/** A refused MAIL begins nothing. */
function refusedAtOnce(reply: WireReply | undefined, transaction: Transaction): WireReply | undefined {
  if (reply) finish(transaction, reply)
  return reply
}
