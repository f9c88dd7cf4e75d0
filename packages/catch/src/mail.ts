/** What a test gets of a message: decoded, and all at once. */
import { linksOf } from '@postroad/content'
import { messageFromBytes } from '@postroad/message'
import type { Attachment, Headers } from '@postroad/plugin'
import { type CaughtEntry, type Checked, mimeOf, type Name } from './entry.ts'

/** One message that was caught. */
export interface CaughtMail {
  readonly id: string
  /** Of the envelope: the reverse-path (empty: none), and for whom it came, whatever its fields say. */
  readonly envelope: { readonly from: string; readonly to: readonly string[] }
  readonly from: Name | null
  readonly to: readonly Name[]
  readonly cc: readonly Name[]
  readonly replyTo: readonly Name[]
  /** Decoded; empty when there is none. */
  readonly subject: string
  readonly date: Date | undefined
  /** Without angle brackets; empty when there is none. */
  readonly messageId: string
  readonly headers: Headers
  /** Of a message that is HTML only: the text of it. */
  readonly text: string
  readonly html: string | undefined
  /** Addresses (`https:`, `http:`) that the text or the HTML leads to, each once, in their order. */
  readonly links: readonly string[]
  readonly attachments: readonly Attachment[]
  /** Empty unless `authentication` was asked for. */
  readonly authentication: Checked
  /** Who had logged in; empty: nobody. */
  readonly username: string
  readonly size: number
  /** All octets, as they came. */
  readonly raw: Buffer
}

/** Reads it. */
export async function caughtMail(entry: CaughtEntry, raw: Buffer): Promise<CaughtMail> {
  const message = messageFromBytes(raw)
  const mime = await mimeOf(message)
  const { id, from, to, cc, replyTo, subject, messageId, authentication, username, size } = entry
  return {
    id,
    envelope: { from: entry.sender, to: entry.recipients },
    from,
    to,
    cc,
    replyTo,
    subject,
    date: message.date,
    messageId,
    headers: message.headers,
    text: mime?.text ?? '',
    html: mime?.html,
    links: mime ? [...new Set(linksOf(mime).links.map(({ url }) => url.href))] : [],
    attachments: mime?.attachments ?? [],
    authentication,
    username,
    size,
    raw,
  }
}
