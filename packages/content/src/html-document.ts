/**
 * What HTML has in it that matters to a filter, by one pass over the tokens of htmlparser2. No tree is built, as that takes quadratic time on
 * elements within each other; styles count as far as they stand in the element itself.
 */
import type { Mime } from '@postroad/mail'
import { Tokenizer, type TokenizerCallbacks } from 'htmlparser2'
import { remembered } from './remembered.ts'

/** A link, or something else that has an address. */
export interface HtmlLink {
  readonly element: string
  /** As written, decoded. */
  readonly href: string
  /** Of an `a`: the text that is shown. */
  text: string
}

/** What was found. */
export interface HtmlDocument {
  readonly links: readonly HtmlLink[]
  /** Where forms go; the empty text is the message itself. */
  readonly forms: readonly string[]
  readonly base: string | undefined
  /** Where it goes by itself. */
  readonly refresh: string | undefined
  readonly hasPassword: boolean
  readonly scripts: number
  readonly images: number
  /** Characters that are shown, and such as are hidden by a style. */
  readonly shown: number
  readonly hidden: number
  /** Zero-width characters between letters. */
  readonly splitWords: number
  /** There is more than was looked at. */
  readonly isTruncated: boolean
}

const LINKS = 500
const HREF = 2_048
const TEXT = 500
const VALUE = 4_096
const DEPTH = 200
const STYLES = 100

/** Attributes that are looked at. */
const ATTRIBUTES = new Set(
  'href src action formaction background data content style type http-equiv hidden color bgcolor size width height poster'.split(
    ' ',
  ),
)
/** Which attribute of which element is an address that a click or the program itself goes to. */
const ADDRESSES: ReadonlyMap<string, readonly string[]> = new Map([
  ['a', ['href']],
  ['area', ['href']],
  ['link', ['href']],
  ['img', ['src']],
  ['iframe', ['src']],
  ['frame', ['src']],
  ['embed', ['src']],
  ['object', ['data']],
  ['video', ['src', 'poster']],
  ['audio', ['src']],
  ['source', ['src']],
  ['input', ['src', 'formaction']],
  ['button', ['formaction']],
  ['body', ['background']],
  ['table', ['background']],
  ['td', ['background']],
])
const VOID = new Set('area base br col embed hr img input link meta param source track wbr'.split(' '))
/** Their content is no text. */
const SILENT = new Set(['script', 'style', 'template', 'title', 'noembed', 'noframes', 'iframe', 'head'])
const ZERO_WIDTH = /[\u200b-\u200d\u2060\ufeff\u00ad]/
const SPLIT = /\p{L}[\u200b-\u200d\u2060\ufeff\u00ad]+(?=\p{L})/gu

/** The HTML of a message, read once for all plugins; undefined when it has none. */
export const htmlOf: (mime: Mime) => HtmlDocument | undefined = remembered('html', ({ html }) =>
  html === undefined ? undefined : readHtml(html),
)

/** Reads HTML. */
export function readHtml(html: string): HtmlDocument {
  const reader = new Reader(html)
  const tokenizer = new Tokenizer({ decodeEntities: true }, reader)
  tokenizer.write(html)
  tokenizer.end()
  return reader
}

class Reader implements TokenizerCallbacks, HtmlDocument {
  readonly links: HtmlLink[] = []
  readonly forms: string[] = []
  base: string | undefined
  refresh: string | undefined
  hasPassword = false
  scripts = 0
  images = 0
  shown = 0
  hidden = 0
  splitWords = 0
  isTruncated = false

  readonly #html: string
  #element = ''
  #attribute = ''
  #value = ''
  #values = new Map<string, string>()
  /** Whether the last styles hide something: a message has few, many times. */
  readonly #styles = new Map<string, boolean>()
  #anchor: HtmlLink | undefined
  /** The element whose content is not shown, how often it stands in itself, and whether its content is text. */
  #unseen: { readonly name: string; readonly isText: boolean; nested: number } | undefined

  constructor(html: string) {
    this.#html = html
  }

  ontext(start: number, end: number): void {
    this.#text(this.#html.slice(start, end))
  }

  ontextentity(codepoint: number): void {
    this.#text(String.fromCodePoint(codepoint))
  }

  onopentagname(start: number, end: number): void {
    this.#element = this.#html.slice(start, Math.min(end, start + 16)).toLowerCase()
    this.#values.clear()
  }

  onattribname(start: number, end: number): void {
    const name = end - start > 16 ? '' : this.#html.slice(start, end).toLowerCase()
    this.#attribute = ATTRIBUTES.has(name) && !this.#values.has(name) ? name : ''
    this.#value = ''
  }

