/**
 * HTML of strangers, for a frame in which nothing runs and nothing is loaded. It is written anew from the tokens of what came: only elements
 * and attributes that are named here, no addresses at all. The policy of the answer forbids the same once more.
 */
import { readTokens } from './html-tokens.ts'

/** What was left out, by kind. */
export interface Omitted {
  images: number
  scripts: number
  forms: number
  frames: number
  other: number
}

/** Elements that say how text is laid out, and nothing else. */
const KEPT: ReadonlySet<string> = new Set(
  'a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i ins kbd li main mark nav ol p pre q s samp section small span strike strong sub sup table tbody td tfoot th thead tr tt u ul var wbr'.split(
    ' ',
  ),
)
const VOID: ReadonlySet<string> = new Set(['br', 'hr', 'col', 'wbr'])
/** Attributes by what their value may be. */
const ATTRIBUTES: ReadonlyMap<string, RegExp> = new Map([
  ['align', /^(?:left|right|center|justify|char)$/i],
  ['valign', /^(?:top|middle|bottom|baseline)$/i],
  ['dir', /^(?:ltr|rtl|auto)$/i],
  ['colspan', /^\d{1,3}$/],
  ['rowspan', /^\d{1,3}$/],
  ['width', /^\d{1,4}%?$/],
  ['height', /^\d{1,4}%?$/],
  ['border', /^\d{1,2}$/],
  ['cellpadding', /^\d{1,3}$/],
  ['cellspacing', /^\d{1,3}$/],
  ['bgcolor', /^#?[a-z0-9]{3,20}$/i],
  ['color', /^#?[a-z0-9]{3,20}$/i],
  ['size', /^[+-]?\d{1,2}$/],
  ['start', /^\d{1,6}$/],
])
/** Characters of an answer. */
const MOST = 2_000_000
const DEPTH = 200

/** Told of what a text would have: for the view as text, which walks the same tokens. */
export interface HtmlReader {
  text(text: string): void
  /** Block elements, line breaks. */
  line(): void
  openLink(target: string): void
  closeLink(): void
  omitted(what: keyof Omitted, tag: string): void
}

const BLOCKS: ReadonlySet<string> = new Set(
  'address article aside blockquote br center dd div dl dt figure footer h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table tr ul'.split(
    ' ',
  ),
)

/** Walks through HTML as a reader would see it. */
export function readHtml(html: string, reader: HtmlReader): void {
  let isLinked = false
  const endLink = (): void => {
    if (isLinked) reader.closeLink()
    isLinked = false
  }
  readTokens(html.slice(0, MOST), {
    open(tag, attributes) {
      const kind = kindOf(tag)
      if (kind) reader.omitted(kind, tag)
      if (BLOCKS.has(tag)) reader.line()
      if (tag !== 'a') return
      // One within another ends it, as in browsers.
      endLink()
      const target = attributes.get('href')
      if (target === undefined) return
      isLinked = true
      reader.openLink(target)
    },
    close(tag) {
      if (tag === 'a') endLink()
      if (BLOCKS.has(tag)) reader.line()
    },
    text: (text) => reader.text(text),
  })
  endLink()
}

/** The page for the frame. */
export function caged(html: string): string {
  const out: string[] = [
    '<!doctype html><html><head><meta charset="utf-8"><title></title><style>body{font:14px/1.5 system-ui,sans-serif;color:#222;background:#fff;margin:12px;overflow-wrap:anywhere}a{color:#1457b3;text-decoration:underline}table{max-width:100%}.gone{color:#777;border:1px dashed #bbb;padding:0 4px;font-size:12px}</style></head><body>',
  ]
  const open: string[] = []
  let size = 0
  const put = (text: string): void => {
    size += text.length
    if (size <= MOST) out.push(text)
  }
  readTokens(html.slice(0, MOST), {
    open(tag, attributes) {
      if (tag === 'img') {
        const words = attributes.get('alt')?.slice(0, 200)
        put(`<span class="gone">picture${words ? `: ${escaped(words)}` : ''}</span>`)
      }
      if (!KEPT.has(tag) || open.length >= DEPTH) return
      put(`<${tag}${attributesOf(tag, attributes)}>`)
      if (!VOID.has(tag)) open.push(tag)
    },
    close(tag) {
      if (VOID.has(tag)) return
      // There are few: what is deeper was not opened.
      const at = open.lastIndexOf(tag)
      if (at >= 0) for (const one of open.splice(at).toReversed()) put(`</${one}>`)
    },
    text: (text) => put(escaped(text)),
  })
  for (const one of open.toReversed()) out.push(`</${one}>`)
  return `${out.join('')}</body></html>`
}

function attributesOf(tag: string, attributes: ReadonlyMap<string, string>): string {
  const kept = [...attributes].flatMap(([name, value]) =>
    ATTRIBUTES.get(name)?.test(value.trim()) ? [` ${name}="${escaped(value.trim())}"`] : [],
  )
  // Where it leads is shown when the pointer rests on it; it cannot be followed.
  const target = tag === 'a' ? attributes.get('href') : undefined
  if (target !== undefined) kept.push(` title="${escaped(target.slice(0, 500))}"`)
  return kept.join('')
}

function kindOf(tag: string): keyof Omitted | undefined {
  if (tag === 'img' || tag === 'picture' || tag === 'svg' || tag === 'input')
    return tag === 'input' ? 'forms' : 'images'
  if (tag === 'script') return 'scripts'
  if (tag === 'form' || tag === 'button' || tag === 'select' || tag === 'textarea') return 'forms'
  if (tag === 'iframe' || tag === 'frame' || tag === 'frameset') return 'frames'
  return ['object', 'embed', 'applet', 'audio', 'video', 'link', 'base', 'meta', 'canvas'].includes(tag)
    ? 'other'
    : undefined
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
