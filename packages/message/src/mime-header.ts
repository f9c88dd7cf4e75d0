/** The header section of one part while it is read: only the fields that say what the part is are kept, as places. */
import { MessageError } from './errors.ts'
import type { MimePart, Note } from './mime-part.ts'
import { parameterOctets, parseStructured, type StructuredField } from './structured-field.ts'
import type { TransferEncoding } from './transfer-encoding.ts'

/** What all parts of a message have together. */
export interface ScanTotals {
  readonly note: Note
  /** Content fields so far. */
  fields?: number
  /** Octets of them. */
  fieldOctets?: number
}

type FieldName = 'type' | 'disposition' | 'transfer-encoding' | 'id'

interface FieldPlace {
  readonly name: FieldName
  readonly start: number
  end: number
}

const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a
const SPACE = 0x20
const TAB = 0x09
const HYPHEN = 0x2d
const FIELD = /^content-(type|disposition|transfer-encoding|id)[ \t]*:/
const NAME_LIMIT = 40
// Far more than all parts of an honest message have together.
const FIELD_LIMIT = 20_000
const FIELD_OCTETS = 1024 * 1024

/** Types whose content is a message, or begins like one (RFC 2046 §5.2): all but those that are known to be something else. */
const MESSAGE =
  /^message\/(?!(?:global-)?(?:delivery-status|disposition-notification)$|feedback-report$|tracking-status$|https?$|sip)/

/** Takes the lines of a header section. */
export class PartHeader {
  /** The empty line has come. */
  isOver = false
  readonly #bytes: Buffer
  readonly #start: number
  readonly #totals: ScanTotals
  readonly #places: FieldPlace[] = []
  /** Boundaries of the types that were asked for. */
  readonly #boundaries = new Set<string>()
  #asked = 0
  /** The field under the reader, when it is one of ours. */
  #open: FieldPlace | undefined

  constructor(bytes: Buffer, start: number, totals: ScanTotals) {
    this.#bytes = bytes
    this.#start = start
    this.#totals = totals
  }