  onattribdata(start: number, end: number): void {
    if (this.#attribute !== '' && this.#value.length < VALUE)
      this.#value += this.#html.slice(start, Math.min(end, start + VALUE))
  }

  onattribentity(codepoint: number): void {
    if (this.#attribute !== '' && this.#value.length < VALUE) this.#value += String.fromCodePoint(codepoint)
  }

  onattribend(): void {
    if (this.#attribute !== '') this.#values.set(this.#attribute, this.#value)
    this.#attribute = ''
  }

  onopentagend(): void {
    this.#open()
  }

  onselfclosingtag(): void {
    this.#open()
  }

  onclosetag(start: number, end: number): void {
    const name = this.#html.slice(start, Math.min(end, start + 16)).toLowerCase()
    if (name === 'a') this.#anchor = undefined
    if (this.#unseen?.name === name && --this.#unseen.nested < 0) this.#unseen = undefined
  }

  oncomment(): void {}
  ondeclaration(): void {}
  onprocessinginstruction(): void {}
  oncdata(): void {}
  onend(): void {}

  #text(text: string): void {
    const length = text.trim().length
    if (this.#unseen) {
      if (this.#unseen.isText) this.hidden += length
      return
    }
    this.shown += length
    if (ZERO_WIDTH.test(text)) this.splitWords += text.match(SPLIT)?.length ?? 0
    if (this.#anchor && this.#anchor.text.length < TEXT) this.#anchor.text += text.slice(0, TEXT)
  }

  #open(): void {
    const name = this.#element
    const values = this.#values
    if (name === 'a') this.#anchor = undefined
    for (const attribute of ADDRESSES.get(name) ?? []) this.#link(name, values.get(attribute))
    if (name === 'img') this.images++
    else if (name === 'script') this.scripts++
    else if (name === 'form' && this.forms.length < LINKS) this.forms.push(trimmed(values.get('action') ?? ''))
    else if (name === 'base') this.base ??= values.get('href')
    else if (name === 'input' && values.get('type')?.trim().toLowerCase() === 'password') this.hasPassword = true
    else if (name === 'meta' && values.get('http-equiv')?.trim().toLowerCase() === 'refresh')
      this.refresh ??= /url\s*=\s*["']?([^"']{1,2048})/i.exec(values.get('content')?.slice(0, HREF) ?? '')?.[1]?.trim()
    this.#see(name)
  }

  #see(name: string): void {
    if (this.#unseen) {
      if (this.#unseen.name === name && this.#unseen.nested < DEPTH) this.#unseen.nested++
    } else if (SILENT.has(name)) this.#unseen = { name, isText: false, nested: 0 }
    else if (!VOID.has(name) && this.#isHidden()) this.#unseen = { name, isText: true, nested: 0 }
  }

  /** By its own attributes. */
  #isHidden(): boolean {
    if (this.#values.has('hidden')) return true
    const style = this.#values.get('style')
    if (style === undefined) return false
    const color = this.#values.get('bgcolor') ?? ''
    const key = `${style}\n${color}`
    const before = this.#styles.get(key)
    if (before !== undefined) return before
    const hides = hidesText(style, color)
    if (this.#styles.size < STYLES) this.#styles.set(key, hides)
    return hides
  }

  #link(element: string, href: string | undefined): void {
    if (href === undefined) return
    if (this.links.length >= LINKS) {
      this.isTruncated = true
      return
    }
    const link = { element, href: trimmed(href), text: '' }
    this.links.push(link)
    if (element === 'a') this.#anchor = link
  }
}

/** Browsers drop line ends and tabs in addresses, and blanks and controls around them. */
function trimmed(href: string): string {
  return href
    .slice(0, HREF)
    .replace(/[\t\r\n]+/g, '')
    .replace(/^[\0-\x20]+/, '')
    .trimEnd()
}

/** @param bgcolor the attribute; `''` without */
function hidesText(style: string, bgcolor: string): boolean {
  const plain = style.toLowerCase().replace(/\s+/g, '')
  if (
    /display:none|visibility:hidden|mso-hide:all|(?:font-size|opacity|max-height):0(?:px|pt|em|%)?(?:[;!]|$)/.test(
      plain,
    )
  )
    return true
  const color = /(?:^|;)color:([^;!]+)/.exec(plain)?.[1]
  const background = /(?:^|;)background(?:-color)?:([^;!]+)/.exec(plain)?.[1] ?? bgcolor.toLowerCase()
  return color !== undefined && background !== '' && colorOf(color) === colorOf(background)
}

function colorOf(text: string): string {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/.exec(text)
  if (short)
    return `#${short
      .slice(1)
      .map((digit) => digit + digit)
      .join('')}`
  return text === 'white' ? '#ffffff' : text === 'black' ? '#000000' : text
}
