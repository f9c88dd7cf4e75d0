/** Tells those who watch that a handler has run: only while there are any. */
import { errorOf } from '@postroad/plugin'
import type { AnyHandler } from '../plan/handler.ts'
import { shownOutcome } from '../session/decision-log.ts'
import type { HookCall } from './call.ts'
import { Failure } from './failure.ts'

/** `cause` is why it failed, when it did. */
export function tellRun(
  { handler, call }: { readonly handler: AnyHandler; readonly call: HookCall },
  result: unknown,
  ms: number,
  cause?: unknown,
): void {
  const { scope, session, transaction, recipient } = call
  if (!session) return
  const from = transaction?.from?.toString()
  scope.feed.ran({
    id: transaction?.envelope.id ?? session.id,
    hook: call.hook,
    plugin: handler.plugin,
    shadow: handler.shadow,
    at: scope.now(),
    ms: Math.round(ms * 100) / 100,
    ...(transaction ? { from: from ?? '' } : {}),
    ...(recipient ? { to: recipient.toString() } : {}),
    opinions: opinionsOf(result, cause),
  })
}

function opinionsOf(result: unknown, cause: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (result instanceof Failure) return [{ kind: 'error', reason: errorOf(cause).message }]
  const said: readonly unknown[] = Array.isArray(result) ? result : [result]
  return said.flatMap((one) => (isOpinion(one) ? [shownOutcome(one)] : []))
}

function isOpinion(value: unknown): value is Parameters<typeof shownOutcome>[0] {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind !== 'rewrite'
}
