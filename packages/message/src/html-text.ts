/**
 * The readable text of HTML. A single pass over the tokens of htmlparser2 that builds no tree: its parser, as all converters we tried,
 * takes quadratic time on deeply nested or unclosed elements, and mail comes from strangers.
 */
import { Tokenizer, type TokenizerCallbacks } from 'htmlparser2'

const BLOCKS = new Set(
  'address article aside blockquote body br caption center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 head header hr html li listing main nav ol option p plaintext pre section table tbody tfoot thead tr ul xmp'.split(
    ' ',
  ),
)
const CELLS = new Set(['td', 'th'])
/** Elements whose content is not shown. */
const HIDDEN = new Set(['script', 'style', 'template', 'title', 'noembed', 'noframes', 'iframe'])

const LINE = '\0'

/** Lines as a reader would see them; white space collapsed, entities decoded, links without their targets. */
export function htmlToText(html: string): string {
  // Browsers drop NUL; here it marks where lines end.
  const shown = html.replaceAll(LINE, '')
  const tokens = new Tokens(shown)
  const tokenizer = new Tokenizer({ decodeEntities: true }, tokens)
  tokenizer.write(shown)
  tokenizer.end()
  return tidy(tokens.text)
}

/** Collects what is shown. */
class Tokens implements TokenizerCallbacks {
  text = ''
  readonly #html: string
  /** The element whose content is not shown, and how often it was opened within itself. */
  #hidden: string | undefined
  #nested = 0

  constructor(html: string) {
    this.#html = html
  }

  ontext(start: number, end: number): void {
    if (this.#hidden === undefined) this.text += this.#html.slice(start, end)
  }

  ontextentity(codepoint: number): void {
    if (this.#hidden === undefined) this.text += String.fromCodePoint(codepoint)
  }

  /** In HTML this is a comment, which ends at the first angle bracket: the rest is shown. */
  oncdata(start: number, end: number): void {
    const close = this.#html.indexOf('>', start)
    if (close >= 0 && close < end) this.ontext(close + 1, end + 1)
  }

  onopentagname(start: number, end: number): void {
    const name = this.#name(start, end)
    if (this.#hidden !== undefined) {
      if (name === this.#hidden) this.#nested++
    } else if (HIDDEN.has(name)) {
      this.#hidden = name
      this.#nested = 0
    } else this.#break(name)
  }

  onclosetag(start: number, end: number): void {
    const name = this.#name(start, end)
    if (this.#hidden === undefined) this.#break(name)
    else if (name === this.#hidden && --this.#nested < 0) this.#hidden = undefined
  }

  onattribdata(): void {}
  onattribend(): void {}
  onattribentity(): void {}
  onattribname(): void {}
  oncomment(): void {}
  ondeclaration(): void {}
  onend(): void {}
  onopentagend(): void {}
  onprocessinginstruction(): void {}
  onselfclosingtag(): void {}

  /** Of the longest element known, a little more: the rest is not looked at. */
  #name(start: number, end: number): string {
    return this.#html.slice(start, Math.min(end, start + 16)).toLowerCase()
  }

  #break(name: string): void {
    if (BLOCKS.has(name)) this.text += LINE
    else if (CELLS.has(name)) this.text += ' '
  }
}

/** Trims lines, and leaves no two empty ones together. */
function tidy(text: string): string {
  const lines: string[] = []
  for (const line of text.replace(/[ \t\r\n\f]+/g, ' ').split(LINE)) {
    const trimmed = line.trim()
    if (trimmed !== '' || (lines.length > 0 && lines.at(-1) !== '')) lines.push(trimmed)
  }
  if (lines.at(-1) === '') lines.pop()
  return lines.join('\n')
}
