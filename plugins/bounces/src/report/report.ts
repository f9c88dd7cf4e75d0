/** What a report says, before it is known whether the mail was ours. */
import type { Address, Feedback, Reply } from '@postroad/plugin'

/** Of one recipient. */
export interface ReportedRecipient {
  readonly kind: Feedback['kind']
  /** Whom the report names: as we had sent it where it says that (`original`), and where it ended (`final`). */
  readonly original: Address | undefined
  readonly final: Address | undefined
  readonly reply?: Reply | undefined
  readonly detail?: string | undefined
}

/** A report. */
export interface MailReport {
  readonly format: 'dsn' | 'arf' | 'mdn' | 'text'
  readonly recipients: readonly ReportedRecipient[]
  /** There is more than was read. */
  readonly isTruncated: boolean
  /** The header section of the message that it is about, where it is in the report. */
  readonly returned: string | undefined
  /** The reverse-path that the report names; of a complaint, for one. */
  readonly mailFrom?: string | undefined
}

/** Recipients of one report that are read. */
export const MOST_RECIPIENTS = 1_000
