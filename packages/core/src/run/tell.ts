/** *Tell*: handlers hear what happened; nobody waits for them, the answer is ignored, and a failure is only logged. */
import type { HookName } from '@postroad/plugin'
import type { Wave } from '../plan/hook-table.ts'
import type { HookCall } from './call.ts'
import { nothing } from './check.ts'
import { invoke } from './guard.ts'

/** A promise when a handler goes on after its call, for those who must know when nobody reads any more. */
export function tell<K extends HookName>(waves: readonly Wave<K>[], call: HookCall<K>): Promise<unknown> | undefined {
  let pending: unknown[] | undefined
  for (const wave of waves) {
    for (const handler of wave) {
      const run = invoke(handler, call, nothing)
      if (run instanceof Promise) (pending ??= []).push(run)
    }
  }
  return pending && Promise.all(pending)
}
