/** *First*: handlers in turn until one answers. A failure that is worth something ends the turn: it passes nothing on. */
import type { Wave } from '../plan/handler.ts'
import type { Frame } from './call.ts'
import { type Check, Failure, invoke } from './guard.ts'

/** Who answered, and what. */
export interface Answer<T> {
  readonly plugin: string
  readonly value: T | Failure
}

/** The first answer that counts, and whose it is; a promise only when a handler answers with one. */
export function first<T>(plan: readonly Wave[], frame: Frame, check: Check<T>): Answer<T> | undefined | Promise<Answer<T> | undefined> {
  // Hooks whose handlers run in turn are compiled into one wave.
  return from(plan[0] ?? [], 0, { frame, check })
}

type Turn<T> = { readonly frame: Frame; readonly check: Check<T> }

function from<T>(entries: Wave, start: number, turn: Turn<T>): Answer<T> | undefined | Promise<Answer<T> | undefined> {
  for (let i = start; i < entries.length; i++) {
    const entry = entries[i]
    if (!entry) continue
    const pending = entry.awaits.length > 0 ? turn.frame.session?.pendingAt(entry.awaits) : undefined
    const value = pending ? pending.then(() => invoke(entry, turn.frame, turn.check)) : invoke(entry, turn.frame, turn.check)
    if (value instanceof Promise) return value.then((late) => counted(entry, turn, late) ?? from(entries, i + 1, turn))
    const answer = counted(entry, turn, value)
    if (answer) return answer
  }
  return undefined
}

/** Shadowed answers, and failures that are worth nothing, leave the turn to the next. */
function counted<T>(entry: Wave[number], { frame }: Turn<T>, value: T | Failure | undefined): Answer<T> | undefined {
  if (value === undefined || (value instanceof Failure && !value.refusal)) return undefined
  if (entry.shadow) {
    frame.note(entry, { kind: 'answer', reason: 'not obeyed' })
    return undefined
  }
  return { plugin: entry.plugin, value }
}
