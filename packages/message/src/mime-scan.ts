/**
 * Finds the parts of a message in one linear pass, before anything recursive sees it: RFC 2046 §5.1, as mail clients read it and not as
 * it ought to be. Where clients would take a line for a delimiter in different ways, all parts that one of them would show are found.
 */
import type { Ambiguity } from '@postroad/mail'
import { MessageError } from './errors.ts'
import { type Delimiter, MimeFrames, type Unread } from './mime-frames.ts'
import { PartHeader, type ScanTotals } from './mime-header.ts'
import { emptyPart, type MimePart } from './mime-part.ts'
import { decodePieces } from './transfer-encoding.ts'

/** How much structure is too much. */
export interface MimeLimits {
  /** Multiparts and embedded messages within each other. Default 100. */
  readonly depth?: number
  /** Default 1,000. */
  readonly parts?: number
}

/** What a scan found. */
export interface MimeTree {
  readonly root: MimePart
  readonly ambiguous: ReadonlySet<Ambiguity>
}

const LF = 0x0a
const CR = 0x0d
const HYPHEN = 0x2d

/**
 * Finds the parts.
 *
 * @throws {MessageError} `ERR_MIME_TOO_DEEP`, `ERR_MIME_TOO_MANY_PARTS`, `ERR_MIME_HEADER_TOO_LARGE`
 */
export function scanMime(bytes: Buffer, { depth = 100, parts = 1000 }: MimeLimits = {}): MimeTree {
  const ambiguous = new Set<Ambiguity>()
  const totals = { depth, parts, octets: bytes.length * 1.5 + 65_536, note: (what: Ambiguity) => ambiguous.add(what) }
  const root = emptyPart(bytes, 0, undefined)
  const waiting: Unread[] = []
  new Region(bytes, { totals, waiting }).readMessage(root, 0, bytes.length)
  // What was encoded as a whole, or has no delimiters, is read when all else is.
  for (let unread = waiting.pop(); unread; unread = waiting.pop()) readAgain(unread, { totals, waiting })
  return { root, ambiguous }
}

interface Shared {
  readonly totals: ScanTotals & { depth: number; parts: number; octets: number }
  /** Parts that must be looked into in another way. */
  readonly waiting: Unread[]
}

function readAgain({ part, boundaries }: Unread, shared: Shared): void {
  const { bytes, encoding, bodyStart, bodyEnd, kind, children } = part
  const { totals } = shared
  totals.octets -= bodyEnd - bodyStart
  // Only what was made for it has so much in itself.
  if (totals.octets < 0) throw new MessageError('ERR_MIME_TOO_DEEP')
  const isEncoded = encoding !== 'none'
  const inner = isEncoded ? Buffer.concat([...decodePieces(bytes, encoding, bodyStart, bodyEnd)]) : bytes
  const [from, to] = isEncoded ? [0, inner.length] : [bodyStart, bodyEnd]
  // A multipart is opened once more.
  const region = new Region(inner, shared, depthOf(part) - (kind === 'multipart' ? 1 : 0))
  if (kind === 'multipart') {
    region.readMultipart({ part, boundaries }, from, to)
    return
  }
  const child = emptyPart(inner, from, part)
  children.push(child)
  region.readMessage(child, from, to)
}

function depthOf(part: MimePart): number {
  let depth = 0
  for (let above: MimePart | undefined = part; above; above = above.parent) if (above.kind !== 'leaf') depth++
  return depth
}

/** Reads the parts within some octets. */
class Region {
  readonly #bytes: Buffer
  readonly #shared: Shared
  readonly #frames: MimeFrames
  #current: MimePart | undefined
  #header: PartHeader | undefined

  constructor(bytes: Buffer, shared: Shared, depth = 0) {
    this.#bytes = bytes
    this.#shared = shared
    this.#frames = new MimeFrames(bytes, shared.totals.depth - depth, shared.totals.note)
  }

