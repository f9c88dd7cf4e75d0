/** What can go wrong with a message that is no programmer's mistake, by code. */

/** Codes of {@link MessageError}: what each says, and what to do; part of docs/errors.md. */
export const MESSAGE_ERRORS = {
  ERR_BODY_DISPOSED: {
    summary: 'The content has been disposed of, or was never finished',
    fix: 'Read a message while its hook runs; who needs it longer copies it. If no plugin of yours reads it later, report it.',
  },
  ERR_BODY_TWICE: {
    summary: 'Two plugins have replaced the body, and one of the two would be lost',
    fix: 'Use the one whose change must not see the other first: what comes later then gets its body.',
  },
  ERR_BODY_TRUNCATED: {
    summary: 'The temporary file of the content is shorter than it was',
    fix: 'Let nobody clean the folder of temporary files while the server runs, and look at the disk. The client is told to try again.',
  },
  ERR_MIME_TOO_LARGE: {
    summary: 'The message is larger than the limit for MIME parsing',
    fix: 'A plugin that asks for the MIME parts gives a higher `size`, or says what a message without them is worth.',
  },
  ERR_MIME_TOO_DEEP: {
    summary: 'MIME parts are nested deeper than the limit',
    fix: 'Nothing honest is nested that deep: a plugin that looks into messages says what it is worth.',
  },
  ERR_MIME_TOO_MANY_PARTS: {
    summary: 'The message has more MIME parts than the limit',
    fix: 'A plugin that asks for the MIME parts gives a higher `parts`, or says what such a message is worth.',
  },
  ERR_MIME_HEADER_TOO_LARGE: {
    summary: 'The MIME parts of the message have too many or too long header fields',
    fix: 'Nothing honest describes its parts at such length: a plugin that looks into messages says what it is worth.',
  },
  ERR_MIME_UNREADABLE: {
    summary: 'The MIME parser could not read the message',
    fix: 'See the cause; a plugin that looks into messages says what one that cannot be read is worth.',
  },
} as const

/** A code of this package's catalogue. */
export type MessageErrorCode = keyof typeof MESSAGE_ERRORS

/** A failure with a code of the catalogue; the text is fixed and holds nothing of the message. */
export class MessageError extends Error {
  readonly code: MessageErrorCode

  constructor(code: MessageErrorCode, cause?: unknown) {
    super(MESSAGE_ERRORS[code].summary, cause === undefined ? undefined : { cause })
    this.name = 'MessageError'
    this.code = code
  }
}
