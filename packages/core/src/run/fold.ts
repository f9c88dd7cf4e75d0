/** *Fold*: each handler gets what the one before returned. */
import type { Message, Rewrite } from '@postroad/plugin'
import type { Handler } from '../plan/handler.ts'
import { HookCall } from './call.ts'
import { rewritten } from './check.ts'
import { Failure, invoke } from './guard.ts'

/** Makes edits of an envelope: a failure when that cannot be. */
export type EditEnvelope = (edits: Rewrite, handler: Handler<'rewrite'>) => Promise<Failure | undefined>

/** The message after all handlers, with edits of the envelope made on the way; a {@link Failure} that is worth something ends it. */
export async function fold(
  handlers: readonly Handler<'rewrite'>[],
  call: HookCall<'rewrite'>,
  edit: EditEnvelope,
): Promise<Message | Failure> {
  let { message } = call.args
  for (const handler of handlers) {
    const answer = invoke(handler, new HookCall('rewrite', call.caller, { message }), rewritten)
    const result = answer instanceof Promise ? await answer : answer
    if (result instanceof Failure) {
      if (result.refusal) return result
      continue
    }
    if (!result || handler.shadow) continue
    if (!('kind' in result)) {
      message = result
      continue
    }
    message = result.message ?? message
    const failure = await edit(result, handler)
    if (failure) return failure
  }
  return message
}
