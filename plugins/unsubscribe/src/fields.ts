/** The two fields of RFC 8058. */
import type { Message } from '@postroad/plugin'

/** Below the base address of the links. */
export const LINK_PATH = '/u'

/** Where a recipient leaves. */
export interface Exits {
  readonly url: string
  readonly address: string | undefined
  readonly token: string
}

/** The message with them, and without any that it had: a second field would be another answer to the same question. */
export function withExits(message: Message, { url, address, token }: Exits): Message {
  const https = `<${url}${LINK_PATH}/${token}>`
  // RFC 2369 §2: the sender's first choice stands first. One URI a line: whoever folds within one breaks it.
  const exits = address === undefined ? https : `${https},\r\n <mailto:${address}?subject=${token}>`
  return message
    .withoutHeader('List-Unsubscribe')
    .withoutHeader('List-Unsubscribe-Post')
    .withHeader('List-Unsubscribe-Post', 'List-Unsubscribe=One-Click')
    .withHeader('List-Unsubscribe', exits)
}
