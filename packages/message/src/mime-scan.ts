/** Measures how deep and how many the MIME parts of a message are before anything recursive sees it; one linear pass, RFC 2046 §5.1. */
import { MessageError } from './errors.ts'

/** How much structure is too much. */
export interface MimeLimits {
  /** Multiparts and embedded messages within each other. Default 100. */
  readonly depth?: number
  /** Default 1,000. */
  readonly parts?: number
}

const LF = 0x0a
const HYPHEN = 0x2d
// RFC 2046 §5.1.1 allows 70; some senders exceed it.
const BOUNDARY_LIMIT = 1000
const TYPE_LIMIT = 8192

/**
 * Counts parts.
 *
 * @throws {MessageError} `ERR_MIME_TOO_DEEP`, `ERR_MIME_TOO_MANY_PARTS`
 */
export function checkMime(bytes: Buffer, limits: MimeLimits = {}): void {
  const scan = new Scan(limits)
  for (let line = 0; line < bytes.length; ) {
    const lf = bytes.indexOf(LF, line)
    const end = lf < 0 ? bytes.length : lf
    scan.line(bytes, line, end)
    line = end + 1
  }
}

class Scan {
  readonly #depth: number
  readonly #parts: number
  /** Boundaries of the open multiparts, outermost first; undefined for an embedded message. */
  readonly #open: (string | undefined)[] = []
  readonly #level = new Map<string, number>()
  #count = 0
  #isHeader = true
  /** The Content-Type field so far; undefined when the field under the scanner is another one. */
  #type = ''
  #isType = false

  constructor(limits: MimeLimits) {
    this.#depth = limits.depth ?? 100
    this.#parts = limits.parts ?? 1000
  }

  line(bytes: Buffer, from: number, to: number): void {
    if (bytes[from] === HYPHEN && bytes[from + 1] === HYPHEN && this.#delimiter(bytes, from + 2, to)) return
    if (this.#isHeader) this.#headerLine(bytes, from, to)
  }

  #headerLine(bytes: Buffer, from: number, to: number): void {
    const first = bytes[from]
    if (from === to || (first === 0x0d && from + 1 === to)) this.#endHeader()
    else if (first === 0x20 || first === 0x09) {
      if (this.#isType && this.#type.length < TYPE_LIMIT)
        this.#type += bytes.toString('latin1', from, Math.min(to, from + TYPE_LIMIT))
    } else {
      const isLetterC = first !== undefined && (first | 0x20) === 0x63
      const text = isLetterC ? bytes.toString('latin1', from, Math.min(to, from + TYPE_LIMIT)) : ''
      this.#isType = /^content-type[ \t]*:/i.test(text)
      if (this.#isType) this.#type = text.slice(text.indexOf(':') + 1)
    }
  }

  #endHeader(): void {
    const type = this.#type.trimStart()
    this.#isHeader = false
    if (/^message\/(?:rfc822|global)\b/i.test(type)) {
      this.#push(undefined)
      this.#startPart()
    } else if (/^multipart\//i.test(type)) {
      const boundary = boundaryOf(type)
      if (boundary) this.#push(boundary)
    }
  }

  #delimiter(bytes: Buffer, from: number, to: number): boolean {
    if (this.#level.size === 0 || to - from > BOUNDARY_LIMIT + 4) return false
    const text = bytes.toString('latin1', from, to).trimEnd()
    const level = this.#level.get(text)
    if (level !== undefined) {
      this.#popTo(level + 1)
      this.#startPart()
      return true
    }
    const closed = text.endsWith('--') ? this.#level.get(text.slice(0, -2)) : undefined
    if (closed === undefined) return false
    this.#popTo(closed)
    this.#isHeader = false
    return true
  }

  #startPart(): void {
    this.#isHeader = true
    this.#isType = false
    this.#type = ''
    if (++this.#count > this.#parts) throw new MessageError('ERR_MIME_TOO_MANY_PARTS')
  }

  #push(boundary: string | undefined): void {
    if (boundary !== undefined) this.#level.set(boundary, this.#open.length)
    if (this.#open.push(boundary) > this.#depth) throw new MessageError('ERR_MIME_TOO_DEEP')
  }

  #popTo(length: number): void {
    while (this.#open.length > length) {
      const boundary = this.#open.pop()
      if (boundary !== undefined && this.#level.get(boundary) === this.#open.length) this.#level.delete(boundary)
    }
  }
}

/** Boundaries in the split notation of RFC 2231 §3 are not seen: the parser behind has a limit of its own. */
function boundaryOf(type: string): string | undefined {
  const found = /;[ \t\r\n]*boundary[ \t]*=[ \t]*(?:"([^"]*)"|([^ \t\r\n;"]+))/i.exec(type)
  const boundary = (found?.[1] ?? found?.[2])?.trimEnd()
  return boundary && boundary.length <= BOUNDARY_LIMIT ? boundary : undefined
}
