/** What a message is worth that was not looked at. */
import { type Action, type MessageOpinion, opinionOf, quarantine } from '@postroad/plugin'

/** What a finding about a message is worth: an action of commands, or to set the message aside. */
export type ScanAction = Action | 'quarantine'

/** The opinion that an action stands for; undefined for `none` and no points. @param text to the client; @param reason to the log */
export function scanOpinion(
  action: ScanAction,
  wording: { readonly text: string; readonly reason: string },
): MessageOpinion | undefined {
  return action === 'quarantine' ? quarantine(wording.reason) : opinionOf(action, wording)
}
