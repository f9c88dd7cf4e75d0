/** `transaction.message_stream`: the message as a stream, for any number of readers at once. */
import { Readable, type Writable } from 'node:stream'
import type { Message } from '@postroad/plugin'

/** How a plugin wants to read it; the names are Haraka's. */
export interface PipeOptions {
  /** Default `\r\n`. */
  readonly line_endings?: string
  readonly skip_headers?: boolean
  /** A dot is doubled at the begin of a line, as on the wire. */
  readonly dot_stuffing?: boolean
  /** `false` is another name for `dot_stuffing: true`. */
  readonly dot_stuffed?: boolean
  readonly ending_dot?: boolean
  /** Each line with its length in front, as clamd's INSTREAM has it. */
  readonly clamd_style?: boolean
  /** Whether the target is ended with the message. Default true. */
  readonly end?: boolean
}

const LF = 0x0a
const CR = 0x0d
const DOT = 0x2e

/** The message as it is now: its header with the changes that plugins have made so far, its body as received. */
export class HarakaStream {
  /** Octets, as received. */
  bytes_read = 0
  readonly uuid: string
  readonly #headers: () => readonly Uint8Array[]
  #body: (() => AsyncIterable<Uint8Array>) | undefined
  #readers = new Set<Readable>()
  readonly #given: Buffer[] = []

  /** @param headers whole fields as they are at the time of reading, with their line ends */
  constructor(uuid: string, headers: () => readonly Uint8Array[]) {
    this.uuid = uuid
    this.#headers = headers
  }

  /** From here on there is something to read. */
  fill(message: Message, body: () => AsyncIterable<Uint8Array> = () => message.body()): void {
    this.#body = body
    this.bytes_read = message.size
  }

  /** A line of the message on the wire, for tests of plugins: the server fills it at once. */
  add_line(line: string | Uint8Array): void {
    this.#given.push(Buffer.from(line as Uint8Array)) // a text is taken, too
    this.bytes_read += line.length
  }

  /** The end of what {@link add_line} has taken. */
  add_line_end(done?: () => void): void {
    if (done) queueMicrotask(done)
  }

  /**
   * Several may be open at once.
   *
   * @throws {Error} before the message is there
   */
  pipe<T extends Writable>(target: T, options: PipeOptions = {}): T {
    const source = this.#reader(options)
    source.on('error', (error) => target.destroy(error))
    target.once('close', () => source.destroy())
    target.once('error', () => source.destroy())
    return source.pipe(target, { end: options.end !== false })
  }

  /** Ends all reading. */
  unpipe(): void {
    for (const reader of this.#readers) reader.destroy()
    this.#readers.clear()
  }

  get_data(...given: readonly unknown[]): void {
    const done = given.at(-1) as (data: Buffer) => void // its only function, as in Haraka
    const options = (given.length > 1 ? given[0] : {}) as PipeOptions
    const pieces: Buffer[] = []
    this.#reader(options)
      .on('data', (piece: Buffer) => pieces.push(piece))
      .on('end', () => done(Buffer.concat(pieces)))
      .on('error', () => done(Buffer.concat(pieces)))
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return this.#reader({})[Symbol.asyncIterator]()
  }

  pause(): void {
    for (const reader of this.#readers) reader.pause()
  }

  resume(): void {
    for (const reader of this.#readers) reader.resume()
  }

  destroy(): void {
    this.unpipe()
    this.#body = undefined
  }

  on(): this {
    return this
  }

  #bodyGiven(): (() => AsyncIterable<Uint8Array>) | undefined {
    if (this.#given.length === 0) return undefined
    const whole = Buffer.concat(this.#given)
    const end = whole.indexOf('\r\n\r\n')
    const from = this.#headers().length === 0 || end < 0 ? 0 : end + 4
    return async function* () {
      yield whole.subarray(from)
    }
  }

  #reader(options: PipeOptions): Readable {
    const body = this.#body ?? this.#bodyGiven()
    if (!body)
      throw new Error('message_stream is read before the message is there: it can be read in data_post and later')
    const reader = Readable.from(shaped(this.#headers(), body(), options), { objectMode: false })
    this.#readers.add(reader)
    reader.once('close', () => this.#readers.delete(reader))
    return reader
  }
}

async function* shaped(
  headers: readonly Uint8Array[],
  body: AsyncIterable<Uint8Array>,
  options: PipeOptions,
): AsyncGenerator<Buffer> {
  const shape = new LineShape(options)
  if (!options.skip_headers && headers.length > 0) {
    yield shape.take(Buffer.concat([...headers, Buffer.from('\r\n')]))
  }
  for await (const piece of body) {
    const out = shape.take(Buffer.from(piece.buffer, piece.byteOffset, piece.length))
    if (out.length > 0) yield out
  }
  const rest = shape.end()
  if (rest.length > 0) yield rest
}

/** Lines in the form that a reader wants. */
class LineShape {
  readonly #bare: boolean
  readonly #stuffs: boolean
  readonly #endingDot: boolean
  readonly #sized: boolean
  #rest: Buffer = Buffer.alloc(0)

  constructor({
    line_endings = '\r\n',
    dot_stuffing,
    dot_stuffed,
    ending_dot = false,
    clamd_style = false,
  }: PipeOptions) {
    this.#bare = line_endings === '\n'
    this.#endingDot = ending_dot
    this.#stuffs = ending_dot || (dot_stuffed === undefined ? dot_stuffing === true : !dot_stuffed)
    this.#sized = clamd_style
  }

  take(piece: Buffer): Buffer {
    if (!this.#bare && !this.#stuffs && !this.#sized) return piece
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, piece]) : piece
    const lines: Buffer[] = []
    let from = 0
    for (let at = all.indexOf(LF); at >= 0; at = all.indexOf(LF, from)) {
      this.#line(all.subarray(from, at + 1), lines)
      from = at + 1
    }
    this.#rest = all.subarray(from)
    return Buffer.concat(lines)
  }

  end(): Buffer {
    const lines: Buffer[] = []
    if (this.#rest.length > 0) this.#line(this.#rest, lines)
    if (this.#endingDot) this.#push(Buffer.from(this.#bare ? '.\n' : '.\r\n'), lines)
    if (this.#sized) lines.push(Buffer.alloc(4))
    return Buffer.concat(lines)
  }

  #line(line: Buffer, out: Buffer[]): void {
    const stuffed = this.#stuffs && line[0] === DOT ? Buffer.concat([Buffer.from('.'), line]) : line
    const isCrlf = stuffed.length >= 2 && stuffed.at(-1) === LF && stuffed.at(-2) === CR
    this.#push(this.#bare && isCrlf ? Buffer.concat([stuffed.subarray(0, -2), Buffer.from('\n')]) : stuffed, out)
  }

  #push(line: Buffer, out: Buffer[]): void {
    if (this.#sized) {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(line.length)
      out.push(length)
    }
    out.push(line)
  }
}
