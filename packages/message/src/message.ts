/** A received message that plugins look at and change: an immutable list of header fields over octets that are shared and never copied. */

import { MessageError } from './errors.ts'
import { fieldBytes, removeFields, replaceField } from './header-edit.ts'
import { HeaderScanner } from './header-scanner.ts'
import { HeaderBlock, type HeaderField, HeaderSection, type Headers } from './headers.ts'
import { MIME_SIZE, type Mime, type MimeOptions, parseMime } from './mime.ts'
import { type Stored, StoredMemory } from './stored.ts'

/** A received message. Immutable: an edit gives a new one that shares the body. */
export interface Message {
  /** Octets, header section and body, after dot-unstuffing, RFC 5321 §4.5.2. */
  readonly size: number
  readonly headers: Headers
  /** The octets of the whole message. May be called any number of times, by any number of readers at once. */
  raw(): AsyncIterable<Uint8Array>
  /** The octets of the body, after the empty line. */
  body(): AsyncIterable<Uint8Array>
  /** The octets of the whole message, at once, when they are in memory. Not to be changed. */
  chunks(): readonly Uint8Array[] | undefined
  /**
   * Parsed on the first call, then shared with the messages made from this one by edits of other fields than `Content-*`,
   * `MIME-Version` and `Subject`. Rejects with a `MessageError`.
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
  /** With these octets, which must be whole fields, on top: `Received` and other trace fields. */
  withPrepended(fields: Uint8Array): Message
}

/**
 * A message of stored octets, perhaps with trace fields on top. The caller disposes of `stored` when the message and all made from it are
 * done with.
 *
 * @param prepend whole fields with their CRLFs
 */
export function createMessage(stored: Stored, prepend?: Uint8Array, options: MimeOptions = {}): Message {
  return new StoredMessage(new Shared(stored, options), prepend ? [new HeaderBlock(prepend)] : [])
}

/** A message of octets at hand; they are not copied, and not to be changed. */
export function messageFromBytes(bytes: Uint8Array, options: MimeOptions = {}): Message {
  const scanner = new HeaderScanner()
  scanner.scan(bytes)
  return createMessage(new StoredMemory([bytes], bytes.length, scanner), undefined, options)
}

/** What a message and its edits have in common. */
class Shared {
  readonly stored: Stored
  readonly options: MimeOptions
  mime: Promise<Mime> | undefined
  #block: HeaderBlock | undefined

  constructor(stored: Stored, options: MimeOptions, block?: HeaderBlock) {
    this.stored = stored
    this.options = options
    this.#block = block
  }

  /** The header section as received, parsed once. */
  get block(): HeaderBlock {
    return (this.#block ??= new HeaderBlock(this.stored.header))
  }

  /** For an edit of that field. */
  after(name: string): Shared {
    return AFFECTS_MIME.test(name) ? new Shared(this.stored, this.options, this.#block) : this
  }
}

const AFFECTS_MIME = /^(?:content-.*|mime-version|subject)$/i

class StoredMessage implements Message {
  readonly #shared: Shared
  /** Fields on top of the base. */
  readonly #top: readonly HeaderBlock[]
  /** What became of the header section as received; undefined while nothing did. */
  readonly #base: HeaderSection | undefined
  #headers: HeaderSection | undefined

  constructor(shared: Shared, top: readonly HeaderBlock[], base?: HeaderSection) {
    this.#shared = shared
    this.#top = top
    this.#base = base
  }

  get headers(): HeaderSection {
    return (this.#headers ??= new HeaderSection([...this.#top, ...(this.#base?.blocks ?? [this.#shared.block])]))
  }

  get size(): number {
    const { stored } = this.#shared
    const top = this.#top.reduce((sum, block) => sum + block.bytes.length, 0)
    return top + stored.size + (this.#base ? this.#base.size - stored.header.length : 0)
  }

  async *raw(): AsyncIterable<Uint8Array> {
    yield* this.#blocks()
    yield* this.#shared.stored.read(this.#untouchedFrom())
  }

  body(): AsyncIterable<Uint8Array> {
    const { stored } = this.#shared
    return stored.read(stored.bodyStart)
  }

  chunks(): readonly Uint8Array[] | undefined {
    const rest = this.#shared.stored.chunks(this.#untouchedFrom())
    const blocks = this.#blocks()
    return rest && blocks.length > 0 ? [...blocks, ...rest] : rest
  }

  mime(): Promise<Mime> {
    return (this.#shared.mime ??= this.#parse())
  }

  async text(): Promise<string> {
    return (await this.mime()).text
  }

  withHeader(name: string, value: string): StoredMessage {
    return this.#withBlock(this.#shared.after(name), fieldBytes(name, value))
  }

  withoutHeader(name: string, matches?: (field: HeaderField) => boolean): StoredMessage {
    const section = removeFields(this.headers, name, matches)
    return section === this.headers ? this : new StoredMessage(this.#shared.after(name), [], section)
  }

  withReplacedHeader(name: string, value: string): StoredMessage {
    if (!this.headers.has(name)) return this.withHeader(name, value)
    return new StoredMessage(this.#shared.after(name), [], replaceField(this.headers, name, value))
  }

  withPrepended(fields: Uint8Array): StoredMessage {
    return this.#withBlock(this.#shared, fields)
  }

  #withBlock(shared: Shared, bytes: Uint8Array): StoredMessage {
    return new StoredMessage(shared, [new HeaderBlock(bytes), ...this.#top], this.#base)
  }

  /** The octets in front of those that are read from the store. */
  #blocks(): readonly Uint8Array[] {
    return [...this.#top, ...(this.#base?.blocks ?? [])].map((block) => block.bytes)
  }

  /** Offset in the store from which the octets are as received. */
  #untouchedFrom(): number {
    return this.#base ? this.#shared.stored.header.length : 0
  }

  async #parse(): Promise<Mime> {
    const { options } = this.#shared
    // Asked before the octets are gathered: what is too large must not be read into memory.
    if (this.size > (options.size ?? MIME_SIZE)) throw new MessageError('ERR_MIME_TOO_LARGE')
    const chunks: Uint8Array[] = []
    for await (const chunk of this.raw()) chunks.push(chunk)
    const [only] = chunks
    if (chunks.length === 1 && only) return parseMime(Buffer.from(only.buffer, only.byteOffset, only.byteLength), options)
    return parseMime(Buffer.concat(chunks), options)
  }
}
