import type { Address, HookName, Refusal } from '@postroad/plugin'
import type { WireReply } from '@postroad/smtp'
import { HookCall } from '../run/call.ts'
import { tell } from '../run/tell.ts'
import type { SessionState } from '../session/session.ts'

/** Whose refusal, and what it says. */
export interface Refused {
  readonly plugin: string | undefined
  readonly refusal: Refusal
  readonly recipient?: Address
}

/** The reply to a refusal; those who listen at `refused` hear of it. */
export function refuse(session: SessionState, hook: HookName, { plugin, refusal, recipient }: Refused): WireReply {
  session.refused++
  if (recipient) session.transaction?.refused.push({ to: recipient.toString(), plugin, refusal })
  const waves = session.scope.table.refused
  if (waves) {
    const owner = { scope: session.scope, session, transaction: session.transaction, lifetime: session.scope.lifetime }
    tell(waves, new HookCall('refused', owner, { refusedAt: hook, refusedBy: plugin, refusal, ...(recipient ? { recipient } : {}) }))
  }
  return toReply(refusal)
}

/** A refusal in the form the wire sends. */
export function toReply(refusal: Refusal): WireReply {
  const text = refusal.text.includes('\n') ? refusal.text.split('\n') : refusal.text
  return { code: refusal.code, status: refusal.status, text, disconnect: refusal.disconnect }
}
