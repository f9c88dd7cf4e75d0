/** A received message that plugins look at and change: an immutable list of header fields over octets that are shared and never copied. */

import type { Edits, HeaderField, MailingList, Message, Mime, NamedAddress } from '@postroad/mail'
import { type ContentWriter, createContentWriter } from './content-store.ts'
import { headerEdits } from './edits.ts'
import { MessageError } from './errors.ts'
import { carrySection, sectionOf } from './field-list.ts'
import { fieldBytes, removeFields, replaceField } from './header-edit.ts'
import { HeaderScanner } from './header-scanner.ts'
import { HeaderValues } from './header-values.ts'
import { HeaderBlock, HeaderSection } from './headers.ts'
import type { MimeOptions } from './mime.ts'
import { type Stored, StoredMemory } from './stored.ts'

/** A message whose octets we have: an edit of trace fields keeps what was received. */
export interface ReceivedMessage extends Message {
  chunks(): readonly Uint8Array[] | undefined
  /** With these octets, which must be whole fields, on top: `Received` and other trace fields. */
  withPrepended(fields: Uint8Array): ReceivedMessage
  withHeader(name: string, value: string): ReceivedMessage
  withoutHeader(name: string, matches?: (field: HeaderField) => boolean): ReceivedMessage
  withReplacedHeader(name: string, value: string): ReceivedMessage
  withBody(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<ReceivedMessage>
}

/** How MIME is read, and where bodies go that replace others. */
export interface MessageOptions extends MimeOptions {
  /** A place for one more body. Default: memory up to 1 MiB, then a file in the system's folder for temporary ones. */
  readonly open?: () => ContentWriter
}

/**
 * A message of stored octets, perhaps with trace fields on top. The caller disposes of `stored` when the message and all made from it are
 * done with.
 *
 * @param prepend whole fields with their CRLFs
 */
export function createMessage(stored: Stored, prepend?: Uint8Array, options: MessageOptions = {}): ReceivedMessage {
  return new StoredMessage(new Shared(stored, new Family(options)), prepend ? [new HeaderBlock(prepend)] : [])
}

/** A message of octets at hand; they are not copied, and not to be changed. */
export function messageFromBytes(bytes: Uint8Array, options: MessageOptions = {}): ReceivedMessage {
  const scanner = new HeaderScanner()
  scanner.scan(bytes)
  return createMessage(
    new StoredMemory([bytes], { size: bytes.length, scanner, hasOnlyCrlf: false }),
    undefined,
    options,
  )
}

/** Whether `message` was made from `original`, or is it. */
export function isMadeFrom(original: Message, message: Message): boolean {
  return original instanceof StoredMessage && message instanceof StoredMessage && message.isOfFamily(original)
}

/** What became of `original` in `final`; undefined when `final` was not made from it. */
export function editsOf(original: Message, final: Message): Edits | undefined {
  if (!(original instanceof StoredMessage && final instanceof StoredMessage && final.isOfFamily(original)))
    return undefined
  return final.editsSince(original)
}

/**
 * The message with exactly these fields: its own, in any order, and octets, which are new ones with their line ends. Its own keep their memory, so
 * that {@link editsOf} tells what was done.
 *
 * @param top how many at the beginning stand above whatever a server in charge adds
 * @throws {TypeError} when a field is not one of the message
 */
export function withFields(message: Message, fields: readonly (HeaderField | Uint8Array)[], top = 0): Message {
  if (!(message instanceof StoredMessage)) throw new TypeError('not a message of this package')
  return message.withSection(sectionOf(message.headers, fields, top))
}

/**
 * What was done to `base` until it was `edited`, done to `onto`: another message that was made of `base`, by somebody else. Fields that are gone
 * there stay away.
 *
 * @throws {MessageError} ERR_BODY_TWICE when both have another body, and one would be lost
 */
export function carryEdits(base: Message, edited: Message, onto: Message): Message {
  if (!(base instanceof StoredMessage && edited instanceof StoredMessage && onto instanceof StoredMessage))
    throw new TypeError('not a message of this package')
  return onto.withEditsOf(base, edited)
}

/** Frees the bodies that replaced others, of this message and of all that have one origin with it; what it arrived in stays. */
export function disposeBodies(message: Message): void {
  if (message instanceof StoredMessage) message.disposeBodies()
}

/** What all messages have in common that were made from one. */
class Family {
  readonly options: MessageOptions
  /** Bodies that replaced others. */
  #bodies: Stored[] | undefined
  #isDisposed = false

  constructor(options: MessageOptions) {
    this.options = options
  }

  /** @throws {MessageError} ERR_BODY_DISPOSED when it comes too late: of a handler that ran out of time, for one */
  keep(body: Stored): void {
    if (this.#isDisposed) {
      void body.dispose()
      throw new MessageError('ERR_BODY_DISPOSED')
    }
    this.#bodies ??= []
    this.#bodies.push(body)
  }

  dispose(): void {
    this.#isDisposed = true
    for (const body of this.#bodies ?? []) void body.dispose()
    this.#bodies = undefined
  }
}

/** What a message and those edits of it have in common that leave its MIME structure alone. */
class Shared {
  readonly stored: Stored
  readonly family: Family
  mime: Promise<Mime> | undefined
  #block: HeaderBlock | undefined

  constructor(stored: Stored, family: Family, block?: HeaderBlock) {
    this.stored = stored
    this.family = family
    this.#block = block
  }

