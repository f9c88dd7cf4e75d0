/**
 * What comes from the client, cut into lines, message octets and BDAT chunks, and handed on one piece at a time. While an answer is awaited the
 * input is blocked: what arrives meanwhile is kept, up to a bound, and the socket paused above it.
 */
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js'
import { DataDecoder, type DecoderOptions } from './data-decoder.ts'

const LF = 0x0a
const CR = 0x0d
/** Octets that may wait while the input is blocked before the socket is paused. */
const QUEUE = 65_536
/** Lines handed on before other connections have a turn of the event loop. */
const BURST = 200

/** Who the pieces are for. Each method may call {@link Input.block}; then nothing else comes before {@link Input.release} and {@link Input.run}. */
export interface InputOwner {
  /** A line without its end, one character an octet. `strict` is false when it ended in a bare LF, or has a CR or NUL in it. */
  onLine(line: string, strict: boolean): void
  /** The present line is longer than `lineLimit`; it will be passed over. */
  onLongLine(): void
  /** Content of the message; the octets are the owner's. `hasBareLineEnd` and `isLineTooLong` of the decoder hold up to here. */
  onContent(content: Buffer): void
  /** CRLF.CRLF, or the last octet of a BDAT chunk. */
  onContentEnd(): void
  /** All that came has been handed on, or the input has been blocked. */
  onPause(): void
  /** The client has closed its side, and everything before that has been handed on and answered, or nothing of it needs an answer. */
  onEnd(): void
  /** Whether the client is to hear the answer that is awaited even if it has closed its side: it may have stopped only to send. */
  readonly owesReply: boolean
  /** One of the others threw: what was said and what was not is not known any more. */
  onFailure(error: unknown): void
}

type Mode = 'line' | 'data' | 'chunk'

/** The parser of one connection; the part of `Writable` that `pipe` uses, without its queue. */
export class Input extends SMTPStream {
  readonly decoder = new DataDecoder()
  #owner: InputOwner
  #lineLimit: number
  #mode: Mode = 'line'
  /** The chunk being read and where; undefined when all of it has been. */
  #chunk: Buffer | undefined
  #at = 0
  #queue: Buffer[] | undefined
  #queued = 0
  /** Begin of a line that came in pieces. */
  #partial: Buffer | undefined
  #partialLength = 0
  #skipping = false
  /** Octets of the BDAT chunk still to come. */
  #left = 0
  /** The message or chunk has ended, and that has not been told yet. */
  #endDue = false
  #blocked = false
  #running = false
  #paused = false
  #ended = false

  constructor(owner: InputOwner, lineLimit: number) {
    super()
    this.#owner = owner
    this.#lineLimit = lineLimit
  }

  get isBlocked(): boolean {
    return this.#blocked
  }

  /** Whether the client has closed its side. */
  get hasEnded(): boolean {
    return this.#ended
  }

  /** Whether octets of the client wait to be looked at. */
  get hasPending(): boolean {
    return this.#chunk !== undefined || this.#queued > 0 || this.#endDue
  }

  /** Octets of a message follow. */
  startData(options: DecoderOptions): void {
    this.#mode = 'data'
    this.decoder.start(options)
  }

  /** `size` octets follow, RFC 3030 §2; the decoder goes on from the chunk before, unless it was started anew. */
  startChunk(size: number): void {
    this.#mode = size > 0 ? 'chunk' : 'line'
    this.#left = size
    this.#endDue = size === 0
  }

  /** Hands nothing on until {@link release} and {@link run}. */
  block(): void {
    this.#blocked = true
  }

  release(): void {
    this.#blocked = false
  }

