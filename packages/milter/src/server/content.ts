/** The octets of a message, put together again from the fields and pieces in which a mail server shows it. */
import type { ContentSink, Maybe } from '@postroad/smtp'
import { MilterError } from '../errors.ts'

const COLON = 0x3a
const SPACE = 0x20
const CR = 0x0d
const LF = 0x0a
const CRLF = Buffer.from('\r\n')
/** Octets of the header that are written at once. */
const AT_ONCE = 262_144

/** Writes one message to its sink. The header goes in few pieces, however many fields there are. */
export class IncomingMessage {
  readonly #sink: ContentSink
  readonly #limit: number
  readonly #isVerbatim: boolean
  #header = Buffer.allocUnsafe(4_096)
  #length = 0
  #isHeader = true
  #size = 0
  #isTooLarge = false

  /** @param isVerbatim values come with the blank behind the colon */
  constructor(sink: ContentSink, { limit, isVerbatim }: { readonly limit: number; readonly isVerbatim: boolean }) {
    this.#sink = sink
    this.#limit = limit
    this.#isVerbatim = isVerbatim
  }

  /** It has more octets than are taken, and the sink was told. */
  get isTooLarge(): boolean {
    return this.#isTooLarge
  }

  /** A field: name, NUL, value, NUL. @throws {MilterError} when the header has ended */
  field(data: Buffer): Maybe<void> {
    // It would not be looked at where it stands.
    if (!this.#isHeader) throw new MilterError('a field behind the end of the header')
    if (this.#isTooLarge) return
    const nul = data.indexOf(0)
    const nameEnd = nul < 0 ? data.length : nul
    const next = data.indexOf(0, nameEnd + 1)
    const valueEnd = next < 0 ? data.length : next
    // Each fold may take one octet more, and there is the colon, the blank and the line end.
    this.#reserve(2 * data.length + 4)
    const header = this.#header
    let at = this.#length + data.copy(header, this.#length, 0, nameEnd)
    header[at++] = COLON
    if (!this.#isVerbatim) header[at++] = SPACE
    at = copyFolded(data, { from: Math.min(nameEnd + 1, data.length), to: valueEnd, into: header, at })
    header[at++] = CR
    header[at++] = LF
    this.#length = at
    return this.#length < AT_ONCE ? undefined : this.#flush()
  }

  /** The empty line. */
  endHeader(): Maybe<void> {
    if (!this.#isHeader || this.#isTooLarge) return
    this.#isHeader = false
    this.#reserve(CRLF.length)
    this.#length += CRLF.copy(this.#header, this.#length)
    return this.#flush()
  }

  /** A piece of the body. */
  piece(data: Buffer): Maybe<void> {
    const ended = this.endHeader()
    return ended ? ended.then(() => this.#write(data)) : this.#write(data)
  }

  #flush(): Maybe<void> {
    const header = this.#header.subarray(0, this.#length)
    this.#header = Buffer.alloc(0)
    this.#length = 0
    return this.#write(header)
  }

  #write(octets: Buffer): Maybe<void> {
    if (octets.length === 0 || this.#isTooLarge) return
    this.#size += octets.length
    if (this.#size <= this.#limit) return this.#sink.write(octets)
    this.#isTooLarge = true
    this.#sink.abort()
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#header.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#length + more, 2 * this.#header.length))
    this.#header.copy(grown, 0, 0, this.#length)
    this.#header = grown
  }
}

/** Folds come as LF alone; a CR that is there is not doubled. */
function copyFolded(
  data: Buffer,
  { from, to, into, at }: { readonly from: number; readonly to: number; readonly into: Buffer; readonly at: number },
): number {
  let written = at
  let start = from
  for (let lf = data.indexOf(LF, from); lf >= 0 && lf < to; lf = data.indexOf(LF, start)) {
    const end = lf > start && data[lf - 1] === CR ? lf - 1 : lf
    written += data.copy(into, written, start, end)
    into[written++] = CR
    into[written++] = LF
    start = lf + 1
  }
  return written + data.copy(into, written, start, to)
}
