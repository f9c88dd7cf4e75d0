/** Replies of a server, RFC 5321 §4.2, read from a stream of octets. */
import type { Reply } from '@postroad/mail'

/** Octets of one reply, across all of its lines: what exceeds it is an attack or a fault. */
const MAX_REPLY = 65_536
/** Characters of a reply that are kept. */
const MAX_TEXT = 2000

const LF = 10

/** Takes chunks, gives replies. Holds at most one unfinished reply. */
export class ReplyParser {
  /** Octets of an unfinished line, as latin1: a UTF-8 sequence may be cut between chunks. */
  #rest = ''
  /** Lines before the present one of the same reply, joined. */
  #lines = ''
  #code = 0
  #size = 0

  /** A reply has begun that is not complete yet. */
  get isPartial(): boolean {
    return this.#code !== 0 || (this.#rest !== '' && this.#rest !== '\r')
  }

  /** The line that is no reply, when {@link read} has said so: untrusted. */
  get garbage(): string {
    return Buffer.from(this.#rest, 'latin1').toString('utf8')
  }

  /**
   * Reads a chunk and hands each complete reply over. Stops when `take` returns false.
   *
   * @returns false when the octets are no replies: what follows cannot be trusted to be in step
   */
  read(chunk: Buffer, take: (reply: Reply) => boolean): boolean {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(LF, start)
      const stop = end < 0 ? chunk.length : end
      this.#size += stop - start
      if (this.#size > MAX_REPLY) return false
      const piece = chunk.toString('latin1', start, stop)
      if (end < 0) {
        this.#rest += piece
        return true
      }
      const line = this.#rest === '' ? piece : this.#rest + piece
      this.#rest = ''
      start = end + 1
      const reply = this.#line(line)
      if (reply === false) {
        this.#rest = line
        return false
      }
      if (reply !== undefined && !take(reply)) return true
      if (start === chunk.length) return true
    }
  }

  /** A line without its LF: a whole reply, part of one, or (false) no reply at all. */
  #line(line: string): Reply | undefined | false {
    const end = line.endsWith('\r') ? line.length - 1 : line.length
    // Old gateways put an empty line before or after a reply; it has no meaning.
    if (end === 0 && this.#code === 0) return undefined
    const code = readCode(line, end)
    const separator = end > 3 ? line.charCodeAt(3) : 0x20
    // Within a reply a line without a code is text of a server that forgot it. The end is still to come.
    if (code === 0 || isDigit(separator)) return this.#code !== 0 && this.#add(line.slice(0, end), this.#code)
    // RFC 5321 §4.2.1: all lines have the same code. Codes of one class are read as the last one; of two classes the reply has no meaning.
    if (this.#code !== 0 && Math.floor(code / 100) !== Math.floor(this.#code / 100)) return false
    if (separator === 0x2d) return this.#add(line.slice(4, end), code)
    // RFC 5321 §4.2.1: "250" alone is a complete reply; "250OK" is none, but says what it means.
    const text = this.#lines + line.slice(separator === 0x20 ? 4 : 3, end)
    this.#code = 0
    this.#lines = ''
    this.#size = 0
    return makeReply(code, text)
  }

  /** A line of a reply that goes on. */
  #add(text: string, code: number): undefined {
    this.#code = code
    if (this.#lines.length < MAX_TEXT) this.#lines += `${text}\n`
  }
}

function isDigit(character: number): boolean {
  return character >= 0x30 && character <= 0x39
}

function readCode(line: string, end: number): number {
  if (end < 3) return 0
  const a = line.charCodeAt(0) - 0x30
  const b = line.charCodeAt(1) - 0x30
  const c = line.charCodeAt(2) - 0x30
  // RFC 5321 §4.2: the first digit is 2 to 5, the second 0 to 5; real servers use other second digits, so only the first is strict.
  return a >= 2 && a <= 5 && b >= 0 && b <= 9 && c >= 0 && c <= 9 ? a * 100 + b * 10 + c : 0
}

const STATUS = /^[245]\.\d{1,3}\.\d{1,3}(?=[ \n]|$)/

function makeReply(code: number, raw: string): Reply {
  const match = raw.charCodeAt(1) === 0x2e ? STATUS.exec(raw) : null
  // A status of another class than the code is a fault of the server; the code decides, RFC 2034 §4.
  const status = match && match[0].charCodeAt(0) - 0x30 === Math.floor(code / 100) ? match[0] : undefined
  if (status === undefined) return { code, text: cleanText(raw) }
  // RFC 2034 §4: each line of a reply repeats the status.
  const text = raw.includes('\n') ? raw.replaceAll(`\n${status} `, '\n') : raw
  return { code, status, text: cleanText(text.slice(status.length + 1)) }
}

const UNCLEAN = /[^\n\x20-\x7e]/
const CONTROL = /[^\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd]/g

function cleanText(raw: string): string {
  const text = raw.length > MAX_TEXT ? raw.slice(0, MAX_TEXT) : raw
  if (!UNCLEAN.test(text)) return text
  return Buffer.from(text, 'latin1').toString('utf8').replace(CONTROL, '?')
}

/** The first reply in what a server said; undefined when it is none. */
export function parseReply(said: string): Reply | undefined {
  let found: Reply | undefined
  const text = `${said.replaceAll(/\r?\n/g, '\r\n')}\r\n`
  new ReplyParser().read(Buffer.from(text, 'utf8'), (reply) => {
    found = reply
    return false
  })
  return found
}

/** Characters of what a server says that is no reply. */
const MAX_WORDS = 300

/** Foreign words in quotes on one line: at most 300 characters, control characters as `\x0d`. */
export function escapeText(text: string): string {
  const escaped = text
    .slice(0, MAX_WORDS)
    .replaceAll(/\r?\n/g, '\\n')
    .replace(CONTROL, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return `"${escaped}${text.length > MAX_WORDS ? '...' : ''}"`
}

/** A reply in our own words, where the server has said nothing (or nothing that can be used). */
export function localReply(code: number, status: string, text: string): Reply {
  return { code, status, text }
}