  /** Header section and body. */
  readMessage(part: MimePart, from: number, to: number): void {
    this.#begin(part, from)
    this.#read(from, to)
  }

  /** The body of a multipart whose delimiters are not those that it declares, or that was encoded. */
  readMultipart({ part, boundaries }: Unread, from: number, to: number): void {
    this.#frames.push(part, boundaries)
    this.#read(from, to)
  }

  #begin(part: MimePart, start: number): void {
    this.#current = part
    this.#header = new PartHeader(this.#bytes, start, this.#shared.totals)
  }

  #read(from: number, to: number): void {
    const bytes = this.#bytes
    for (let line = from; line < to; ) {
      const isCandidate = bytes[line] === HYPHEN && bytes[line + 1] === HYPHEN && this.#frames.hasBoundaries
      const delimiter = isCandidate ? this.#frames.find(line, to) : undefined
      if (delimiter) {
        this.#delimit(delimiter, line)
        line = delimiter.next
      } else if (
        this.#header &&
        bytes[line + 1] === HYPHEN &&
        bytes[line] === HYPHEN &&
        this.#header.isDelimited(line, to)
      ) {
        // To some readers a delimiter ends the header section, or a line that is no field does.
        this.#shared.totals.note('header')
        this.#endHeader(line)
      } else if (this.#header) {
        const next = this.#header.lines(line, to)
        if (this.#header.isOver) this.#endHeader(next)
        line = next
      } else if (!this.#frames.hasBoundaries) line = to
      else line = nextCandidate(bytes, isCandidate ? this.#frames.next - 1 : line, to)
    }
    while (this.#header) this.#endHeader(to)
    if (this.#current) this.#current.bodyEnd = to
    this.#shared.waiting.push(...this.#frames.popTo(0, to))
  }

  /** A delimiter ends what is before it: RFC 2046 §5.1.1, the line end in front of it is its own. */
  #delimit({ frame, isClose }: Delimiter, line: number): void {
    const end = this.#lineEndBefore(line)
    while (this.#header) this.#endHeader(line)
    if (this.#current) this.#current.bodyEnd = Math.max(this.#current.bodyStart, end)
    this.#current = undefined
    this.#shared.waiting.push(...this.#frames.popTo(frame.index + 1, end))
    if (isClose) {
      frame.isClosed = true
      return
    }
    this.#count()
    const child = emptyPart(this.#bytes, this.#frames.next, frame.part)
    frame.part.children.push(child)
    this.#begin(child, this.#frames.next)
  }

  #endHeader(bodyStart: number): void {
    const part = this.#current
    const header = this.#header
    if (!part || !header) return
    this.#header = undefined
    header.describe(part, bodyStart)
    if (part.kind === 'leaf') return
    this.#current = undefined
    if (part.kind === 'multipart') {
      this.#frames.push(part)
      return
    }
    // An encoded message cannot be read as it stands.
    if (part.encoding !== 'none') {
      this.#frames.checkDepth()
      this.#current = part
      this.#shared.waiting.push({ part, boundaries: [] })
      return
    }
    this.#frames.push(part)
    this.#count()
    const child = emptyPart(this.#bytes, bodyStart, part)
    part.children.push(child)
    this.#begin(child, bodyStart)
  }

  #count(): void {
    if (--this.#shared.totals.parts < 0) throw new MessageError('ERR_MIME_TOO_MANY_PARTS')
  }

  #lineEndBefore(line: number): number {
    const bytes = this.#bytes
    if (line > 0 && bytes[line - 1] === LF) return line > 1 && bytes[line - 2] === CR ? line - 2 : line - 1
    return line
  }
}

/** Offset of the next line that begins with two hyphens. A loop: most lines are too short for a call of `indexOf`. */
function nextCandidate(bytes: Buffer, from: number, to: number): number {
  for (let at = from; at < to; at++)
    if (bytes[at] === LF && bytes[at + 1] === HYPHEN && bytes[at + 2] === HYPHEN) return at + 1
  return to
}
