/** The hash of a message's body in one of the two canonical forms of DKIM, RFC 6376 §3.4, taken while the body arrives. */
import { createHash, type Hash } from 'node:crypto'

/** Which form, and how much of it. */
export interface BodyHashOptions {
  /** RFC 6376 §3.4.4: white space within lines is reduced; `simple` (§3.4.3) only drops empty lines at the end. */
  readonly canonicalization: 'simple' | 'relaxed'
  /** Default `sha256`. */
  readonly algorithm?: 'sha256' | 'sha1'
  /** `l=`: octets of the canonical body that are hashed. Default all. */
  readonly limit?: number
}

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const TAB = 0x09

/** Shared by all: it is used between two lines of the same synchronous call only. */
const scratch = Buffer.allocUnsafe(16 * 1024)
/** What one octet can become: a held CR, a space and itself; held lines are written apart. */
const SLACK = 8
const LINES = Buffer.from('\r\n'.repeat(512))
/** Line ends that are not worth a call of their own. */
const FEW = 32
/** Octets that are hashed where they stand; fewer are put beside each other first, because each call of a hash has its price. */
const DIRECT = 512

/**
 * Takes a body in pieces; linear in its length whatever is in it, and in constant memory. A bare LF counts as CRLF, as in
 * the npm package mailauth; a bare CR is content.
 */
export class BodyHash {
  readonly #hash: Hash
  readonly #relaxed: boolean
  readonly #limit: number
  #used = 0
  #length = 0
  /** Line ends that count only if something follows. */
  #lines = 0
  #space = false
  #cr = false
  #isEmpty = true

  constructor({ canonicalization, algorithm = 'sha256', limit = Number.POSITIVE_INFINITY }: BodyHashOptions) {
    this.#hash = createHash(algorithm)
    this.#relaxed = canonicalization === 'relaxed'
    this.#limit = limit
  }

  /** Octets of the canonical body so far; all of it after {@link digest}. */
  get length(): number {
    return this.#length
  }

  /** Octets of the canonical body that `l=` left out. */
  get unsigned(): number {
    return Math.max(0, this.#length - this.#limit)
  }

  update(chunk: Uint8Array): void {
    const solid = this.#solidEnd(chunk)
    let at = 0
    while (at < solid) {
      if (!this.#isHeld) at = this.#takePlain(chunk, at, solid)
      // Octet by octet, until nothing is held back any more.
      while (at < solid) {
        this.#take(chunk[at++] ?? 0)
        if (!this.#isHeld) break
      }
    }
    while (at < chunk.length) this.#take(chunk[at++] ?? 0)
    this.#flush()
  }

  /** The hash; nothing may follow. */
  digest(): Buffer {
    if (this.#cr) this.#bareCr()
    // RFC 6376 §3.4.3: an empty body is CRLF in the simple form; §3.4.4: and nothing in the relaxed one.
    if (!this.#isEmpty || !this.#relaxed) {
      this.#put(CR)
      this.#put(LF)
    }
    this.#flush()
    return this.#hash.digest()
  }

  get #isHeld(): boolean {
    return this.#lines > 0 || this.#space || this.#cr
  }

  /** Behind the last octet that is neither a line end nor, in the relaxed form, white space: all before it counts. */
  #solidEnd(chunk: Uint8Array): number {
    let end = chunk.length
    for (; end > 0; end--) {
      const octet = chunk[end - 1]
      if (octet !== LF && octet !== CR && !(this.#relaxed && (octet === SPACE || octet === TAB))) break
    }
    return end
  }

  /** Most text is its own canonical form: it is looked at, and hashed where it stands. Up to the first octet that is not, or to the end. */
  #takePlain(chunk: Uint8Array, from: number, end: number): number {
    const relaxed = this.#relaxed
    let at = from
    for (; at < end; at++) {
      const octet = chunk[at] ?? 0
      if (octet > SPACE) continue
      if (octet === LF) break
      if (octet === CR) {
        if (chunk[at + 1] === LF) at++
      } else if (relaxed && (octet === TAB || (octet === SPACE && isBlank(chunk[at + 1])))) break
    }
    if (at > from) this.#putAll(chunk, from, at)
    return at
  }

  #putAll(chunk: Uint8Array, from: number, to: number): void {
    this.#isEmpty = false
    if (to - from >= DIRECT) {
      this.#flush()
      this.#write(chunk.subarray(from, to))
      return
    }
    if (this.#used + to - from > scratch.length - SLACK) this.#flush()
    for (let at = from; at < to; at++) scratch[this.#used++] = chunk[at] ?? 0
  }

  #take(octet: number): void {
    if (octet === LF) this.#endLine()
    else if (octet === CR) {
      if (this.#cr) this.#content(CR)
      this.#cr = true
    } else if (this.#relaxed && (octet === SPACE || octet === TAB)) {
      if (this.#cr) this.#bareCr()
      this.#space = true
    } else {
      if (this.#cr) this.#bareCr()
      this.#content(octet)
    }
  }

  #endLine(): void {
    this.#cr = false
    this.#space = false
    this.#lines++
  }

  #bareCr(): void {
    this.#cr = false
    this.#content(CR)
  }

  /** What was held back comes before. */
  #content(octet: number): void {
    if (this.#lines > 0) this.#writeLines()
    if (this.#space) this.#put(SPACE)
    this.#space = false
    this.#isEmpty = false
    this.#put(octet)
  }

  #writeLines(): void {
    if (this.#lines <= FEW) {
      for (; this.#lines > 0; this.#lines--) {
        this.#put(CR)
        this.#put(LF)
      }
      return
    }
    this.#flush()
    for (let octets = this.#lines * 2; octets > 0; octets -= LINES.length)
      this.#write(LINES.subarray(0, Math.min(octets, LINES.length)))
    this.#lines = 0
  }

  #put(octet: number): void {
    if (this.#used > scratch.length - SLACK) this.#flush()
    scratch[this.#used++] = octet
  }

  #flush(): void {
    if (this.#used > 0) this.#write(scratch.subarray(0, this.#used))
    this.#used = 0
  }

  #write(octets: Uint8Array): void {
    const room = this.#limit - this.#length
    this.#length += octets.length
    if (room > 0) this.#hash.update(room < octets.length ? octets.subarray(0, room) : octets)
  }
}

/** White space, or the beginning of a line end. */
function isBlank(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB || octet === CR || octet === LF
}

/** A {@link BodyHash} as the verifier of the npm package mailauth reads one. */
export class VerifierHash {
  /** The verifier keeps the digest here. */
  hash?: string
  readonly #body: BodyHash

  constructor(body: BodyHash) {
    this.#body = body
  }

  digest(): string {
    return this.#body.digest().toString('base64')
  }

  /** Only BIMI wants to know. */
  getMimeStructureStart(): number {
    return -1
  }

  get canonicalizedLength(): number {
    return this.#body.length
  }

  get bodyHashedBytes(): number {
    return this.#body.length - this.#body.unsigned
  }
}
