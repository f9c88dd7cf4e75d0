import type { Address, HookName, Refusal } from '@postroad/plugin'
import type { WireReply } from '@postroad/smtp'
import { type HookArguments, HookCall, outliving } from '../run/call.ts'
import { tell } from '../run/tell.ts'
import type { SessionState } from '../session/session.ts'
import type { Transaction } from '../session/transaction.ts'

/** Whose refusal, and what it says. */
export interface Refused {
  readonly plugin: string | undefined
  readonly refusal: Refusal
}

interface RefusedRecipient extends Refused {
  readonly recipient: Address
}

/** The reply to a refusal; those who listen at `refused` hear of it. */
export function refuse(caller: SessionState | Transaction, hook: HookName, { plugin, refusal }: Refused): WireReply {
  return tellRefused(caller, { refusedAt: hook, refusedBy: plugin, refusal })
}

/** The same, of one recipient. */
export function refuseRecipient(
  transaction: Transaction,
  hook: HookName,
  { plugin, refusal, recipient }: RefusedRecipient,
): WireReply {
  transaction.refuse({ to: recipient.toString(), plugin, refusal })
  return tellRefused(transaction, { refusedAt: hook, refusedBy: plugin, refusal, recipient })
}

function tellRefused(caller: SessionState | Transaction, refused: HookArguments['refused']): WireReply {
  caller.session.countRefused()
  const waves = caller.scope.table.refused
  if (waves) tell(waves, new HookCall('refused', outliving(caller), refused))
  return withId(toReply(refused.refusal), idOf(caller))
}

/** What the log calls it: the transaction, or the session where there is none. */
export function idOf(caller: SessionState | Transaction): string {
  return caller.transaction?.envelope.id ?? caller.session.id
}

/** A refusal that tells the client what the log calls it; any other reply stays as it is. */
export function withId(reply: WireReply, id: string): WireReply {
  return reply.code < 400 || reply.id !== undefined ? reply : { ...reply, id }
}

/** A refusal in the form the wire sends. */
export function toReply(refusal: Refusal): WireReply {
  const text = refusal.text.includes('\n') ? refusal.text.split('\n') : refusal.text
  return { code: refusal.code, status: refusal.status, text, disconnect: refusal.disconnect }
}
