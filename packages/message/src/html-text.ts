/**
 * The readable text of an HTML part, for messages that have no plain one. A single pass that builds no tree: the converters we tried take
 * quadratic time on deeply nested or unclosed elements, and mail comes from strangers.
 */
import { decodeHTML } from 'entities'

const BLOCKS = new Set(
  'address article aside blockquote body br caption center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 head header hr html li main nav ol option p pre section table tbody tfoot thead title tr ul'.split(
    ' ',
  ),
)
const CELLS = new Set(['td', 'th'])
/** Elements whose content is not shown. */
const HIDDEN = new Set(['script', 'style', 'template', 'noembed', 'noframes', 'iframe', 'xmp'])

/** Lines as a reader would see them; white space collapsed, entities decoded, links without their targets. */
export function htmlToText(html: string): string {
  const lower = html.toLowerCase()
  const pieces: string[] = []
  let at = 0
  while (at < html.length) {
    const open = html.indexOf('<', at)
    const end = open < 0 ? html.length : open
    if (end > at) pieces.push(decodeHTML(html.slice(at, end).replace(/[ \t\r\n\f]+/g, ' ')))
    if (open < 0) break
    const name = tagName(lower, open)
    if (name === undefined) {
      pieces.push('<')
      at = open + 1
      continue
    }
    at = markupEnd(lower, open)
    if (HIDDEN.has(name)) at = hiddenEnd(lower, name, at)
    else if (BLOCKS.has(name)) pieces.push('\n')
    else if (CELLS.has(name)) pieces.push(' ')
  }
  return tidy(pieces.join(''))
}

/** Name of the tag at `open`, without slash; empty for comments and declarations; undefined when the `<` is only text. */
function tagName(lower: string, open: number): string | undefined {
  let from = open + 1
  const first = lower[from]
  if (first === '!' || first === '?') return ''
  if (first === '/') from++
  let to = from
  while (to - from < 16 && isNameCharacter(lower.charCodeAt(to))) to++
  return to === from ? undefined : first === '/' && HIDDEN.has(lower.slice(from, to)) ? '' : lower.slice(from, to)
}

/** Index after the `>` that ends the tag or comment; quotes in tags hide it. */
function markupEnd(lower: string, open: number): number {
  if (lower.startsWith('<!--', open)) return after(lower.indexOf('-->', open + 2), 3, lower.length)
  if (lower[open + 1] === '!' || lower[open + 1] === '?') return after(lower.indexOf('>', open), 1, lower.length)
  let last = 0
  for (let at = open + 1; at < lower.length; at++) {
    const code = lower.charCodeAt(at)
    if (code === 0x3e) return at + 1
    // A quote opens a value only after the equals sign.
    if ((code === 0x22 || code === 0x27) && last === 0x3d) {
      const close = lower.indexOf(code === 0x22 ? '"' : "'", at + 1)
      if (close < 0) return lower.length
      at = close
    }
    if (code > 0x20) last = code
  }
  return lower.length
}

function hiddenEnd(lower: string, name: string, from: number): number {
  const close = lower.indexOf(`</${name}`, from)
  return close < 0 ? lower.length : markupEnd(lower, close)
}

function after(found: number, size: number, end: number): number {
  return found < 0 ? end : found + size
}

function isNameCharacter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39)
}

/** Trims lines, and leaves no two empty ones together. */
function tidy(text: string): string {
  const lines: string[] = []
  for (const line of text.split('\n')) {
    const trimmed = line.replace(/ {2,}/g, ' ').trim()
    if (trimmed !== '' || (lines.length > 0 && lines.at(-1) !== '')) lines.push(trimmed)
  }
  if (lines.at(-1) === '') lines.pop()
  return lines.join('\n')
}
