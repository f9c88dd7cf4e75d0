/** A message as a human would read it: text, HTML, attachments. Slow and large beside everything else here, so only on request. */
import type { Mime } from '@postroad/mail'
import { MessageError } from './errors.ts'
import { htmlToText } from './html-text.ts'
import { checkMime, type MimeLimits } from './mime-scan.ts'

/** What {@link parseMime} may spend. */
export interface MimeOptions extends MimeLimits {
  /** Octets of the whole message. Default 50 MiB. */
  readonly size?: number
}

/** Default of {@link MimeOptions}. */
export const MIME_SIZE = 50 * 1024 * 1024

/**
 * Parses a whole message.
 *
 * @throws {MessageError} `ERR_MIME_TOO_LARGE`, `ERR_MIME_TOO_DEEP`, `ERR_MIME_TOO_MANY_PARTS`, `ERR_MIME_UNREADABLE`
 */
export async function parseMime(bytes: Buffer, options: MimeOptions = {}): Promise<Mime> {
  if (bytes.length > (options.size ?? MIME_SIZE)) throw new MessageError('ERR_MIME_TOO_LARGE')
  checkMime(bytes, options)
  // Loading it takes some 100 ms and 10 MB; a server that never looks inside never pays.
  const { simpleParser } = await import('mailparser')
  try {
    const mail = await simpleParser(bytes, {
      skipHtmlToText: true,
      skipTextToHtml: true,
      skipTextLinks: true,
      keepCidLinks: true,
      checksumAlgo: 'sha256',
    })
    const html = mail.html || undefined
    return {
      subject: mail.subject,
      text: mail.text || (html === undefined ? '' : htmlToText(html)),
      html,
      attachments: mail.attachments.map(({ filename, contentType, size, cid, checksum, content }) => ({
        filename: filename || undefined,
        contentType,
        size,
        contentId: cid,
        sha256: checksum,
        content,
      })),
    }
  } catch (error) {
    throw new MessageError('ERR_MIME_UNREADABLE', error)
  }
}
