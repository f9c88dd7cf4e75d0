/** What others tell of mail that was sent: whoever reads such reports says it by a fact, and lists of suppressed recipients go by it. */
import type { Reply } from '@postroad/mail'
import { defineFact } from './fact.ts'

/** What a report says of one recipient. All text in it is a stranger's. */
export interface Feedback {
  /**
   * What has happened: `failed`, `delayed`, `delivered`, `relayed` and `expanded` of RFC 3464 §2.3.3; `complaint` and `not-spam` of RFC 5965 §7.3;
   * `disposition` is a receipt of RFC 8098.
   */
  readonly kind: 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded' | 'complaint' | 'not-spam' | 'disposition'
  /** Whom we had sent it to. Undefined: the report cannot be laid to mail of ours, and nothing may follow from it. */
  readonly recipient: string | undefined
  /** Whom the report names, which may be another one: of mail that was sent on, for one. */
  readonly reported: string | undefined
  /** The reverse-path that the mail had when it came to us. */
  readonly from: string | undefined
  /** Id of the transaction that the mail came with. */
  readonly transaction: string | undefined
  /** What the server in question has said; only of `failed` and `delayed`. */
  readonly reply?: Reply | undefined
  /** Class of the bounce table. */
  readonly class?: string | undefined
  /** Whose fault it is. Only `address` says that the recipient is not there. */
  readonly fault?: 'address' | 'mailbox' | 'policy' | 'transport' | undefined
  /** Of a complaint its Feedback-Type (`abuse`, `opt-out`), of a receipt its disposition (`displayed`). */
  readonly detail?: string | undefined
}

/** Set by the plugin `bounces` at `message`: what the message, which is a report, says of mail that was sent from here. */
export const feedback = defineFact<readonly Feedback[]>('feedback')
