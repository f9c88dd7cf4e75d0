/** *Fold*: each handler gets what the one before returned. */
import type { Message } from '@postroad/plugin'
import type { Wave } from '../plan/handler.ts'
import { Frame } from './call.ts'
import { message as asMessage } from './check.ts'
import { Failure, invoke } from './guard.ts'

/** The message after all handlers; a {@link Failure} that is worth something ends it. */
export async function fold(plan: readonly Wave[], frame: Frame, message: Message): Promise<Message | Failure> {
  let current = message
  for (const entry of plan.flat()) {
    const owner = {
      runtime: frame.runtime,
      lifetime: frame.lifetime,
      transaction: frame.transaction,
      ...(frame.session ? { session: frame.session } : {}),
    }
    const answer = invoke(entry, new Frame(frame.hook, owner, { ...frame.moment, message: current }), asMessage)
    const result = answer instanceof Promise ? await answer : answer
    if (result instanceof Failure) {
      if (result.refusal) return result
    } else if (result && !entry.shadow) current = result
  }
  return current
}
