/** How a scope wants to be asked: derived from what its plugins hook. */
import type { AttachJudging } from '@postroad/smtp'
import type { Agreement, WantedMacros } from '../negotiation.ts'
import { ACTION, STEP } from '../word.ts'

/** What is behind a listener. */
export interface MilterScope {
  readonly attach: AttachJudging
  /** The hooks that somebody answers, or hears. */
  readonly hooks: ReadonlySet<string>
  /** A message may be marked by points alone. */
  readonly tags: boolean
}

/** What is asked for in the first frame. */
export type Wants = Required<Omit<Agreement, 'version'>>

const OF_CONTENT = ['receive', 'message', 'rewrite'] as const
const OF_HEADER = ACTION.addHeaders | ACTION.changeHeaders
const OF_REWRITE =
  OF_HEADER | ACTION.changeBody | ACTION.changeFrom | ACTION.addRcpt | ACTION.addRcptParameters | ACTION.deleteRcpt

/** The macros that are read, and no others; where each is first known. */
const MACROS: WantedMacros = {
  connect: ['j', 'v', 'daemon_addr', 'daemon_port'],
  helo: ['tls_version', 'cipher'],
  mail: ['i', 'auth_authen', 'mail_addr'],
  rcpt: ['i', 'rcpt_addr'],
  data: ['i'],
  endOfHeader: ['i'],
  endOfMessage: ['i'],
}

/** Whether somebody looks at a message. */
export function readsContent({ hooks, tags }: Pick<MilterScope, 'hooks' | 'tags'>): boolean {
  // A mark goes before the subject, which must be known for it.
  return tags || OF_CONTENT.some((hook) => hooks.has(hook))
}

/**
 * What is asked for of a server on such a socket.
 *
 * A step that somebody hooks is answered, and at once: Postfix does not send a quiet one before the next that is answered, so that lookups would
 * begin at RCPT, and the client would wait for them. A step that nobody hooks is quiet. DATA is left out where nobody hooks it, but for TCP:
 * there the small frames of Postfix wait for an acknowledgement, 40 ms a message.
 */
export function wantsOf(scope: Pick<MilterScope, 'hooks' | 'tags'>, { isUnix }: { readonly isUnix: boolean }): Wants {
  const { hooks, tags } = scope
  const has = (hook: string): boolean => hooks.has(hook)
  const steps =
    STEP.leadingSpace |
    STEP.noUnknown |
    STEP.quietHeader |
    STEP.quietEndOfHeader |
    STEP.quietBody |
    (readsContent(scope) ? 0 : STEP.noHeaders | STEP.noEndOfHeader | STEP.noBody) |
    (has('connect') ? 0 : STEP.quietConnect) |
    (has('helo') ? 0 : STEP.quietHelo) |
    (has('mail') ? 0 : STEP.quietMail) |
    (isUnix && !has('data') ? STEP.noData : 0)
  // A verdict may set a message aside, or discard it for some, whatever else there is.
  const actions =
    ACTION.quarantine |
    ACTION.deleteRcpt |
    ACTION.chooseMacros |
    (has('rewrite') ? OF_REWRITE : 0) |
    (tags ? OF_HEADER : 0)
  return { actions, steps, macros: MACROS }
}
