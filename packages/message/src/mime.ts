/** A message as a human would read it: text, HTML, attachments. Slow and large beside everything else here, so only on request. */
import type { Ambiguity, Mime } from '@postroad/mail'
import { addInlineFiles, addTnefFiles, attachmentsOf } from './attachment.ts'
import { MessageError } from './errors.ts'
import { htmlToText } from './html-text.ts'
import { type MimeLimits, scanMime } from './mime-scan.ts'
import { readText, type ShownText } from './mime-text.ts'

/** What {@link parseMime} may spend. */
export interface MimeOptions extends MimeLimits {
  /** Octets of the whole message. Default 50 MiB. */
  readonly size?: number
  /** Octets of plain text, and of HTML, after decoding; what is more is left out. Default 1 MiB. */
  readonly text?: number
}

/** Defaults of {@link MimeOptions}. */
export const MIME_SIZE = 50 * 1024 * 1024
const TEXT = 1024 * 1024
const PARTS = 1000

/** What the fields of the whole message say, whose reader is another one. */
export interface FieldsRead {
  readonly subject: string | undefined
  readonly ambiguous: readonly Ambiguity[]
}

/**
 * Parses a whole message.
 *
 * @throws {MessageError} `ERR_MIME_TOO_LARGE`, `ERR_MIME_TOO_DEEP`, `ERR_MIME_TOO_MANY_PARTS`, `ERR_MIME_HEADER_TOO_LARGE`,
 * `ERR_MIME_UNREADABLE`
 */
export async function parseMime(bytes: Buffer, fields: FieldsRead, options: MimeOptions = {}): Promise<Mime> {
  if (bytes.length > (options.size ?? MIME_SIZE)) throw new MessageError('ERR_MIME_TOO_LARGE')
  const { root, ambiguous } = scanMime(bytes, options)
  let files = options.parts ?? PARTS
  const count = (): void => {
    if (--files < 0) throw new MessageError('ERR_MIME_TOO_MANY_PARTS')
  }
  const decoded = addInlineFiles(root, count)
  addTnefFiles(root, count)
  const found = new Set([...fields.ambiguous, ...ambiguous])
  const attachments = attachmentsOf(root, (what) => found.add(what))
  try {
    const shown = await readText(root, { limit: options.text ?? TEXT, decoded })
    return new ReadMime(fields.subject, shown, { attachments, ambiguous: [...found] })
  } catch (error) {
    throw new MessageError('ERR_MIME_UNREADABLE', error)
  }
}

/** Text of HTML is made when somebody asks for it. */
class ReadMime implements Mime {
  readonly subject: string | undefined
  readonly html: string | undefined
  readonly attachments: Mime['attachments']
  readonly ambiguous: readonly Ambiguity[]
  readonly isTruncated: boolean
  readonly #shown: ShownText
  #htmlText: string | undefined

  constructor(
    subject: string | undefined,
    shown: ShownText,
    { attachments, ambiguous }: Pick<Mime, 'attachments' | 'ambiguous'>,
  ) {
    this.subject = subject
    this.html = shown.html
    this.attachments = attachments
    this.ambiguous = ambiguous
    this.isTruncated = shown.isTruncated
    this.#shown = shown
  }

  get htmlText(): string | undefined {
    return this.html === undefined ? undefined : (this.#htmlText ??= htmlToText(this.html))
  }

  get text(): string {
    const { text, isHtmlShown } = this.#shown
    if (!isHtmlShown) return text
    return [text, this.htmlText ?? ''].filter((part) => part !== '').join('\n')
  }
}
