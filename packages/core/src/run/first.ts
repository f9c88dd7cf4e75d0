/** *First*: handlers in turn until one answers. A failure that is worth something ends the turn: it passes nothing on. */
import type { HookName } from '@postroad/plugin'
import type { Maybe } from '@postroad/smtp'
import type { AnyHandler, Handler } from '../plan/handler.ts'
import type { HookCall } from './call.ts'
import { type AnswerCheck, Failure, invoke } from './guard.ts'

/** Who answered, and what. */
export interface FirstAnswer<T> {
  readonly plugin: string
  readonly value: T | Failure
}

/** The first answer that counts, and whose it is; a promise only when a handler answers with one. */
export function first<K extends HookName, T>(
  handlers: readonly Handler<K>[],
  call: HookCall<K>,
  check: AnswerCheck<T>,
): Maybe<FirstAnswer<T> | undefined> {
  return from(handlers, 0, { call, check })
}

type Turn<K extends HookName, T> = { readonly call: HookCall<K>; readonly check: AnswerCheck<T> }

function from<K extends HookName, T>(
  handlers: readonly Handler<K>[],
  start: number,
  turn: Turn<K, T>,
): Maybe<FirstAnswer<T> | undefined> {
  for (let i = start; i < handlers.length; i++) {
    const handler = handlers[i]
    if (!handler) continue
    const pending = handler.awaits.length > 0 ? turn.call.pendingAt(handler.awaits) : undefined
    const value = pending
      ? pending.then(() => invoke(handler, turn.call, turn.check))
      : invoke(handler, turn.call, turn.check)
    if (value instanceof Promise)
      return value.then((late) => counted(handler, turn, late) ?? from(handlers, i + 1, turn))
    const answer = counted(handler, turn, value)
    if (answer) return answer
  }
  return undefined
}

/** Shadowed answers, and failures that are worth nothing, leave the turn to the next. */
function counted<T>(
  handler: AnyHandler,
  { call }: { readonly call: HookCall },
  value: T | Failure | undefined,
): FirstAnswer<T> | undefined {
  if (value === undefined || (value instanceof Failure && !value.refusal)) return undefined
  if (handler.shadow) {
    call.note(handler, { kind: 'answer', reason: 'not obeyed' })
    return undefined
  }
  return { plugin: handler.plugin, value }
}