  /** The header section as received, parsed once. */
  get block(): HeaderBlock {
    return (this.#block ??= new HeaderBlock(this.stored.header))
  }

  /** For an edit of that field. */
  after(name: string): Shared {
    return AFFECTS_MIME.test(name) ? new Shared(this.stored, this.family, this.#block) : this
  }

  /** The same header section over another body. */
  over(stored: Stored): Shared {
    this.family.keep(stored)
    return new Shared(stored, this.family, this.block)
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
  #values: HeaderValues | undefined

  constructor(shared: Shared, top: readonly HeaderBlock[], base?: HeaderSection) {
    this.#shared = shared
    this.#top = top
    this.#base = base
  }

  get headers(): HeaderSection {
    return (this.#headers ??= new HeaderSection([...this.#top, ...(this.#base?.blocks ?? [this.#shared.block])]))
  }

  get subject(): string | undefined {
    return this.#read.subject
  }

  get from(): readonly NamedAddress[] {
    return this.#read.addresses('from')
  }

  get to(): readonly NamedAddress[] {
    return this.#read.addresses('to')
  }

  get cc(): readonly NamedAddress[] {
    return this.#read.addresses('cc')
  }

  get replyTo(): readonly NamedAddress[] {
    return this.#read.addresses('reply-to')
  }

  get date(): Date | undefined {
    return this.#read.date
  }

  get messageId(): string | undefined {
    return this.#read.messageId
  }

  get list(): MailingList | undefined {
    return this.#read.list
  }

  get size(): number {
    const { stored } = this.#shared
    const top = this.#top.reduce((sum, block) => sum + block.bytes.length, 0)
    return top + stored.size + (this.#base ? this.#base.size - stored.header.length : 0)
  }

  async *raw(lend?: () => Uint8Array): AsyncIterable<Uint8Array> {
    yield* this.#blocks()
    yield* this.#shared.stored.read(this.#untouchedFrom(), lend)
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

  get hasOnlyCrlf(): boolean {
    return this.#shared.stored.hasOnlyCrlf && this.#blocks().every(hasOnlyWholeLines)
  }

  file(): ReturnType<NonNullable<Message['file']>> {
    const file = this.#shared.stored.file()
    return file && { ...file, head: Buffer.concat(this.#blocks()), skip: this.#untouchedFrom() }
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

  async withBody(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<StoredMessage> {
    const { family } = this.#shared
    const writer = family.options.open?.() ?? createContentWriter()
    try {
      // The empty line first: what is stored is a message without a header section, and all of it follows ours.
      await writer.write(Buffer.from(this.#endsInLine() ? '\r\n' : '\r\n\r\n'))
      for await (const chunk of source) await writer.write(octets(chunk))
      const base = this.#base ?? new HeaderSection([this.#shared.block])
      return new StoredMessage(this.#shared.over(await writer.finish()), this.#top, base)
    } catch (cause) {
      await writer.abort()
      throw cause
    }
  }

  /** {@link withFields}. */
  withSection(section: HeaderSection): StoredMessage {
    return new StoredMessage(this.#shared.after('content-type'), [], section)
  }

  /** {@link carryEdits}. */
  withEditsOf(base: StoredMessage, edited: StoredMessage): StoredMessage {
    if (base === this) return edited
    const section = carrySection(base.headers, edited.headers, this.headers)
    if (edited.#shared.stored === base.#shared.stored) return this.withSection(section)
    if (this.#shared.stored !== base.#shared.stored) throw new MessageError('ERR_BODY_TWICE')
    return new StoredMessage(edited.#shared.after('content-type'), [], section)
  }

  /** {@link isMadeFrom}. */
  isOfFamily(other: StoredMessage): boolean {
    return this.#shared.family === other.#shared.family
  }

  /** {@link editsOf}. */
  editsSince(original: StoredMessage): Edits {
    const body = original.#shared.stored === this.#shared.stored ? undefined : () => this.body()
    return { headers: headerEdits(original.headers, this.headers), body }
  }

  /** {@link disposeBodies}. */
  disposeBodies(): void {
    this.#shared.family.dispose()
  }

  /** A message that ended in the middle of its header section needs a line end before the empty line. */
  #endsInLine(): boolean {
    const last = this.headers.blocks.findLast(({ bytes }) => bytes.length > 0)?.bytes
    return last === undefined || last.at(-1) === 0x0a
  }

  get #read(): HeaderValues {
    return (this.#values ??= new HeaderValues(this.headers))
  }

  #withBlock(shared: Shared, bytes: Uint8Array): StoredMessage {
    return new StoredMessage(shared, [new HeaderBlock(bytes, true), ...this.#top], this.#base)
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
    const { options } = this.#shared.family
    // A tenth of a second and some megabytes: for servers on which somebody asks.
    const { MIME_SIZE, parseMime } = await import('./mime.ts')
    // Asked before the octets are gathered: what is too large must not be read into memory.
    if (this.size > (options.size ?? MIME_SIZE)) throw new MessageError('ERR_MIME_TOO_LARGE')
    const chunks: Uint8Array[] = []
    for await (const chunk of this.raw()) chunks.push(chunk)
    const [only] = chunks
    const bytes =
      chunks.length === 1 && only ? Buffer.from(only.buffer, only.byteOffset, only.byteLength) : Buffer.concat(chunks)
    return parseMime(bytes, this.#read, options)
  }
}

/** The writer keeps what it gets; text would be counted in characters. */
function octets(chunk: Uint8Array): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  throw new TypeError(`a body is made of octets (Uint8Array), this is ${typeof chunk}`)
}

/** Whether each CR and LF is half of a CRLF of its own; fields that plugins wrote need not be as they should. */
function hasOnlyWholeLines(octets: Uint8Array): boolean {
  for (let at = 0; at < octets.length; at++) {
    if (octets[at] === 0x0a || (octets[at] === 0x0d && octets[++at] !== 0x0a)) return false
  }
  return true
}
