/**
 * `refuseAt: 'rcpt'`: what connect, helo and mail refuse is said at RCPT, so that the log has sender and recipient and an
 * authenticated client can be exempt. What is delayed need not be waited for: asynchronous handlers run on meanwhile.
 */
import type { Maybe, WireReply } from '@postroad/smtp'
import type { DelayedHook } from '../plan/handler.ts'
import { type Decision, isRefusal } from '../policy/severity.ts'
import { after } from '../run/after.ts'
import type { SessionState } from '../session/session.ts'
import type { Transaction } from '../session/transaction.ts'
import { refuse } from './refuse.ts'

/** Whose refusals may be delayed: those of connect and helo are the session's, those of mail the transaction's. */
type Delaying = SessionState | Transaction

/** Deals with what such a hook decided, or is about to. Resolves to the reply that is said now, if any. */
export function delay(
  caller: Delaying,
  hook: DelayedHook,
  decision: Maybe<Decision | undefined>,
): Maybe<WireReply | undefined> {
  if (!(decision instanceof Promise) || caller.scope.refuseAt === 'now') return after(decision, decide, caller, hook)
  const { session } = caller
  const { helo } = session
  const run = decision.then((late) => {
    // Of a name the client no longer has.
    if (hook === 'helo' && session.helo !== helo) return
    const reply = decide(late, caller, hook)
    if (reply) session.peer.disconnect?.(reply)
  })
  caller.delayed.begin(hook, run)
  return undefined
}

function decide(decision: Decision | undefined, caller: Delaying, hook: DelayedHook): WireReply | undefined {
  const refusal = decision && isRefusal(decision.opinion) ? decision.opinion : undefined
  if (!decision || !refusal) {
    caller.delayed.keep(hook, undefined)
    return undefined
  }
  // `disconnect: true` is obeyed as soon as it is known.
  if (caller.scope.refuseAt === 'now' || refusal.disconnect)
    return refuse(caller, hook, { plugin: decision.plugin, refusal })
  caller.delayed.keep(hook, decision)
  return undefined
}

/** What is still running at connect, helo and mail; undefined when all is known. */
export function stillRunning({ session, delayed }: Transaction): Promise<unknown> | undefined {
  const running = [...(session.delayed.running ?? []), ...(delayed.running ?? [])]
  return running.length > 0 ? Promise.all(running) : undefined
}

/** The refusal that was delayed, most severe stage first in the order of the protocol. A client that proved who it is has outlived connect and helo. */
export function delayedRefusal({
  session,
  delayed,
}: Transaction): { readonly hook: DelayedHook; readonly decision: Decision } | undefined {
  const early: readonly DelayedHook[] = session.identity ? [] : ['connect', 'helo']
  for (const hook of early) {
    const decision = session.delayed.get(hook)
    if (decision) return { hook, decision }
  }
  const decision = delayed.get('mail')
  return decision && { hook: 'mail', decision }
}