  /**
   * Takes lines from the one at `line` on, and returns where the next one begins: up to one that may be a delimiter, or the empty line.
   * One loop over the octets, as there may be millions of lines.
   */
  lines(line: number, to: number): number {
    const bytes = this.#bytes
    for (let at = line; at < to; ) {
      const first = bytes[at] ?? 0
      if (first === LF || (first === CR && bytes[at + 1] === LF)) {
        this.isOver = true
        return Math.min(first === LF ? at + 1 : at + 2, to)
      }
      if (first === HYPHEN && at > line) return at
      let name = at
      const isFolded = first === SPACE || first === TAB
      // Nothing is there that it could continue: readers leave the blanks out.
      if (isFolded && at === this.#start) while (bytes[name] === SPACE || bytes[name] === TAB) name++
      if (!isFolded || name > at) {
        const colon = this.#nameEnd(name, to)
        this.#open = colon < 0 ? undefined : this.#begin(name, colon)
        at = colon < 0 ? name : colon
      }
      while (at < to && bytes[at] !== LF) at++
      if (at < to) at++
      if (this.#open) this.#open.end = at
      if (at >= to) return to
    }
    return to
  }

  /** Offset of the colon behind the name, or -1 when the line is no field: to some readers the header section ends there. */
  #nameEnd(start: number, to: number): number {
    const bytes = this.#bytes
    let at = start
    while (at < to && isNameOctet(bytes[at] ?? 0)) at++
    const size = at - start
    while (at < to && (bytes[at] === SPACE || bytes[at] === TAB)) at++
    if (size > 0 && bytes[at] === COLON) return at
    // The line of a mailbox file is known to all.
    if (start !== this.#start || bytes.toString('latin1', start, start + 5) !== 'From ') this.#totals.note('header')
    return -1
  }

  #begin(start: number, colon: number): FieldPlace | undefined {
    const bytes = this.#bytes
    // "Content-": what else there is would be called for each line.
    if (((bytes[start] ?? 0) | 0x20) !== 0x63 || bytes[start + 7] !== HYPHEN) return undefined
    this.#totals.fields = (this.#totals.fields ?? 0) + 1
    if (this.#totals.fields > FIELD_LIMIT) throw new MessageError('ERR_MIME_HEADER_TOO_LARGE')
    const name = FIELD.exec(bytes.toString('latin1', start, Math.min(colon + 1, start + NAME_LIMIT)).toLowerCase())?.[1]
    if (name === undefined) return undefined
    // `as`: the expression has no other names.
    const place = { name: name as FieldName, start: colon + 1, end: colon + 1 }
    this.#places.push(place)
    return place
  }

  /** Whether the line at `line` is a delimiter that this header section declares: there is no empty line above it. */
  isDelimited(line: number, to: number): boolean {
    for (; this.#asked < this.#places.length; this.#asked++) {
      const place = this.#places[this.#asked]
      if (place?.name !== 'type') continue
      const type = parseStructured(this.#text(place.start, place.end))
      for (const { octets } of parameterOctets(type, 'boundary')) this.#boundaries.add(octets.trimEnd())
    }
    if (this.#boundaries.size === 0) return false
    const end = this.#bytes.indexOf(LF, line)
    const text = this.#bytes.toString('latin1', line + 2, end < 0 ? to : Math.min(end, to)).trimEnd()
    return this.#boundaries.has(text)
  }

  /** Writes down what the header section says; its body begins at `bodyStart`. */
  describe(part: MimePart, bodyStart: number): void {
    const types = this.#all('type').map(parseStructured)
    const dispositions = this.#all('disposition').map(parseStructured)
    const { note } = this.#totals
    if ([...types, ...dispositions].some(({ isDamaged }) => isDamaged)) note('syntax')
    if (differ(types) || differ(dispositions)) note('type')
    part.types = types
    part.dispositions = dispositions
    part.type = typeOf(types, part)
    part.kind = part.type.startsWith('multipart/') ? 'multipart' : MESSAGE.test(part.type) ? 'message' : 'leaf'
    part.encoding = this.#encoding()
    // To some readers a boundary is enough.
    part.isGuessed = part.kind === 'leaf' && types.some(hasBoundary)
    if (part.isGuessed) part.kind = 'multipart'
    part.contentId = this.#all('id')[0]?.trim().replace(/^<|>$/g, '') || undefined
    part.bodyStart = part.bodyEnd = bodyStart
  }

  #encoding(): TransferEncoding {
    const tokens = this.#all('transfer-encoding').map((text) => parseStructured(text).value)
    const encodings = tokens.map(encodingOf)
    const distinct = new Set(encodings)
    if (distinct.size > 1 || tokens.some((token) => token !== '' && !KNOWN.test(token))) this.#totals.note('encoding')
    return encodings.find((encoding) => encoding !== 'none') ?? 'none'
  }

  #all(name: FieldName): readonly string[] {
    return this.#places.filter((place) => place.name === name).map(({ start, end }) => this.#text(start, end))
  }

  #text(start: number, end: number): string {
    this.#totals.fieldOctets = (this.#totals.fieldOctets ?? 0) + end - start
    if (this.#totals.fieldOctets > FIELD_OCTETS) throw new MessageError('ERR_MIME_HEADER_TOO_LARGE')
    return this.#bytes.toString('latin1', start, end)
  }
}

const KNOWN = /^(?:7bit|8bit|binary|base64|quoted-printable|(?:x-)?uu(?:encode|e)|x-yenc)$/

/** What is not known is read as it stands, RFC 2045 §6.4; what only looks odd is what it looks like. */
function encodingOf(token: string): TransferEncoding {
  if (token.includes('base64')) return 'base64'
  if (token.includes('quoted')) return 'quoted-printable'
  if (/^(?:x-)?uu/.test(token)) return 'uuencode'
  return token.includes('yenc') ? 'yenc' : 'none'
}

/** Of several types the one that has most in it counts; a broken one is text, RFC 2045 §5.2. */
function typeOf(types: readonly StructuredField[], part: MimePart): string {
  const values = types.map(({ value }) => value)
  const multipart = values.find((value) => /^multipart(?:\/|$)/.test(value))
  if (multipart !== undefined)
    return multipart === 'multipart' || multipart === 'multipart/' ? 'multipart/mixed' : multipart
  if (types.some((type) => type.value === '' && hasBoundary(type))) return 'multipart/mixed'
  const message = values.find((value) => MESSAGE.test(value))
  if (message !== undefined) return message
  const [first] = values.filter((value) => /^[^/\s]+\/[^/\s]+$/.test(value))
  if (first !== undefined) return first
  // RFC 2046 §5.1.5
  return types.length === 0 && part.parent?.type === 'multipart/digest' ? 'message/rfc822' : 'text/plain'
}

function hasBoundary({ parameters }: StructuredField): boolean {
  return parameters.some(({ name }) => name.startsWith('boundary'))
}

function differ(fields: readonly StructuredField[]): boolean {
  return fields.length > 1
}

/** RFC 5322 §2.2: printable ASCII but the colon. */
function isNameOctet(octet: number): boolean {
  return octet > 0x20 && octet < 0x7f && octet !== COLON
}
