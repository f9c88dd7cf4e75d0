/** *Tell*: handlers hear what happened; nobody waits for them, the answer is ignored, and a failure is only logged. */
import type { Wave } from '../plan/handler.ts'
import type { Frame } from './call.ts'
import { nothing } from './check.ts'
import { invoke } from './guard.ts'

/** A promise when a handler goes on after its call, for those who must know when nobody reads any more. */
export function tell(plan: readonly Wave[], frame: Frame): Promise<unknown> | undefined {
  let pending: unknown[] | undefined
  for (const wave of plan) {
    for (const entry of wave) {
      const run = invoke(entry, frame, nothing)
      if (run instanceof Promise) (pending ??= []).push(run)
    }
  }
  return pending && Promise.all(pending)
}
