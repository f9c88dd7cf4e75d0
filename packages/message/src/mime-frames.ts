/** The multiparts and embedded messages that are open around a line, and which of them a line delimits. */
import { decodeText } from './encoded-word.ts'
import { MessageError } from './errors.ts'
import type { MimePart, Note } from './mime-part.ts'
import { parameterOctets } from './structured-field.ts'

/** An open multipart or embedded message. */
export interface MimeFrame {
  readonly part: MimePart
  /** Its place among the open ones, outermost 0. */
  readonly index: number
  /** What readers may take for its boundary; an embedded message has none. */
  readonly boundaries: readonly string[]
  /** Its last delimiter has come; what follows is shown by readers that do not mind. */
  isClosed: boolean
  hasDelimiter: boolean
  /** It is read for the second time. */
  readonly isAgain: boolean
  /** The first line that looks like a delimiter, as long as there is none. */
  guess: string | undefined
}

/** A line that delimits parts of a frame. */
export interface Delimiter {
  readonly frame: MimeFrame
  readonly isClose: boolean
  /** Where the next line begins. */
  readonly next: number
}

const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const HASH_START = 0x811c9dc5 | 0
const HASH_FACTOR = 0x01000193
/** Larger integers are objects. */
const SMALL = 0x3fffffff
const CONTENT = Buffer.from('content-')
/** Innermost multiparts whose boundary may be only the beginning of a delimiter. */
const PREFIXED = 3
/** Delimiters that open no part, as closing ones, are counted too: there is no end of them otherwise. */
const DELIMITERS = 20_000

/** A part that must be read in another way than it stands. */
export interface Unread {
  readonly part: MimePart
  /** Of a multipart. */
  readonly boundaries: readonly string[]
}

/** A stack of frames over some octets. */
export class MimeFrames {
  /** Where the line behind the one last asked for begins. */
  next = 0
  readonly #bytes: Buffer
  readonly #depth: number
  readonly #note: Note
  readonly #frames: MimeFrame[] = []
  /** Hashes of all delimiters there have been: a quick no for most lines. */
  readonly #hashes = new Set<number>()
  /** Boundaries of multiparts that have ended: readers that look for the innermost one only have not seen their end. */
  readonly #ended = new Set<string>()
  #delimiters = 0

  constructor(bytes: Buffer, depth: number, note: Note) {
    this.#bytes = bytes
    this.#depth = depth
    this.#note = note
  }

  /** Whether any line can be a delimiter. */
  get hasBoundaries(): boolean {
    return this.#hashes.size > 0 || this.#frames.at(-1)?.part.kind === 'multipart'
  }

  /** @throws {MessageError} `ERR_MIME_TOO_DEEP` when one more is too many */
  checkDepth(): void {
    if (this.#frames.length >= this.#depth) throw new MessageError('ERR_MIME_TOO_DEEP')
  }

  /** @param given boundaries to go by when what the part declares was of no use */
  push(part: MimePart, given?: readonly string[]): void {
    this.checkDepth()
    const boundaries = given ?? (part.kind === 'multipart' ? this.#boundariesOf(part) : [])
    for (const boundary of boundaries) this.#hashes.add(hash(boundary)).add(hash(`${boundary}--`))
    const index = this.#frames.length
    this.#frames.push({
      part,
      index,
      boundaries,
      isAgain: given !== undefined,
      isClosed: false,
      hasDelimiter: false,
      guess: undefined,
    })
  }

  /** Ends the frames from that one inwards. Those are returned in which no delimiter came, and that may be read in another way. */
  popTo(length: number, end: number): readonly Unread[] {
    const unread: Unread[] = []
    while (this.#frames.length > length) {
      const frame = this.#frames.pop()
      if (!frame) break
      const { part, boundaries, guess } = frame
      for (const boundary of boundaries) this.#ended.add(boundary)
      if (!frame.isAgain) part.bodyEnd = Math.max(part.bodyStart, end)
      if (part.kind !== 'multipart' || frame.hasDelimiter || frame.isAgain) continue
      if (part.isGuessed) {
        part.kind = 'leaf'
        continue
      }
      this.#note('boundary')
      if (part.encoding !== 'none') unread.push({ part, boundaries })
      else if (guess !== undefined) unread.push({ part, boundaries: [guess] })
    }
    return unread
  }

