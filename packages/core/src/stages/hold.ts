/**
 * `refuseAt: 'rcpt'`: what connect, helo and mail refuse is said at RCPT, so that the log has sender and recipient and an
 * authenticated client can be exempt. What is held need not be waited for: asynchronous handlers run on meanwhile.
 */
import type { Maybe, WireReply } from '@postroad/smtp'
import type { HeldHook } from '../plan/handler.ts'
import { type Decision, isRefusal } from '../policy/severity.ts'
import type { DelayedRefusals } from '../session/delayed-refusals.ts'
import type { SessionState } from '../session/session.ts'
import { refuse } from './refuse.ts'

/** Deals with what a held hook decided, or is about to. Resolves to the reply that is said now, if any. */
export function hold(session: SessionState, hook: HeldHook, decision: Maybe<Decision | undefined>): Maybe<WireReply | undefined> {
  const holding = hook === 'mail' ? session.transaction?.held : session.held
  if (!(decision instanceof Promise)) return decide(session, hook, { holding, decision })
  if (session.runtime.refuseAt === 'now') return decision.then((late) => decide(session, hook, { holding, decision: late }))
  const { helo } = session
  const run = decision.then((late) => {
    // Of a name the client no longer has.
    if (hook === 'helo' && session.helo !== helo) return
    const reply = decide(session, hook, { holding, decision: late })
    if (reply) session.wire.disconnect(reply)
  })
  holding?.begin(hook, run)
  return undefined
}

type Held = { readonly holding: DelayedRefusals | undefined; readonly decision: Decision | undefined }

function decide(session: SessionState, hook: HeldHook, { holding, decision }: Held): WireReply | undefined {
  const refusal = decision && isRefusal(decision.opinion) ? decision.opinion : undefined
  if (!decision || !refusal) {
    holding?.keep(hook, undefined)
    return undefined
  }
  // `disconnect: true` is obeyed as soon as it is known.
  if (session.runtime.refuseAt === 'now' || refusal.disconnect) return refuse(session, hook, { plugin: decision.plugin, refusal })
  holding?.keep(hook, decision)
  return undefined
}

/** What is still running at connect, helo and mail; undefined when all is known. */
export function unsettled(session: SessionState): Promise<unknown> | undefined {
  const running = [...(session.held.running ?? []), ...(session.transaction?.held.running ?? [])]
  return running.length > 0 ? Promise.all(running) : undefined
}

/** The refusal that was held, most severe stage first in the order of the protocol. A client that proved who it is has outlived connect and helo. */
export function heldRefusal(session: SessionState): { readonly hook: HeldHook; readonly decision: Decision } | undefined {
  const early: readonly HeldHook[] = session.identity ? [] : ['connect', 'helo']
  for (const hook of early) {
    const decision = session.held.get(hook)
    if (decision) return { hook, decision }
  }
  const decision = session.transaction?.held.get('mail')
  return decision && { hook: 'mail', decision }
}
