/** A received message that plugins look at and change: an immutable list of header fields over octets that are shared and never copied. */

import type { HeaderField, Message, Mime } from '@postroad/mail'
import { MessageError } from './errors.ts'
import { fieldBytes, removeFields, replaceField } from './header-edit.ts'
import { HeaderScanner } from './header-scanner.ts'
import { HeaderBlock, HeaderSection } from './headers.ts'
import { MIME_SIZE, type MimeOptions, parseMime } from './mime.ts'
import { type Stored, StoredMemory } from './stored.ts'

/** A message whose octets we have: an edit of trace fields keeps what was received. */
export interface ReceivedMessage extends Message {
  chunks(): readonly Uint8Array[] | undefined
  /** With these octets, which must be whole fields, on top: `Received` and other trace fields. */
  withPrepended(fields: Uint8Array): ReceivedMessage
  withHeader(name: string, value: string): ReceivedMessage
  withoutHeader(name: string, matches?: (field: HeaderField) => boolean): ReceivedMessage
  withReplacedHeader(name: string, value: string): ReceivedMessage
}

/**
 * A message of stored octets, perhaps with trace fields on top. The caller disposes of `stored` when the message and all made from it are
 * done with.
 *
 * @param prepend whole fields with their CRLFs
 */
export function createMessage(stored: Stored, prepend?: Uint8Array, options: MimeOptions = {}): ReceivedMessage {
  return new StoredMessage(new Shared(stored, options), prepend ? [new HeaderBlock(prepend)] : [])
}

/** A message of octets at hand; they are not copied, and not to be changed. */
export function messageFromBytes(bytes: Uint8Array, options: MimeOptions = {}): ReceivedMessage {
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

class StoredMessage implements ReceivedMessage {
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
    if (chunks.length === 1 && only)
      return parseMime(Buffer.from(only.buffer, only.byteOffset, only.byteLength), options)
    return parseMime(Buffer.concat(chunks), options)
  }
}
