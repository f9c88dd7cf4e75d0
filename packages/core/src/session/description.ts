/** Message-ID and subject, as people ask for a message; both are foreign text, and may be told as digests only. */
import { createHash } from 'node:crypto'
import type { Message } from '@postroad/plugin'

/** Characters of each that are told. */
const LENGTH = 250

/** What the header section calls a message. */
export interface MessageDescription {
  /** Without angle brackets. */
  readonly messageId?: string
  readonly subject?: string
}

/** Reads both; what is not there, or is empty, is left out. */
export function describe(message: Message, how: 'plain' | 'hashed'): MessageDescription {
  const { messageId, subject } = message
  return {
    ...(messageId && { messageId: told(messageId, how) }),
    ...(subject && { subject: told(subject, how) }),
  }
}

/** A digest of 12 hexadecimal digits, as those of local parts. */
function told(text: string, how: 'plain' | 'hashed'): string {
  return how === 'hashed' ? createHash('sha256').update(text).digest('hex').slice(0, 12) : text.slice(0, LENGTH)
}
