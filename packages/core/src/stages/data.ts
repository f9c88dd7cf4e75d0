import type { Maybe, WireReply } from '@postroad/smtp'
import { type Decision, isRefusal } from '../policy/severity.ts'
import { after } from '../run/after.ts'
import { ask } from '../run/ask.ts'
import { HookCall, NOTHING } from '../run/call.ts'
import { opinions } from '../run/check.ts'
import type { Transaction } from '../session/transaction.ts'
import { refuse } from './refuse.ts'

/** DATA or the first BDAT, before 354. */
export function data(transaction: Transaction): Maybe<WireReply | undefined> {
  const waves = transaction.scope.table.data
  if (!waves) return undefined
  const decision = ask(waves, new HookCall('data', transaction, NOTHING), opinions)
  return after(decision, decided, transaction)
}

function decided(decision: Decision | undefined, transaction: Transaction): WireReply | undefined {
  if (!decision || !isRefusal(decision.opinion)) return undefined
  return refuse(transaction, 'data', { plugin: decision.plugin, refusal: decision.opinion })
}
