/**
 * Where the parts of a message begin and end, as offsets into its body: RFC 2046 §5.1, read as a stream in one pass.
 *
 * Nothing is decoded and nothing is kept but the header sections of the parts, so a message is what it was outside of what an edit names.
 */
import type { HeaderField } from '@postroad/plugin'
import { type Field, readFields, readStructured, type Structured, trimmedEnd, valuesOf } from './field.ts'
import { readTransferEncoding, type TransferEncoding } from './transfer-encoding.ts'

/** A part, or the message itself. Offsets are those in the body of the message. */
export interface Part {
  readonly parent: Part | undefined
  /** `message/rfc822` parts around it. */
  readonly level: number
  /** As written, without the empty line. The message's own is not in its body: its offsets are 0. */
  readonly header: Buffer
  readonly fields: readonly Field[]
  readonly headerStart: number
  readonly bodyStart: number
  /** Without the line end that belongs to the delimiter after it. */
  readonly bodyEnd: number
  /** Whether an empty line ended its header section. */
  readonly hasBody: boolean
  /** The delimiter has no line end of its own, because the part is empty: what is put at `bodyEnd` must end its line. */
  readonly isFlush: boolean
  readonly contentType: Structured
  /** Content-Type, or what stands for it: `text/plain`, and `message/rfc822` in a digest. */
  readonly type: string
  /** Undefined when it is none of those that are known. */
  readonly encoding: TransferEncoding | undefined
  readonly children: readonly Part[]
  /** As written, of a multipart that has one. */
  readonly boundary: string | undefined
  /** The last delimiter was there. */
  readonly isClosed: boolean
  /** Readers may take it for different things: several types, boundaries or encodings are written. */
  readonly isAmbiguous: boolean
}

/** The message has more structure than anybody honest needs. */
export class StructureError extends Error {}

const LIMITS = { parts: 1000, depth: 100, header: 256 * 1024 }
/** RFC 2046 §5.1.1 allows 70; some senders exceed it. */
const BOUNDARY_LIMIT = 1000
const LF = 0x0a
const CR = 0x0d
const HYPHEN = 0x2d

/** @throws {StructureError} beyond 1,000 parts, 100 levels or 256 KiB of a header section */
export async function readStructure(headers: Iterable<HeaderField>, body: AsyncIterable<Uint8Array>): Promise<Part> {
  const scan = new Scan(Buffer.concat([...headers].map(({ raw }) => raw)))
  for await (const chunk of body) scan.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  return scan.end()
}

/** The part and all within it, in the order of their places. */
export function* allParts(part: Part): Generator<Part> {
  yield part
  for (const child of part.children) yield* allParts(child)
}

type Open = { -readonly [K in keyof Part]: Part[K] } & { children: Open[]; isListening: boolean }

class Scan {
  readonly #root: Open
  /** From the message to the part under the scanner. */
  readonly #open: Open[]
  #count = 1
  /** Lines of a header section, while one is read. */
  #header: Buffer[] | undefined
  #headerSize = 0
  /** The beginning of a line that goes on in the next chunk. */
  #held: Buffer[] = []
  #heldKept = 0
  #heldSize = 0
  /** Offset of the line under the scanner. */
  #at = 0
  /** Octets of the line end before it. */
  #breakBefore = 0
  /** The last octet was CR. */
  #endsInCr = false

