/**
 * Watches the octets of a message go by until its header section ends, and counts: where the section ends, how many fields, how many
 * `Received` fields (the loop limit of RFC 5321 §6.3). Cheap enough to run on everything; keeps nothing.
 */

/** How much header is too much; reported, never enforced here. */
export interface HeaderLimits {
  /** Octets of the header section. Default 262,144. */
  readonly headerSize?: number
  /** Default 1,000. */
  readonly fields?: number
  /** Default 100, RFC 5321 §6.3. */
  readonly received?: number
}

/** Which {@link HeaderLimits} a message exceeds. */
export interface HeaderExcess {
  readonly headerSize: boolean
  readonly fields: boolean
  readonly received: boolean
}

const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const COLON = 0x3a
const LETTER_R = 0x72
const RECEIVED = Buffer.from('received')

/** What is known of the line under the scanner. */
type State = 'start' | 'cr' | 'name' | 'named' | 'skip'

/** Takes chunks cut anywhere. */
export class HeaderScanner {
  /** Octets before the empty line; of all that came, as long as none has come. */
  headerSize = 0
  /** Offset of the body; undefined as long as the empty line has not come. */
  bodyStart: number | undefined
  fieldCount = 0
  receivedCount = 0
  readonly #limits: Required<HeaderLimits>
  #state: State = 'start'
  /** Octets of `received` that the line has matched. */
  #matched = 0
  /** Octets of the chunks before this one. */
  #offset = 0

  constructor(limits: HeaderLimits = {}) {
    this.#limits = { headerSize: 262_144, fields: 1000, received: 100, ...limits }
  }

  get excess(): HeaderExcess {
    const { headerSize, fields, received } = this.#limits
    return {
      headerSize: this.headerSize > headerSize,
      fields: this.fieldCount > fields,
      received: this.receivedCount > received,
    }
  }

  /** Not to be called any more once `bodyStart` is known. */
  scan(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#state === 'skip') {
        // Most lines are too short for a call of indexOf.
        while (at < chunk.length && chunk[at] !== LF) at++
        if (at === chunk.length) break
        const next = chunk[++at] ?? LF
        this.#state = 'start'
        // What most lines begin with is decided here.
        if (next === SPACE || next === TAB) this.#state = 'skip'
        else if (next > SPACE && (next | 0x20) !== LETTER_R) {
          this.fieldCount++
          this.#state = 'skip'
        }
        continue
      }
      // `at` is below the length; the default never comes.
      if (this.#step(chunk[at++] ?? 0)) {
        this.bodyStart = this.#offset + at
        // The empty line is LF or CRLF.
        this.headerSize = this.bodyStart - (this.#state === 'cr' ? 2 : 1)
        return
      }
    }
    this.#offset += chunk.length
    this.headerSize = this.#offset
  }

  /** One octet near the start of a line; true when it ends the empty line. */
  #step(octet: number): boolean {
    if (octet === LF) {
      if (this.#state === 'start' || this.#state === 'cr') return true
      this.#state = 'start'
    } else if (this.#state === 'start') this.#startLine(octet)
    else if (this.#state === 'name') this.#matchName(octet)
    else if (this.#state === 'named') {
      if (octet === COLON) this.receivedCount++
      if (octet !== SPACE && octet !== TAB) this.#state = 'skip'
    } else {
      this.fieldCount++
      this.#state = 'skip'
    }
    return false
  }

  #startLine(octet: number): void {
    if (octet === CR) this.#state = 'cr'
    else if (octet === SPACE || octet === TAB) this.#state = 'skip'
    else {
      this.fieldCount++
      this.#matched = 0
      this.#matchName(octet)
    }
  }

  #matchName(octet: number): void {
    // ASCII letters only: 0x20 is what their cases differ in.
    if ((octet | 0x20) !== RECEIVED[this.#matched]) this.#state = 'skip'
    else this.#state = ++this.#matched === RECEIVED.length ? 'named' : 'name'
  }
}
