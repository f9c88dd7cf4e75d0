/**
 * The tokens of HTML, without a tree: the parser of htmlparser2, as all that we tried, takes quadratic time on deeply nested or unclosed
 * elements, and mail comes from strangers. Its tokenizer does not.
 */
import { Tokenizer, type TokenizerCallbacks } from 'htmlparser2'

/** Told of what stands there, in its order. */
export interface TokenReader {
  open(tag: string, attributes: ReadonlyMap<string, string>): void
  close(tag: string): void
  text(text: string): void
}

/** Elements whose content is not shown. */
const HIDDEN: ReadonlySet<string> = new Set(['script', 'style', 'template', 'title', 'noembed', 'noframes', 'iframe'])
/** Attributes of an element, and characters of one, that are kept. */
const ATTRIBUTES = 50
const LONGEST = 4_096

/** Reads it in one pass. Of hidden elements only the beginning is told. */
export function readTokens(html: string, reader: TokenReader): void {
  const tokens = new Tokens(html, reader)
  const tokenizer = new Tokenizer({ decodeEntities: true }, tokens)
  tokenizer.write(html)
  tokenizer.end()
  tokens.flush()
}

class Tokens implements TokenizerCallbacks {
  readonly #html: string
  readonly #reader: TokenReader
  #text = ''
  #tag = ''
  #name = ''
  #value = ''
  #attributes = new Map<string, string>()
  #hidden: string | undefined
  #nested = 0

  constructor(html: string, reader: TokenReader) {
    this.#html = html
    this.#reader = reader
  }

  flush(): void {
    if (this.#text !== '' && this.#hidden === undefined) this.#reader.text(this.#text)
    this.#text = ''
  }

  ontext(start: number, end: number): void {
    if (this.#hidden === undefined) this.#text += this.#html.slice(start, end)
  }

  ontextentity(codepoint: number): void {
    if (this.#hidden === undefined) this.#text += String.fromCodePoint(codepoint)
  }

  /** In HTML this is a comment, which ends at the first angle bracket: the rest is shown. */
  oncdata(start: number, end: number): void {
    const close = this.#html.indexOf('>', start)
    if (close >= 0 && close < end) this.ontext(close + 1, end + 1)
  }

  onopentagname(start: number, end: number): void {
    this.flush()
    this.#tag = this.#nameOf(start, end)
    this.#attributes = new Map()
  }

  onattribname(start: number, end: number): void {
    this.#name = this.#nameOf(start, end)
    this.#value = ''
  }

  onattribdata(start: number, end: number): void {
    if (this.#value.length < LONGEST) this.#value += this.#html.slice(start, Math.min(end, start + LONGEST))
  }

  onattribentity(codepoint: number): void {
    if (this.#value.length < LONGEST) this.#value += String.fromCodePoint(codepoint)
  }

  /** Of two of one name the first counts, as in browsers. */
  onattribend(): void {
    if (this.#attributes.size < ATTRIBUTES && !this.#attributes.has(this.#name))
      this.#attributes.set(this.#name, this.#value)
  }

  onopentagend(): void {
    const tag = this.#tag
    if (this.#hidden !== undefined) {
      if (tag === this.#hidden) this.#nested++
      return
    }
    this.#reader.open(tag, this.#attributes)
    if (!HIDDEN.has(tag)) return
    this.#hidden = tag
    this.#nested = 0
  }

  onselfclosingtag(): void {
    // In HTML the stroke means nothing.
    this.onopentagend()
  }

  onclosetag(start: number, end: number): void {
    const tag = this.#nameOf(start, end)
    if (this.#hidden === undefined) {
      this.flush()
      this.#reader.close(tag)
    } else if (tag === this.#hidden && --this.#nested < 0) this.#hidden = undefined
  }

  oncomment(): void {}
  ondeclaration(): void {}
  onend(): void {}
  onprocessinginstruction(): void {}

  /** Of the longest name known, a little more: the rest is not looked at. */
  #nameOf(start: number, end: number): string {
    return this.#html.slice(start, Math.min(end, start + 20)).toLowerCase()
  }
}
