/** Writes header fields, and makes new header sections of old ones without touching the other fields' octets. */
import type { HeaderField } from '@postroad/mail'
import { type Field, HeaderBlock, HeaderSection, isFieldName } from './headers.ts'

// RFC 5322 §2.1.1, without the CRLF.
const PREFERRED_LINE = 78
const LONGEST_LINE = 998

/**
 * One header field with its CRLF; folded at white space to lines of 78 octets, UTF-8 beyond ASCII (RFC 6532 §3.2).
 * A value that is folded already is left as it is. A word longer than a line stays in one piece.
 *
 * @throws {TypeError} when the name is not a field name, or the value has NUL or a line break that does not fold (RFC 5322 §2.2.3)
 * @example fieldBytes('X-Spam', 'no') // the octets of 'X-Spam: no\r\n'
 */
export function fieldBytes(name: string, value: string): Buffer {
  checkName(name)
  const text = trim(value)
  if (hasBadBreak(text))
    throw new TypeError(`header field ${name}: the value has NUL or a line break that does not fold`)
  const head = text === '' ? `${name}:` : `${name}: `
  if (head.length + text.length * 3 <= PREFERRED_LINE || text.includes('\n')) return Buffer.from(`${head}${text}\r\n`)
  return Buffer.from(`${foldLines(head, text)}\r\n`)
}

/** The section with one more block of whole fields on top. */
export function prependBlock(section: HeaderSection, bytes: Uint8Array): HeaderSection {
  return new HeaderSection([new HeaderBlock(bytes, true), ...section.blocks])
}

/** The section without the fields of that name for which `matches` holds; the same section when there are none. The empty name is that of lines that are no fields. */
export function removeFields(
  section: HeaderSection,
  name: string,
  matches?: (field: HeaderField) => boolean,
): HeaderSection {
  if (name !== '') checkName(name)
  const named = name === '' ? section.nameless : section.named(name)
  const gone = new Set(matches ? named.filter(matches) : named)
  if (gone.size === 0) return section
  return rebuild(section, (field) => (gone.has(field) ? undefined : field))
}

/** The section with the first field of that name replaced in its place, or the new field on top when there is none. */
export function replaceField(section: HeaderSection, name: string, value: string): HeaderSection {
  const bytes = fieldBytes(name, value)
  const [first] = section.named(name)
  if (!first) return prependBlock(section, bytes)
  return rebuild(section, (field) => (field === first ? bytes : field))
}

function checkName(name: string): void {
  if (!isFieldName(name)) throw new TypeError(`not the name of a header field: ${JSON.stringify(name)}`)
}

/** New blocks of the fields that `map` keeps; runs of untouched fields stay one piece of the old memory. */
function rebuild(section: HeaderSection, map: (field: Field) => Field | Uint8Array | undefined): HeaderSection {
  const blocks: HeaderBlock[] = []
  for (const block of section.blocks) {
    let run = 0
    const { fields } = block
    for (const [index, field] of fields.entries()) {
      const mapped = map(field)
      if (mapped === field) continue
      pushRun(blocks, block, run, index)
      run = index + 1
      if (mapped instanceof Uint8Array) blocks.push(new HeaderBlock(mapped, block.isTop))
    }
    if (run === 0) blocks.push(block)
    else pushRun(blocks, block, run, fields.length)
  }
  return new HeaderSection(blocks)
}

function pushRun(blocks: HeaderBlock[], block: HeaderBlock, from: number, to: number): void {
  const first = block.fields[from]
  const last = block.fields[to - 1]
  if (from < to && first && last) blocks.push(new HeaderBlock(block.bytes.subarray(first.start, last.end), block.isTop))
}

/** NUL, a bare CR or LF, or a CRLF that no white space and then text follows: RFC 5322 §2.2.3 and §3.2.2. */
function hasBadBreak(text: string): boolean {
  let isBlankLine = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x0d) {
      const next = text.charCodeAt(at + 2)
      if (text.charCodeAt(at + 1) !== 0x0a || !(next === 0x20 || next === 0x09) || isBlankLine) return true
      isBlankLine = true
      at++
    } else if (code === 0 || code === 0x0a) return true
    else if (code !== 0x20 && code !== 0x09) isBlankLine = false
  }
  return false
}

/** Breaks before runs of white space, never within words, never so that a line is only white space: RFC 5322 §2.2.3. */
function foldLines(head: string, text: string): string {
  let out = ''
  let line = head.length
  let at = 0
  while (at < text.length) {
    const word = wordEnd(text, at)
    const chunk = text.slice(at, word)
    const size = Buffer.byteLength(chunk)
    // The first word stays beside the name unless the line then breaks the hard limit.
    if (at === 0 ? line + size > LONGEST_LINE && size < LONGEST_LINE : line + size > PREFERRED_LINE) {
      out += '\r\n'
      line = 0
      if (at === 0) {
        out = `${head.trimEnd()}\r\n `
        line = 1
        head = ''
      }
    }
    out += chunk
    line += size
    at = word
  }
  return head + out
}

/** Index after the white space and the word that start at `from`. */
function wordEnd(text: string, from: number): number {
  let at = from
  while (isBlank(text.charCodeAt(at))) at++
  while (at < text.length && !isBlank(text.charCodeAt(at))) at++
  return at
}

/** White space and line ends at both ends; only those, other Unicode spaces are text. */
function trim(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
