/** Reads one mailbox out of a longer text in a single pass: the shared lower half of the address and path parsers. */
import { hasForbidden, isAtext, isPrintable } from './character.ts'
import { type DomainOptions, domainEnd, literalEnd, normalizeLiteral, normalizeName } from './domain.ts'

/** What address and path parsers take; the defaults are RFC 5321's without extensions. */
export interface AddressOptions extends DomainOptions {
  /** Octets of the local part as written, quotes included, RFC 5321 §4.5.3.1.1. Default 64. */
  readonly localLimit?: number
  /** Octets of a path with its angle brackets, RFC 5321 §4.5.3.1.3. Default 256. */
  readonly pathLimit?: number
  /** Paths may come without angle brackets. Default false. */
  readonly lenient?: boolean
}

const QUOTE = 0x22
const DOT = 0x2e
const AT = 0x40
const BACKSLASH = 0x5c

/** Where reading stands and what has been read. Functions that fail say so and leave the reader useless. */
export class MailboxReader {
  readonly text: string
  readonly options: AddressOptions
  /** Index of the next character. */
  at: number
  local = ''
  domain = ''
  isInternational = false
  isQuoted = false

  constructor(text: string, at: number, options: AddressOptions) {
    this.text = text
    this.at = at
    this.options = options
  }

  /** `Local-part "@" ( Domain / address-literal )`; false when it is not there. */
  read(): boolean {
    if (!this.readLocal() || this.text.charCodeAt(this.at) !== AT) return false
    this.at++
    return this.readDomain()
  }

  readLocal(): boolean {
    const start = this.at
    this.isQuoted = this.text.charCodeAt(start) === QUOTE
    if (!(this.isQuoted ? this.#quotedString() : this.#dotString())) return false
    const { localLimit = 64 } = this.options
    if (!this.isInternational) return this.at - start <= localLimit
    return (
      this.at - start <= localLimit &&
      !hasForbidden(this.local) &&
      Buffer.byteLength(this.text.slice(start, this.at)) <= localLimit
    )
  }

  readDomain(): boolean {
    const { text, at, options } = this
    const isLiteral = text.charCodeAt(at) === 0x5b
    const end = isLiteral ? literalEnd(text, at) : domainEnd(text, at, options)
    if (end < 0) return false
    const domain = isLiteral ? normalizeLiteral(text, at, end, options) : normalizeName(text, at, end, options)
    if (domain === undefined) return false
    this.domain = domain
    this.at = end
    return true
  }

  #dotString(): boolean {
    const { text } = this
    const start = this.at
    let last = DOT
    let at = start
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === DOT) {
        if (last === DOT) return false
      } else if (!isAtext(code) && !this.#takeWide(code)) break
      last = code
    }
    this.at = at
    this.local = text.slice(start, at)
    return last !== DOT
  }

  #quotedString(): boolean {
    const { text } = this
    let local = ''
    let from = this.at + 1
    for (let at = from; at < text.length; at++) {
      let code = text.charCodeAt(at)
      if (code === QUOTE) {
        this.local = local + text.slice(from, at)
        this.at = at + 1
        return true
      }
      if (code === BACKSLASH) {
        local += text.slice(from, at)
        from = ++at
        code = text.charCodeAt(at)
        // RFC 6531 §3.3 lets UTF-8 into quoted strings, not behind a backslash.
        if (!isPrintable(code)) return false
      } else if (!isPrintable(code) && !this.#takeWide(code)) return false
    }
    return false
  }

  #takeWide(code: number): boolean {
    if (!(code > 0x7f && this.options.smtputf8)) return false
    this.isInternational = true
    return true
  }
}
