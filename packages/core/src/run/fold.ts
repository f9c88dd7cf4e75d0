/** *Fold*: each handler gets what the one before returned. */
import type { Message } from '@postroad/plugin'
import type { Handler } from '../plan/handler.ts'
import { HookCall } from './call.ts'
import { message as asMessage } from './check.ts'
import { Failure, invoke } from './guard.ts'

/** The message after all handlers; a {@link Failure} that is worth something ends it. */
export async function fold(
  handlers: readonly Handler<'rewrite'>[],
  call: HookCall<'rewrite'>,
): Promise<Message | Failure> {
  let { message } = call.args
  for (const handler of handlers) {
    const answer = invoke(handler, new HookCall('rewrite', call.caller, { message }), asMessage)
    const result = answer instanceof Promise ? await answer : answer
    if (result instanceof Failure) {
      if (result.refusal) return result
    } else if (result && !handler.shadow) message = result
  }
  return message
}
