/** Delivery status notifications, RFC 3464, and those beyond ASCII, RFC 6533. */
import type { Feedback } from '@postroad/plugin'
import { typedAddress } from './address.ts'
import { type FieldGroup, fieldOf, groupsOf } from './fields.ts'
import { replyOf } from './reply.ts'
import { type MailReport, MOST_RECIPIENTS, type ReportedRecipient } from './report.ts'

const ACTIONS: ReadonlySet<string> = new Set(['failed', 'delayed', 'delivered', 'relayed', 'expanded'])

/** What a part of the type message/delivery-status says; undefined when it names nobody. */
export function readDsn(text: string): Pick<MailReport, 'recipients' | 'isTruncated'> | undefined {
  // One more group is about the message, and one more tells that there are more.
  const groups = groupsOf(text, MOST_RECIPIENTS + 2).filter(
    (group) => fieldOf(group, 'final-recipient') !== undefined || fieldOf(group, 'original-recipient') !== undefined,
  )
  const recipients = groups.slice(0, MOST_RECIPIENTS).flatMap((group) => recipientOf(group) ?? [])
  return recipients.length === 0 ? undefined : { recipients, isTruncated: groups.length > MOST_RECIPIENTS }
}

function recipientOf(group: FieldGroup): ReportedRecipient | undefined {
  const kind = kindOf(group)
  if (!kind) return undefined
  const isFailure = kind === 'failed' || kind === 'delayed'
  return {
    kind,
    original: typedAddress(fieldOf(group, 'original-recipient')),
    final: typedAddress(fieldOf(group, 'final-recipient')),
    ...(isFailure && { reply: replyOf(fieldOf(group, 'diagnostic-code'), fieldOf(group, 'status')) }),
  }
}

/** RFC 3464 §2.3.3: Action is always there. Where it is not, the class of the status is what it would have said. */
function kindOf(group: FieldGroup): Feedback['kind'] | undefined {
  // Some write a comment behind it.
  const action = /^[a-z]+/.exec(fieldOf(group, 'action')?.toLowerCase() ?? '')?.[0]
  // `as`: one of the set, as was just seen.
  if (action !== undefined && ACTIONS.has(action)) return action as Feedback['kind']
  const status = fieldOf(group, 'status')
  if (status?.startsWith('5.')) return 'failed'
  return status?.startsWith('4.') ? 'delayed' : undefined
}
