/** What policy plugins find out about a client and its mail and tell each other, and what a finding is worth. */
import type { Ambiguity } from '@postroad/mail'
import { defineFact } from './fact.ts'
import {
  type Defer,
  defer,
  type PermanentStatus,
  type Reject,
  reject,
  type Suspect,
  suspect,
  type TransientStatus,
} from './verdict.ts'

/** An entry of an allow list that fitted. */
export interface Allowed {
  /** The pattern as the operator wrote it. */
  readonly pattern: string
  readonly reason: string | undefined
}

/** What the reverse DNS of a client says, RFC 8601 §2.7.3 (`iprev`). */
export interface ReverseDns {
  /** `pass`: a name leads back to the address; `fail`: none does; `none`: there is no name. */
  readonly result: 'pass' | 'fail' | 'none' | 'temperror'
  /** The name that leads back: lower-case A-labels. */
  readonly name: string | undefined
  /** All names, verified or not; a stranger's words. */
  readonly names: readonly string[]
}

/** The client's network is on an allow list. Set by the plugin `access` at `connect`. */
export const allowedClient = defineFact<Allowed, 'session'>('allowed-client', 'session')
/** The reverse-path is on an allow list; anybody can write one, so this lifts no check of the client. Set by `access` at `mail`. */
export const allowedSender = defineFact<Allowed>('allowed-sender')
/** The recipient wants no checks. Set by `access` at `rcpt`. */
export const allowedRecipient = defineFact<Allowed, 'recipient'>('allowed-recipient', 'recipient')
/** Set by the plugin `helo` at `connect`. */
export const reverseDns = defineFact<ReverseDns, 'session'>('reverse-dns', 'session')
/**
 * The recipient exists though no list of users may know it: it stands for other addresses, as an alias or a rewritten
 * reverse-path that a bounce comes back to. Set by the plugin `routing` at `rcpt`, with the rules that say so.
 */
export const knownRecipient = defineFact<readonly string[], 'recipient'>('known-recipient', 'recipient')

/** In what mail clients may disagree about the message; empty when in nothing. Set by the plugin `mime` at `message`. */
export const ambiguousMessage = defineFact<readonly Ambiguity[]>('ambiguous')

/** What a finding is worth: points, a refusal, a refusal that ends the connection, or nothing. */
export type Action = number | 'reject' | 'defer' | 'disconnect' | 'none'

/** How an {@link Action} is said. */
export interface Wording {
  /** To the client: generic English. */
  readonly text: string
  /** To the log, with points. */
  readonly reason: string
  /** Default: `5.7.1`. */
  readonly status?: PermanentStatus
  /** Default: `4.7.1`. */
  readonly transient?: TransientStatus
}

/** The opinion that an action stands for; undefined for `none` and no points. */
export function opinionOf(
  action: Action,
  { text, reason, status = '5.7.1', transient = '4.7.1' }: Wording,
): Suspect | Reject | Defer | undefined {
  if (typeof action === 'number') return action === 0 ? undefined : suspect(action, reason)
  if (action === 'none') return undefined
  if (action === 'defer') return defer(text, { status: transient })
  return reject(text, { status, disconnect: action === 'disconnect' })
}
