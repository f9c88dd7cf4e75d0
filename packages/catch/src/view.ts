/**
 * The HTML of a mail as its author meant it, for a frame in which no script runs. What keeps it in is the policy of the answer: a sandbox with an
 * origin of its own, nothing from elsewhere unless it is asked for. What the policy does not reach, or what would only make noise, is left out of
 * the text.
 */
import type { Attachment } from '@postroad/plugin'
import { Tokenizer, type TokenizerCallbacks } from 'htmlparser2'

/** Octets of pictures that are put into the page. */
const INLINE = 20_000_000
/** What is left out with all that stands in it. */
const GONE_WHOLLY: ReadonlySet<string> = new Set([
  'script',
  'noscript',
  'iframe',
  'object',
  'applet',
  'frameset',
  'template',
])
/** Tags that are left out: `link` asks name servers for hosts, and no policy forbids it. */
const GONE: ReadonlySet<string> = new Set(['base', 'meta', 'link', 'embed', 'frame', 'html', 'head', 'body', 'form'])
const PICTURE = /^image\/(?:png|jpe?g|gif|webp|avif|bmp|svg\+xml)$/
const LINK = /^\s*(?:https?|mailto|tel):/i

/** Policy of the answer. @param remote pictures, sheets and fonts may come from elsewhere */
export function viewPolicy(remote: boolean): string {
  const from = remote ? ' https: http:' : ''
  return [
    'sandbox allow-popups allow-popups-to-escape-sandbox',
    "default-src 'none'",
    `img-src data:${from}`,
    `style-src 'unsafe-inline'${from}`,
    `font-src data:${from}`,
    `media-src data:${from}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
  ].join('; ')
}

/** Attributes by which something is loaded. */
const LOADS: ReadonlySet<string> = new Set([
  'src',
  'srcset',
  'poster',
  'background',
  'data',
  'lowsrc',
  'dynsrc',
  'imagesrcset',
])

/** The document. Files that it shows by Content-ID stand in it as data; what would come from elsewhere, only with `remote`. */
export function viewOf(html: string, inline: readonly Attachment[], remote = false): string {
  const view = new View(html, inline, remote)
  const tokenizer = new Tokenizer({ decodeEntities: true }, view)
  tokenizer.write(html)
  tokenizer.end()
  return `<!doctype html><html><head><meta charset="utf-8"><title></title><base target="_blank"></head><body${view.body}>${view.text}</body></html>`
}

class View implements TokenizerCallbacks {
  text = ''
  /** Attributes of the body, which may have its colours. */
  body = ''
  readonly #html: string
  readonly #files: ReadonlyMap<string, Attachment>
  readonly #data = new Map<string, string>()
  readonly #remote: boolean
  #room = INLINE
  #tag = ''
  #name = ''
  #value = ''
  #attributes = new Map<string, string>()
  #gone: string | undefined
  #depth = 0
  #isStyle = false

  constructor(html: string, inline: readonly Attachment[], remote: boolean) {
    this.#html = html
    this.#remote = remote
    this.#files = new Map(inline.map((file) => [file.contentId ?? '', file]))
  }

  ontext(start: number, end: number): void {
    if (this.#gone !== undefined) return
    const text = this.#html.slice(start, end)
    // In a sheet a reference is no character, and `<` begins nothing but its end.
    this.text += this.#isStyle ? this.#sheet(text) : escaped(text)
  }

  ontextentity(codepoint: number): void {
    if (this.#gone === undefined) this.text += escaped(String.fromCodePoint(codepoint))
  }

  onopentagname(start: number, end: number): void {
    this.#tag = this.#html.slice(start, end).toLowerCase()
    this.#attributes = new Map()
  }

  onattribname(start: number, end: number): void {
    this.#name = this.#html.slice(start, end).toLowerCase()
    this.#value = ''
  }

  onattribdata(start: number, end: number): void {
    this.#value += this.#html.slice(start, end)
  }

  onattribentity(codepoint: number): void {
    this.#value += String.fromCodePoint(codepoint)
  }

  onattribend(): void {
    if (!this.#attributes.has(this.#name)) this.#attributes.set(this.#name, this.#value)
  }

  onopentagend(): void {
    const tag = this.#tag
    if (this.#gone !== undefined) {
      if (tag === this.#gone) this.#depth++
      return
    }
    if (GONE_WHOLLY.has(tag)) {
      this.#gone = tag
      this.#depth = 0
      return
    }
    if (tag === 'body') this.body = this.#kept()
    if (GONE.has(tag) || !/^[a-z][a-z0-9:-]*$/.test(tag)) return
    this.#isStyle = tag === 'style'
    this.text += `<${tag}${this.#kept()}>`
  }

  onselfclosingtag(): void {
    // In HTML the stroke means nothing.
    this.onopentagend()
  }

  onclosetag(start: number, end: number): void {
    const tag = this.#html.slice(start, end).toLowerCase()
    if (this.#gone !== undefined) {
      if (tag === this.#gone && --this.#depth < 0) this.#gone = undefined
      return
    }
    this.#isStyle = false
    if (!GONE.has(tag) && /^[a-z][a-z0-9:-]*$/.test(tag)) this.text += `</${tag}>`
  }

  oncdata(): void {}
  oncomment(): void {}
  ondeclaration(): void {}
  onend(): void {}
  onprocessinginstruction(): void {}

  #kept(): string {
    const kept: string[] = []
    for (const [name, value] of this.#attributes) {
      if (!/^[a-z][a-z0-9:_-]*$/.test(name) || name.startsWith('on')) continue
      if (['ping', 'srcdoc', 'target', 'rel', 'action', 'formaction'].includes(name)) continue
      const own = name === 'style' ? this.#sheet(value) : this.#withData(value)
      if (!this.#isKept(name, own)) continue
      kept.push(` ${name}="${escaped(own)}"`)
    }
    if (this.#attributes.has('href')) kept.push(' rel="noopener noreferrer"')
    return kept.join('')
  }

  #isKept(name: string, value: string): boolean {
    const isOwn = /^\s*(?:data:|#)/i.test(value)
    if (LOADS.has(name)) return isOwn || this.#remote
    if (!/^(?:xlink:)?href$/.test(name)) return true
    // Of anything but a link, it is loaded: by `image` and `use` of SVG.
    return this.#tag === 'a' || this.#tag === 'area' ? LINK.test(value) || value.startsWith('#') : isOwn || this.#remote
  }

  /** Styles. What is missed here, the policy of the answer does not let through. */
  #sheet(text: string): string {
    const own = this.#withData(text)
    if (this.#remote) return own
    return own.replace(/@import[^;]*;?/gi, '').replace(/\burl\(\s*(["']?)(?!\1\s*(?:data:|#))[^)]*\)?/gi, 'none')
  }

  /** `cid:` becomes the file itself. */
  #withData(text: string): string {
    return text.replace(/\bcid:([^\s"'()<>\\]+)/gi, (all, id: string) => this.#dataOf(id) ?? all)
  }

  #dataOf(id: string): string | undefined {
    const before = this.#data.get(id)
    // A picture that is shown a thousand times stands there as often.
    if (before !== undefined) return (this.#room -= before.length) < 0 ? undefined : before
    const file = this.#files.get(id) ?? this.#files.get(decoded(id))
    const type = file?.contentType.toLowerCase() ?? ''
    if (!file || !PICTURE.test(type) || file.size > this.#room) return undefined
    this.#room -= file.size
    const data = `data:${type};base64,${Buffer.from(file.content).toString('base64')}`
    this.#data.set(id, data)
    return data
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // It was no reference of that kind.
    return text
  }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
