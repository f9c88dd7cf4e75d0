/** Replies as sentences show them. */
import type { WireReply } from '@postroad/smtp'

/** Code, status and text of a reply. */
export function shownReply({ code, status, text }: WireReply): string {
  return `${code} ${status ?? ''} ${typeof text === 'string' ? text : text.join(' / ')}`
}
