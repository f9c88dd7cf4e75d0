/** What can go wrong with a message that is no programmer's mistake, by code. */

/** Codes of {@link MessageError}, and what each says. */
const TEXTS = {
  ERR_BODY_DISPOSED: 'The body has been disposed of, or was never finished',
  ERR_BODY_TRUNCATED: 'The temporary file of the body is shorter than it was',
  ERR_MIME_TOO_LARGE: 'The message is larger than the limit for MIME parsing',
  ERR_MIME_TOO_DEEP: 'MIME parts are nested deeper than the limit',
  ERR_MIME_TOO_MANY_PARTS: 'The message has more MIME parts than the limit',
  ERR_MIME_UNREADABLE: 'The MIME parser could not read the message',
} as const

/** A code of this package's catalogue. */
export type MessageErrorCode = keyof typeof TEXTS

/** A failure with a code of the catalogue; the text is fixed and holds nothing of the message. */
export class MessageError extends Error {
  readonly code: MessageErrorCode

  constructor(code: MessageErrorCode, cause?: unknown) {
    super(TEXTS[code], cause === undefined ? undefined : { cause })
    this.name = 'MessageError'
    this.code = code
  }
}
