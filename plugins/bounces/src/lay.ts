/** Lays what a report says to mail that was sent: who has a token may speak of its own recipients, and of nobody else's. */
import { parseAddress, sameMailbox } from '@postroad/mail'
import type { Address, Feedback } from '@postroad/plugin'
import { classify, faultOf } from '@postroad/queue-engine'
import type { MailReport, ReportedRecipient } from './report/report.ts'
import type { SentMessage } from './sent.ts'

/** @param sent undefined: nobody knows of which mail the report speaks */
export function layTo(sent: SentMessage | undefined, report: MailReport): readonly Feedback[] {
  return report.recipients.map((reported) => feedbackOf(sent, reported))
}

function feedbackOf(sent: SentMessage | undefined, reported: ReportedRecipient): Feedback {
  const { kind, original, final, reply, detail } = reported
  const named = sent?.recipients.find((one) => isSame(one, original) || isSame(one, final))
  // Of mail to one recipient the token says whose it is, whatever the report calls it.
  const recipient = named ?? (sent?.recipients.length === 1 ? sent.recipients[0] : undefined)
  return {
    kind,
    recipient,
    reported: (original ?? final)?.toString(),
    from: sent?.from,
    transaction: sent?.transaction,
    ...(reply && { reply, ...judged(reply, !sent || named !== undefined || (!original && !final)) }),
    ...(detail !== undefined && { detail }),
  }
}

/** Where mail was sent on by its recipient, a dead end is one of perhaps several: the recipient itself has taken it. */
function judged(reply: NonNullable<ReportedRecipient['reply']>, isOwn: boolean): Pick<Feedback, 'class' | 'fault'> {
  const as = classify(reply)
  const fault = faultOf(reply, as)
  return { class: as, fault: fault === 'address' && !isOwn ? 'mailbox' : fault }
}

function isSame(recipient: string, address: Address | undefined): boolean {
  const own = address && parseAddress(recipient, { smtputf8: true })
  return own !== undefined && address !== undefined && sameMailbox(own, address, { foldCase: true })
}