  /** Whether the line at `line`, which begins with two hyphens, is a delimiter; `next` is known afterwards. */
  find(line: number, to: number): Delimiter | undefined {
    const bytes = this.#bytes
    const start = line + 2
    let at = start
    let running = HASH_START
    // RFC 2046 §5.1.1: blanks behind the boundary are padding.
    let end = start
    let hashed = HASH_START
    while (at < to) {
      const octet = bytes[at] ?? 0
      if (octet === LF) break
      running = Math.imul(running ^ octet, HASH_FACTOR)
      at++
      if (octet !== SPACE && octet !== TAB && octet !== CR) {
        end = at
        hashed = running
      }
    }
    this.next = at < to ? at + 1 : to
    const found = this.#hashes.has(hashed & SMALL) ? this.#named(bytes.toString('latin1', start, end)) : undefined
    return found ?? (this.#beginsContentField(this.next) ? this.#likely(start, end) : undefined)
  }

  #named(text: string): Delimiter | undefined {
    if (++this.#delimiters > DELIMITERS) throw new MessageError('ERR_MIME_TOO_MANY_PARTS')
    const open = this.#frames.findLast(({ isClosed, boundaries }) => !isClosed && boundaries.includes(text))
    if (open) return this.#delimiter(open, false)
    const closing = text.endsWith('--') ? text.slice(0, -2) : undefined
    const closed =
      closing === undefined
        ? undefined
        : this.#frames.findLast(({ isClosed, boundaries }) => !isClosed && boundaries.includes(closing))
    // A part behind the last delimiter: to readers that compare only the beginning it is another one.
    if (closed && this.#beginsContentField(this.next)) {
      this.#note('delimiter')
      return this.#delimiter(closed, false)
    }
    if (closed) return this.#delimiter(closed, true)
    // Parts behind the last one: to some readers they are there.
    const late =
      this.#frames.findLast(({ boundaries }) => boundaries.includes(text)) ??
      (this.#ended.has(text) && this.#beginsContentField(this.next)
        ? this.#frames.findLast(({ part }) => part.kind === 'multipart')
        : undefined)
    if (!late) return undefined
    this.#note('delimiter')
    late.isClosed = false
    return this.#delimiter(late, false)
  }

  /** A line with a field of a part behind it: readers that compare only the beginning take it, and those that guess a boundary. */
  #likely(start: number, end: number): Delimiter | undefined {
    const innermost = this.#frames.slice(-PREFIXED).reverse()
    const frame = innermost.find(
      ({ isClosed, boundaries }) => !isClosed && boundaries.some((each) => this.#beginsWith(start, end, each)),
    )
    if (frame) {
      this.#note('delimiter')
      return this.#delimiter(frame, false)
    }
    const [top] = innermost
    if (top && top.part.kind === 'multipart' && !top.hasDelimiter && end > start)
      top.guess ??= this.#bytes.toString('latin1', start, end)
    return undefined
  }

  #delimiter(frame: MimeFrame, isClose: boolean): Delimiter {
    if (frame.part.isGuessed && !frame.hasDelimiter) this.#note('type')
    frame.hasDelimiter = true
    return { frame, isClose, next: this.next }
  }

  #beginsWith(start: number, end: number, boundary: string): boolean {
    if (boundary === '' || end - start < boundary.length) return false
    for (let at = 0; at < boundary.length; at++) if (this.#bytes[start + at] !== boundary.charCodeAt(at)) return false
    return true
  }

  #beginsContentField(at: number): boolean {
    for (let index = 0; index < CONTENT.length; index++)
      if (((this.#bytes[at + index] ?? 0) | 0x20) !== CONTENT[index]) return false
    return true
  }

  /** All that readers may take for the boundary, as octets. */
  #boundariesOf({ types }: MimePart): readonly string[] {
    const written = types.flatMap((type) => parameterOctets(type, 'boundary'))
    const boundaries = new Set(
      written.flatMap(({ octets }) => (octets.includes('=?') ? [octets, decodeText(octets)] : [octets])).map(trimEnd),
    )
    if (boundaries.size > 1) boundaries.delete('')
    const isShared = this.#frames.some((frame) => frame.boundaries.some((boundary) => boundaries.has(boundary)))
    if (boundaries.size !== 1 || boundaries.has('') || isShared) this.#note('boundary')
    return [...boundaries]
  }
}

/** FNV-1a, which can be made while a line is read. */
function hash(text: string): number {
  let value = HASH_START
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ (text.charCodeAt(at) & 0xff), HASH_FACTOR)
  return value & SMALL
}

/** RFC 2046 §5.1.1: a boundary does not end in a blank. */
function trimEnd(text: string): string {
  let end = text.length
  while (end > 0 && /[ \t]/.test(text[end - 1] ?? '')) end--
  return text.slice(0, end)
}
