/** A message: the octets, and the views of them that plugins, queues and transports have. */

/** The octets of a message, without dot-stuffing and final dot. Readers may be many and at once. */
export interface MessageSource {
  /** Octets, header section and body, after dot-unstuffing, RFC 5321 §4.5.2. */
  readonly size: number
  /** The octets of the whole message. May be called any number of times. */
  raw(): AsyncIterable<Uint8Array>
  /** The octets of the whole message, at once, when they are in memory: the fast path. Not to be changed. */
  chunks?(): readonly Uint8Array[] | undefined
}

/** One header field as received. */
export interface HeaderField {
  /** As written; compare without case. Empty when the line is no field (no colon, a broken name, an mbox `From ` line). */
  readonly name: string
  /** Unfolded, trimmed; octets beyond ASCII are decoded as UTF-8. No RFC 2047 decoding. */
  readonly value: string
  /** The octets, from the first of the name to the last CRLF. */
  readonly raw: Uint8Array
}

/** The header section, in order from top to bottom, RFC 5322 §2.2. */
export interface Headers extends Iterable<HeaderField> {
  readonly length: number
  /** The first (topmost) field's value. */
  get(name: string): string | undefined
  /** All values, topmost first. */
  all(name: string): readonly string[]
  has(name: string): boolean
}

/** A part of a MIME message that is not text of the body. */
export interface Attachment {
  readonly filename: string | undefined
  /** Type and subtype, lower-case. */
  readonly contentType: string
  /** Octets after decoding. */
  readonly size: number
  readonly contentId: string | undefined
  /** SHA-256 of the decoded octets, hexadecimal. */
  readonly sha256: string
  readonly content: Uint8Array
}

/** The message as a human would read it. */
export interface Mime {
  readonly subject: string | undefined
  /** Plain text; made from HTML where there is no text part. */
  readonly text: string
  readonly html: string | undefined
  readonly attachments: readonly Attachment[]
}

/** A received message. Immutable: an edit gives a new one that shares the body. */
export interface Message extends MessageSource {
  readonly headers: Headers
  /** The octets of the body, after the empty line. */
  body(): AsyncIterable<Uint8Array>
  /**
   * Parsed on the first call, then shared by all plugins of the transaction, and with the messages made from this one by edits of other
   * fields than `Content-*`, `MIME-Version` and `Subject`: costs nothing if nobody asks. Rejects with a `MessageError`.
   */
  mime(): Promise<Mime>
  /** Short for `(await mime()).text`. */
  text(): Promise<string>
  /**
   * A message with one more header field on top; the rest is untouched, octet for octet.
   *
   * @throws {TypeError} when the name is not a field name, or the value has a line break that does not fold (RFC 5322 §2.2)
   */
  withHeader(name: string, value: string): Message
  /** Without the fields of that name for which `matches` holds (default: all of them); the empty name is that of lines that are no fields. */
  withoutHeader(name: string, matches?: (field: HeaderField) => boolean): Message
  /** The first field of that name gets the value in its place; on top when there is none. */
  withReplacedHeader(name: string, value: string): Message
  /**
   * With another body: the octets after the empty line, lines end with CRLF, no dot-stuffing. The header section stays as it is: whoever
   * changes the structure also writes `Content-Type` and `Content-Transfer-Encoding`. Size, text and MIME follow. The octets are kept like
   * those of a message that arrives, in memory while they are few; resolves when all of them are.
   *
   * @throws what the source throws; nothing stays behind then
   * @example
   * rewrite: { changes: 'body', handler: async ({ message }) => message.withBody(withDisclaimer(message.body())) }
   */
  withBody(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Message>
}

/** A source of octets that are in memory. */
export function memorySource(chunks: readonly Uint8Array[]): MessageSource {
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  return {
    size,
    async *raw() {
      yield* chunks
    },
    chunks: () => chunks,
  }
}

/** Collects a source into one piece. */
export async function readAll(source: MessageSource): Promise<Buffer> {
  const ready = source.chunks?.()
  if (ready) return Buffer.concat(ready)
  const chunks: Uint8Array[] = []
  for await (const chunk of source.raw()) chunks.push(chunk)
  return Buffer.concat(chunks)
}