  constructor(header: Buffer) {
    this.#root = newPart(undefined, 0, 0)
    this.#open = [this.#root]
    this.#takeHeader(this.#root, header)
    this.#root.hasBody = true
    if (isMessage(this.#root.type) && !isCoded(this.#root)) this.#start(this.#root, 0)
  }

  write(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const lf = chunk.indexOf(LF, at)
      if (lf < 0) {
        this.#hold(chunk.subarray(at))
        return
      }
      const isCrLf = lf > at ? chunk[lf - 1] === CR : this.#endsInCr
      const piece = chunk.subarray(at, lf + 1)
      const size = this.#heldSize + piece.length
      const line = this.#heldSize === 0 ? piece : Buffer.concat([...this.#held, piece.subarray(0, this.#room())])
      this.#line(line, size, isCrLf ? 2 : 1)
      this.#forget()
      at = lf + 1
    }
  }

  end(): Part {
    if (this.#heldSize > 0) {
      const size = this.#heldSize
      this.#line(Buffer.concat(this.#held), size, 0)
    }
    // What ends with the message has no delimiter, and its last line end is its own.
    if (this.#header) this.#endHeader(this.#at, false)
    for (const part of this.#open) part.bodyEnd = Math.max(part.bodyStart, this.#at)
    return this.#root
  }

  #hold(piece: Buffer): void {
    const kept = piece.subarray(0, this.#room())
    if (kept.length > 0) this.#held.push(Buffer.from(kept))
    this.#heldKept += kept.length
    this.#heldSize += piece.length
    this.#endsInCr = piece.at(-1) === CR
  }

  #room(): number {
    const limit = this.#header ? LIMITS.header + 1 : BOUNDARY_LIMIT + 8
    return Math.max(0, limit - this.#heldKept)
  }

  #forget(): void {
    this.#held = []
    this.#heldKept = 0
    this.#heldSize = 0
    this.#endsInCr = false
  }

  /** `line` may be only the beginning of a line of `size` octets. */
  #line(line: Buffer, size: number, lineBreak: number): void {
    const next = this.#at + size
    if (!(line[0] === HYPHEN && line[1] === HYPHEN && size <= BOUNDARY_LIMIT + 8 && this.#delimiter(line, next)))
      this.#content(line, next, size === lineBreak)
    this.#at = next
    this.#breakBefore = lineBreak
  }

  #content(line: Buffer, next: number, isEmpty: boolean): void {
    if (!this.#header) return
    if (isEmpty) {
      this.#endHeader(next, true)
      return
    }
    this.#header.push(Buffer.from(line))
    this.#headerSize += line.length
    if (this.#headerSize > LIMITS.header) throw new StructureError('a header section is too long')
  }

  #delimiter(line: Buffer, next: number): boolean {
    const whole = line.toString('latin1', 2)
    const text = whole.slice(0, trimmedEnd(whole))
    for (let index = this.#open.length - 1; index >= 0; index--) {
      const part = this.#open[index]
      if (!part?.isListening) continue
      const isLast = text === `${part.boundary}--`
      if (!isLast && text !== part.boundary) continue
      this.#closeTo(index + 1)
      if (isLast) {
        part.isListening = false
        part.isClosed = true
      } else this.#start(part, next)
      return true
    }
    return false
  }

  #closeTo(count: number): void {
    if (this.#header) this.#endHeader(this.#at - this.#breakBefore, false)
    const end = this.#at - this.#breakBefore
    while (this.#open.length > count) {
      const part = this.#open.pop()
      if (!part) continue
      part.isFlush = part.bodyStart > end
      part.bodyEnd = Math.max(part.bodyStart, end)
    }
  }

  #start(parent: Open, at: number): void {
    if (++this.#count > LIMITS.parts) throw new StructureError('too many parts')
    if (this.#open.length >= LIMITS.depth) throw new StructureError('parts are nested too deep')
    const level = parent.level + (isMessage(parent.type) ? 1 : 0)
    const part = newPart(parent, level, at)
    parent.children.push(part)
    this.#open.push(part)
    this.#header = []
    this.#headerSize = 0
  }

  #endHeader(bodyStart: number, hasBody: boolean): void {
    const part = this.#open.at(-1)
    const header = Buffer.concat(this.#header ?? [])
    this.#header = undefined
    if (!part) return
    part.bodyStart = Math.max(part.headerStart, bodyStart)
    part.hasBody = hasBody
    this.#takeHeader(part, header)
    // RFC 2046 §5.2.1: no encoding is allowed there; who uses one hides the message from us.
    if (hasBody && isMessage(part.type) && !isCoded(part)) this.#start(part, bodyStart)
  }

  #takeHeader(part: Open, header: Buffer): void {
    part.header = header
    part.fields = readFields(header)
    const types = valuesOfField(part, 'content-type')
    part.contentType = readStructured(types[0] ?? '')
    const isDigest = part.parent?.type === 'multipart/digest'
    part.type = /^[^/]+\/[^/]+$/.test(part.contentType.value)
      ? part.contentType.value
      : types.length === 0 && isDigest
        ? 'message/rfc822'
        : 'text/plain'
    const encodings = valuesOfField(part, 'content-transfer-encoding')
    part.encoding = readTransferEncoding(encodings[0])
    const boundaries = boundariesOf(part.contentType)
    const [boundary = ''] = boundaries
    const isMultipart = part.type.startsWith('multipart/')
    part.isAmbiguous = isDoubtful(types) || isDoubtful(encodings) || (isMultipart && boundaries.length > 1)
    if (!isMultipart || boundary === '' || boundary.length > BOUNDARY_LIMIT) return
    part.boundary = boundary
    part.isListening = true
  }
}

function newPart(parent: Open | undefined, level: number, at: number): Open {
  return {
    parent,
    level,
    header: Buffer.alloc(0),
    fields: [],
    headerStart: at,
    bodyStart: at,
    bodyEnd: at,
    hasBody: false,
    isFlush: false,
    contentType: readStructured(''),
    type: 'text/plain',
    encoding: '7bit',
    children: [],
    boundary: undefined,
    isClosed: false,
    isAmbiguous: false,
    isListening: false,
  }
}

function valuesOfField({ fields }: Open, name: string): readonly string[] {
  return fields.filter((field) => field.name === name).map(({ value }) => value)
}

/** As octets, the likeliest first; without the white space that none may end with. */
function boundariesOf(type: Structured): readonly string[] {
  const plain = type.parameters.filter(({ name }) => name === 'boundary')
  const values = plain.length > 0 ? plain.map(({ value }) => value) : valuesOf(type, 'boundary')
  return [...new Set(values.map((text) => text.slice(0, trimmedEnd(text))))]
}

function isDoubtful(values: readonly string[]): boolean {
  return new Set(values.map((value) => value.trim().toLowerCase())).size > 1
}

/** RFC 2046 §5.2.1, RFC 6532 §3.7. */
export function isMessage(type: string): boolean {
  return type === 'message/rfc822' || type === 'message/global'
}

/** Whether the octets of its body are not those it stands for. */
export function isCoded({ encoding }: Pick<Part, 'encoding'>): boolean {
  return encoding === undefined || encoding === 'base64' || encoding === 'quoted-printable'
}
