/** Receipts: message disposition notifications, RFC 8098. */
import { typedAddress } from './address.ts'
import { fieldOf, groupsOf } from './fields.ts'
import type { MailReport } from './report.ts'

/** What a part of the type message/disposition-notification says; undefined when it says of nothing what became of it. */
export function readMdn(text: string): Pick<MailReport, 'recipients' | 'isTruncated'> | undefined {
  const [group] = groupsOf(text, 1)
  // `manual-action/MDN-sent-manually; displayed/error`, RFC 8098 §3.2.6.
  const detail = /;\s*([a-z-]{1,40})/i.exec(fieldOf(group, 'disposition') ?? '')?.[1]?.toLowerCase()
  if (detail === undefined) return undefined
  const original = typedAddress(fieldOf(group, 'original-recipient'))
  const final = typedAddress(fieldOf(group, 'final-recipient'))
  return { recipients: [{ kind: 'disposition', original, final, detail }], isTruncated: false }
}
