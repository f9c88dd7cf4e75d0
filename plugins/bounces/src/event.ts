/** What a report comes to, for programs. */
import type { Feedback, MailEvent } from '@postroad/plugin'

/** The event of one recipient of a report: a complaint, or a failure for good. None of what cannot be laid to mail of ours. */
export function eventOf(said: Feedback): MailEvent[] {
  const { kind, recipient, from, transaction, reply, class: bounceClass, fault, detail } = said
  if (from === undefined) return []
  const about = { transaction, from, to: recipient === undefined ? [] : [recipient] }
  if (kind === 'complaint') return [{ ...about, kind: 'complained', detail: { type: detail } }]
  if (kind !== 'failed' || recipient === undefined) return []
  return [{ ...about, kind: 'bounced', detail: { reply, class: bounceClass, fault, reported: true } }]
}
