/**
 * Reads the addresses of a header field, RFC 5322 §3.4 and §4.4: name-addr, bare addr-spec, groups, comments, quotes, routes. Takes what
 * mail clients show something for; linear in the length. All text here is octets, one character each.
 */
import { wordEnd } from './encoded-word.ts'

/** One mailbox as written, without quotes and comments. */
export interface AddressText {
  readonly name: string
  readonly text: string
}

/** The mailboxes in their order; a group's are among them. */
export function readAddresses(text: string): readonly AddressText[] {
  return new Reader(text).read()
}

/** Ends a run of plain characters. */
const SPECIAL = /[\s"(<>,;:=\\]/g

class Reader {
  readonly #text: string
  #at = 0
  #unended = Number.POSITIVE_INFINITY
  readonly #found: AddressText[] = []
  /** Words and quoted strings before the angle bracket, or instead of it. */
  #words = ''
  /** What stands in angle brackets. */
  #angle: string | undefined
  #comment = ''
  /** There is an @ in the words: kept, so that it is not looked for again and again. */
  #hasAt = false

  constructor(text: string) {
    this.#text = text
  }

  read(): readonly AddressText[] {
    while (this.#at < this.#text.length) this.#step()
    this.#end()
    return this.#found
  }

  #step(): void {
    const text = this.#text
    const character = text[this.#at]
    if (character === '"') this.#quoted()
    else if (character === '(') this.#parenthesis()
    else if (character === '<') this.#brackets()
    else if (character === ',' || character === ';') {
      this.#at++
      this.#end()
    } else if (character === ':' && this.#angle === undefined && !this.#hasAt) {
      // The name of a group, RFC 5322 §3.4.
      this.#at++
      this.#words = ''
      this.#comment = ''
    } else this.#run()
  }

  #run(): void {
    const text = this.#text
    const end = text[this.#at] === '=' ? wordEnd(text, this.#at) : -1
    // The text of an encoded word may have commas and colons, whatever RFC 2047 §5 (3) says.
    if (end > 0) {
      this.#words += text.slice(this.#at, end)
      this.#at = end
      return
    }
    SPECIAL.lastIndex = this.#at + 1
    const stop = SPECIAL.exec(text)?.index ?? text.length
    const run = text.slice(this.#at, stop)
    this.#hasAt ||= run.includes('@')
    this.#words += run
    this.#at = stop
  }

  #quoted(): void {
    const text = this.#text
    let at = this.#at + 1
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
    const content = text.slice(this.#at + 1, at)
    this.#at = at + 1
    if (text[this.#at] === '@' && this.#angle === undefined) {
      // A local part: with its domain it is an address by itself.
      SPECIAL.lastIndex = this.#at
      const end = SPECIAL.exec(text)?.index ?? text.length
      this.#angle = `"${content}"${text.slice(this.#at, end)}`
      this.#at = end
    } else this.#words += content.replace(/\\([\s\S])/g, '$1')
  }

  #brackets(): void {
    const text = this.#text
    // A quoted local part may have any character.
    let at = this.#at + 1
    while (at < text.length && text[at] !== '>') {
      if (text[at] === '"') {
        const close = text.indexOf('"', at + 1)
        if (close > 0) at = close
      }
      at++
    }
    // RFC 5322 §4.4: a route is left out.
    const content = text
      .slice(this.#at + 1, at)
      .replace(/^\s*@[^:]*:/, '')
      .trim()
    this.#at = at + 1
    // Two of them: what was taken for the name before the second is the first.
    if (this.#angle !== undefined) this.#end()
    this.#angle = content
  }

  #parenthesis(): void {
    const text = this.#text
    let depth = 0
    for (let at = this.#at; at < text.length && this.#at < this.#unended; at++) {
      if (text[at] === '\\') at++
      else if (text[at] === '(') depth++
      else if (text[at] === ')' && --depth === 0) {
        this.#comment += text.slice(this.#at + 1, at)
        this.#at = at + 1
        return
      }
    }
    this.#unended = Math.min(this.#unended, this.#at)
    this.#words += '('
    this.#at++
  }

  #end(): void {
    const words = this.#words.trim()
    const comment = this.#comment.trim()
    if (this.#angle !== undefined) this.#found.push({ name: words || comment, text: this.#angle })
    else if (words !== '') this.#found.push(bare(words, comment))
    this.#words = ''
    this.#comment = ''
    this.#angle = undefined
    this.#hasAt = false
  }
}

/** Without brackets: the word with an @ is the address, and what else there is the name. RFC 5322 §4.1 lets blanks into an address. */
function bare(words: string, comment: string): AddressText {
  const joined = words.replace(/\s+/g, ' ').replace(/ ?([@.]) ?/g, '$1')
  const list = joined.split(' ')
  const address = list.findLast((word) => word.includes('@'))
  if (address === undefined) return { name: words, text: '' }
  return { name: list.filter((word) => word !== address).join(' ') || comment, text: address }
}
