/** A message: the octets, and the views of them that plugins, queues and transports have. */
import type { Address } from './address.ts'

/** The octets of a message, without dot-stuffing and final dot. Readers may be many and at once. */
export interface MessageSource {
  /** Octets, header section and body, after dot-unstuffing, RFC 5321 §4.5.2. */
  readonly size: number
  /**
   * The octets of the whole message. May be called any number of times. A source that reads a file asks `lend` for the memory of each piece: the
   * caller may lend the same again. A source that has its octets does not ask.
   */
  raw(lend?: () => Uint8Array): AsyncIterable<Uint8Array>
  /** The octets of the whole message, at once, when they are in memory: the fast path. Not to be changed. */
  chunks?(): readonly Uint8Array[] | undefined
  /** True: it was looked at, and no CR or LF stands by itself, RFC 5321 §2.3.8. Absent or false: nobody knows. */
  readonly hasOnlyCrlf?: boolean
  /** The file that its octets arrived in, when whoever keeps the message may take that over in place of a copy. */
  file?(): MessageFile | undefined
}

/** A message in a file: the octets of `head`, and those of the file from `skip` on. */
export interface MessageFile {
  readonly head: Uint8Array
  /** Octets at the beginning of the file that do not belong to the message. */
  readonly skip: number
  /** CRC-32 of the whole file. */
  readonly crc: number
  /**
   * Syncs the octets and gives the file that path, on the same file system; syncing its folder is for the caller. Readers of the message
   * go on. Rejects with the system's code: `EXDEV` on another file system, `ENOENT` when somebody has taken it before.
   */
  moveTo(path: string): Promise<void>
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

/** A mailbox as a header field has it, RFC 5322 §3.4. */
export interface NamedAddress {
  /** The display name, decoded; a stranger's words. */
  readonly name: string | undefined
  /** Undefined when what stands there is not an address. */
  readonly address: Address | undefined
  /** What stands in the place of the address, as written. */
  readonly text: string
}

/** What a mailing list says of itself. Lists of URLs have them in the sender's order of preference, RFC 2369 §2. */
export interface MailingList {
  /** RFC 2919: lower-case, without angle brackets. */
  readonly id: string | undefined
  /** The words beside the id, decoded. */
  readonly name: string | undefined
  readonly help: readonly string[]
  readonly subscribe: readonly string[]
  readonly unsubscribe: readonly string[]
  readonly post: readonly string[]
  readonly owner: readonly string[]
  readonly archive: readonly string[]
  /** One may leave by one POST, RFC 8058 §3.1. */
  readonly isOneClick: boolean
}

/** A file in an archive, by the directory of that. */
export interface ArchivedFile {
  /** With its folders; in an archive within the archive, with the name of that one in front: `inner.zip/evil.exe`. */
  readonly filename: string
  /** Octets that it is said to have. */
  readonly size: number
  readonly isEncrypted: boolean
}

/** What is in an archive. */
export interface ArchiveListing {
  readonly files: readonly ArchivedFile[]
  /** Why not all of it is listed: it is damaged, an archive in it is encrypted, or there is more than is looked at. Undefined: all is. */
  readonly unread: 'damaged' | 'encrypted' | 'limit' | undefined
}

/** A part of a MIME message that a mail client shows as a file, or that has a name. */
export interface Attachment {
  /** Decoded. A part that clients may show under several names is there once for each of them, with the same `part`. */
  readonly filename: string | undefined
  /** Type and subtype as declared, lower-case. */
  readonly contentType: string
  /** Type and subtype that the first octets show; undefined when they show nothing. */
  readonly sniffedType: string | undefined
  /** Octets after decoding. */
  readonly size: number
  readonly contentId: string | undefined
  /** Its number as IMAP counts parts, RFC 9051 §6.4.5: `2`, `2.1`. */
  readonly part: string
  /** SHA-256 of the decoded octets, hexadecimal. */
  readonly sha256: string
  /** The decoded octets, made on the first question and then kept. */
  readonly content: Uint8Array
  /** The decoded octets piece by piece: nothing is kept. May be called any number of times. */
  read(): AsyncIterable<Uint8Array>
  /**
   * Names of the files in a zip archive, and in those within it: 3 deep, 1,000 files, 20 MiB of inner archives and 200 ms at most, on the first
   * question; a document of Office is such an archive too. Undefined: it is none. Never rejects.
   */
  archived(): Promise<ArchiveListing | undefined>
}

/**
 * Something that readers of a message may take in different ways:
 *
 * * `from`: several From fields; `fields`: several of another field that may be there once, RFC 5322 §3.6
 * * `header`: a line in a header section that is no field: to some the section ends there
 * * `syntax`: a Content-Type or Content-Disposition that does not follow the grammar; `type`: several of them in one part
 * * `encoding`: several, or an unknown, Content-Transfer-Encoding; `name`: a part with several names
 * * `boundary`: a multipart with several boundaries, with none that fits, or with that of another one around it
 * * `delimiter`: a line that only some take for a boundary
 */
export type Ambiguity =
  | 'from'
  | 'fields'
  | 'header'
  | 'syntax'
  | 'type'
  | 'encoding'
  | 'name'
  | 'boundary'
  | 'delimiter'

/** The message as a human would read it. */
export interface Mime {
  readonly subject: string | undefined
  /** All text that is shown: plain text, and that of HTML parts that have no plain alternative. */
  readonly text: string
  readonly html: string | undefined
  /** The text of `html` as a reader sees it. */
  readonly htmlText: string | undefined
  readonly attachments: readonly Attachment[]
  /** Where mail clients may see something else than is said here; empty in honest mail but for old programs. Worth points. */
  readonly ambiguous: readonly Ambiguity[]
  /** There is more text than `text` and `html` have: it is longer than the limit for MIME parsing. */
  readonly isTruncated: boolean
}

/** A received message. Immutable: an edit gives a new one that shares the body. */
export interface Message extends MessageSource {
  readonly headers: Headers
  /**
   * The subject, decoded (RFC 2047) as mail clients show it: what a rule looks at. Costs some microseconds and no MIME parsing, as do all
   * properties down to `list`; of a field that is there several times it is the topmost, of those with addresses all.
   */
  readonly subject: string | undefined
  readonly from: readonly NamedAddress[]
  readonly to: readonly NamedAddress[]
  readonly cc: readonly NamedAddress[]
  readonly replyTo: readonly NamedAddress[]
  /** Undefined when the field is missing or cannot be read. */
  readonly date: Date | undefined
  /** Without angle brackets. */
  readonly messageId: string | undefined
  /** What List-* fields say; undefined when there is none. */
  readonly list: MailingList | undefined
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

/** A source of octets that are in memory. `hasOnlyCrlf` is what is known of them. */
export function memorySource(chunks: readonly Uint8Array[], hasOnlyCrlf = false): MessageSource {
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  return {
    size,
    hasOnlyCrlf,
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