  /** Hands on what waits, unless blocked. */
  run(): void {
    if (!this.#running && !this.#blocked && !this.isClosed) this.#run()
  }

  /** Nothing more is handed on, ever; what is kept is let go. */
  retire(): void {
    this.isClosed = true
    this.#chunk = this.#queue = this.#partial = undefined
    this.#queued = 0
  }

  /** One chunk of the socket. False: stop until `drain`. */
  override write(chunk: Buffer): boolean {
    if (this.isClosed) return true
    if (this.#chunk === undefined && this.#queued === 0) {
      this.#chunk = chunk
      this.#at = 0
    } else {
      this.#queue ??= []
      this.#queue.push(chunk)
      this.#queued += chunk.length
    }
    this.run()
    this.#paused = this.#blocked && !this.isClosed && this.#queued + (this.#chunk?.length ?? 0) > QUEUE
    return !this.#paused
  }

  /** The client has closed its side. */
  override end(): this {
    this.#ended = true
    // What it had sent is dealt with first, and what that comes to is said; `run` tells of the end then.
    if (!this.isClosed && !this.hasPending && !(this.#blocked && this.#owner.owesReply)) this.#owner.onEnd()
    return this
  }

  #run(): void {
    this.#running = true
    try {
      this.#handOn()
    } catch (error) {
      this.#owner.onFailure(error)
    }
    this.#running = false
    if (this.isClosed) return
    this.#owner.onPause()
    if (this.#blocked || this.isClosed) return
    if (this.#ended) this.#owner.onEnd()
    else if (this.#paused) {
      this.#paused = false
      this.emit('drain')
    }
  }

  #handOn(): void {
    let lines = 0
    while (!this.#blocked && !this.isClosed) {
      if (this.#endDue) {
        this.#endDue = false
        this.#owner.onContentEnd()
        continue
      }
      const chunk = this.#chunk ?? this.#next()
      if (chunk === undefined) break
      if (this.#mode === 'line') {
        this.#readLine(chunk)
        if (++lines >= BURST && !this.#blocked && this.hasPending) this.#breathe()
      } else if (this.#mode === 'data') this.#readData(chunk)
      else this.#readChunk(chunk)
    }
  }

  /** Lets the event loop turn before the next line. */
  #breathe(): void {
    this.#blocked = true
    setImmediate(() => {
      this.#blocked = false
      this.run()
    })
  }

  #next(): Buffer | undefined {
    const chunk = this.#queue?.shift()
    if (chunk === undefined) return undefined
    this.#queued -= chunk.length
    this.#chunk = chunk
    this.#at = 0
    return chunk
  }

  #advance(chunk: Buffer, to: number): void {
    this.#at = to
    if (to >= chunk.length) this.#chunk = undefined
  }

  #readLine(chunk: Buffer): void {
    const from = this.#at
    const end = chunk.indexOf(LF, from)
    if (end < 0) {
      this.#advance(chunk, chunk.length)
      if (!this.#skipping) this.#keep(chunk, from)
      return
    }
    this.#advance(chunk, end + 1)
    if (this.#skipping) {
      this.#skipping = false
      return
    }
    if (this.#partialLength > 0) this.#endPartial(chunk, from, end)
    else this.#emitLine(chunk, from, end)
  }

  #emitLine(bytes: Buffer, from: number, end: number): void {
    if (end - from > this.#lineLimit) {
      this.#owner.onLongLine()
      return
    }
    const stop = end > from && bytes[end - 1] === CR ? end - 1 : end
    const line = bytes.toString('latin1', from, stop)
    this.#owner.onLine(line, stop < end && !line.includes('\r') && !line.includes('\0'))
  }

  /** Keeps the begin of a line in a buffer of its own, so that neither many small pieces nor a big one hold much memory. */
  #keep(chunk: Buffer, from: number): void {
    const length = this.#partialLength + chunk.length - from
    if (length > this.#lineLimit) {
      this.#partialLength = 0
      this.#partial = undefined
      this.#skipping = true
      this.#owner.onLongLine()
      return
    }
    if (this.#partial === undefined || this.#partial.length < length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.#lineLimit, Math.max(128, length * 2)))
      this.#partial?.copy(larger, 0, 0, this.#partialLength)
      this.#partial = larger
    }
    chunk.copy(this.#partial, this.#partialLength, from)
    this.#partialLength = length
  }

  #endPartial(chunk: Buffer, from: number, end: number): void {
    const head = this.#partial?.subarray(0, this.#partialLength) ?? chunk.subarray(0, 0)
    this.#partialLength = 0
    this.#partial = undefined
    const line = Buffer.concat([head, chunk.subarray(from, end)])
    this.#emitLine(line, 0, line.length)
  }

  #readData(chunk: Buffer): void {
    const end = this.decoder.feed(chunk, this.#at)
    this.#advance(chunk, end >= 0 ? end : chunk.length)
    this.#hand(end >= 0)
  }

  #readChunk(chunk: Buffer): void {
    const stop = Math.min(chunk.length, this.#at + this.#left)
    this.#left -= stop - this.#at
    this.decoder.feed(stop === chunk.length ? chunk : chunk.subarray(0, stop), this.#at)
    this.#advance(chunk, stop)
    this.#hand(this.#left === 0)
  }

  #hand(isEnd: boolean): void {
    const content = this.decoder.output
    this.decoder.output = undefined
    if (isEnd) {
      this.#mode = 'line'
      this.#endDue = true
    }
    if (content !== undefined) this.#owner.onContent(content)
  }
}
