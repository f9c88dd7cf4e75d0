/** Complaints: reports of the Abuse Reporting Format, RFC 5965, as feedback loops send them. */
import type { Feedback } from '@postroad/plugin'
import { plainAddress } from './address.ts'
import { fieldOf, groupsOf } from './fields.ts'
import { type MailReport, MOST_RECIPIENTS } from './report.ts'

/** RFC 5965 §7.3, RFC 6430, and `opt-out` of its draft, which some still send. A report on failed authentication is no complaint. */
const KINDS: ReadonlyMap<string, Feedback['kind']> = new Map([
  ['abuse', 'complaint'],
  ['fraud', 'complaint'],
  ['virus', 'complaint'],
  ['other', 'complaint'],
  ['miscategorized', 'complaint'],
  ['opt-out', 'complaint'],
  ['opt-out-list', 'complaint'],
  ['not-spam', 'not-spam'],
])

/** What a part of the type message/feedback-report says; undefined when it is no complaint. A report that names nobody has one recipient without a name. */
export function readArf(text: string): Pick<MailReport, 'recipients' | 'isTruncated' | 'mailFrom'> | undefined {
  const [group] = groupsOf(text, 1)
  const type = fieldOf(group, 'feedback-type')?.toLowerCase() ?? ''
  const kind = KINDS.get(type)
  if (!kind) return undefined
  const named = (group?.get('original-rcpt-to') ?? []).slice(0, MOST_RECIPIENTS).map(plainAddress)
  const recipients = named.length === 0 ? [undefined] : named
  return {
    recipients: recipients.map((original) => ({ kind, original, final: undefined, detail: type })),
    isTruncated: false,
    mailFrom: fieldOf(group, 'original-mail-from'),
  }
}
