/** What a result is worth is the operator's word: here it becomes an opinion. */
import {
  type CommandOpinion,
  type Defer,
  defer,
  type MessageOpinion,
  type PermanentStatus,
  quarantine,
  reject,
  type Suspect,
  suspect,
  type TransientStatus,
} from '@postroad/plugin'

/** At a command: refuse for good, refuse for now, points (a number, or `suspect(…)` with a reason of one's own), or nothing. */
export type CommandAction = 'reject' | 'defer' | 'none' | number | Suspect

/** At `message` the message may also be set aside. */
export type MessageAction = CommandAction | 'quarantine'

/** How the opinion is said. */
export interface RefusalText {
  /** To the client: generic English; what comes from the sender is shown as ASCII. */
  readonly text: string
  /** For the log, with points and quarantine. */
  readonly reason: string
  readonly rejectStatus: PermanentStatus
  readonly deferStatus: TransientStatus
}

/** The opinion that an action stands for; nothing for `none` and for no points. */
export function toOpinion(action: CommandAction, refusal: RefusalText): CommandOpinion | undefined
export function toOpinion(action: MessageAction, refusal: RefusalText): MessageOpinion | undefined
export function toOpinion(action: MessageAction, refusal: RefusalText): MessageOpinion | undefined {
  if (typeof action === 'object') return action
  if (typeof action === 'number') return action === 0 ? undefined : suspect(action, refusal.reason)
  switch (action) {
    case 'reject':
      return reject(refusal.text, { status: refusal.rejectStatus })
    case 'defer':
      return deferral(refusal)
    case 'quarantine':
      return quarantine(refusal.reason)
    case 'none':
      return undefined
  }
}

function deferral({ text, deferStatus }: RefusalText): Defer {
  return defer(text, { status: deferStatus })
}
