/** The header fields of a message or a part, as they are written: names, values, and where each parameter stands. RFC 2045 §5.1, RFC 2231. */
import { decode } from './charset.ts'

/** One field; offsets are those within the header section it was read from. */
export interface Field {
  /** Lower-case. */
  readonly name: string
  /** One character an octet, from behind the colon to before the last line end: folded as it came. */
  readonly value: string
  readonly start: number
  readonly valueStart: number
  readonly valueEnd: number
  /** Behind the last line end. */
  readonly end: number
}

/** A parameter; offsets are those within the field's value. */
export interface Parameter {
  /** Lower-case, with the marks of RFC 2231: `filename*0*`. */
  readonly name: string
  /** Without quotes and folds. */
  readonly value: string
  /** Where the value stands, quotes included. */
  readonly start: number
  readonly end: number
}

/** The value of Content-Type or Content-Disposition. */
export interface Structured {
  /** What stands before the first semicolon, lower-case, without white space and comments. */
  readonly value: string
  /** Where that ends in the field's value. */
  readonly valueEnd: number
  readonly parameters: readonly Parameter[]
}

/** All lines of a header section; those that are no fields are left out. Ends at the empty line, or with the octets. */
export function readFields(header: Uint8Array): readonly Field[] {
  const text = Buffer.from(header.buffer, header.byteOffset, header.byteLength).toString('latin1')
  const fields: Field[] = []
  for (let start = 0; start < text.length; ) {
    let end = lineEnd(text, start)
    if (/^\r?\n$/.test(text.slice(start, end))) break
    while (text[end] === ' ' || text[end] === '\t') end = lineEnd(text, end)
    const name = /^[!-9;-~]+(?=[ \t]*:)/.exec(text.slice(start, Math.min(end, start + NAME_LIMIT)))?.[0]
    if (name !== undefined) {
      const valueStart = text.indexOf(':', start) + 1
      const valueEnd = end - (/\r?\n$/.exec(text.slice(Math.max(valueStart, end - 2), end))?.[0].length ?? 0)
      const value = text.slice(valueStart, valueEnd)
      fields.push({ name: name.toLowerCase(), value, start, valueStart, valueEnd, end })
    }
    start = end
  }
  return fields
}

const NAME_LIMIT = 1000

function lineEnd(text: string, from: number): number {
  const lf = text.indexOf('\n', from)
  return lf < 0 ? text.length : lf + 1
}

/** Takes what senders write: also values without quotes that need them, and semicolons too many. */
export function readStructured(text: string): Structured {
  let at = skipBlank(text, 0)
  const valueEnd = endOf(text, at, ';(')
  const value = unfolded(text.slice(at, valueEnd)).replace(/[ \t]/g, '').toLowerCase()
  const parameters: Parameter[] = []
  at = valueEnd
  while (at < text.length) {
    at = skipBlank(text, at)
    if (text[at] === ';') {
      at++
      continue
    }
    const nameEnd = endOf(text, at, '=;')
    const name = text.slice(at, nameEnd).trim().toLowerCase()
    at = nameEnd
    if (text[at] !== '=') continue
    const start = skipBlank(text, at + 1)
    const isQuoted = text[start] === '"'
    const end = isQuoted ? quotedEnd(text, start) : trimmedEnd(text, start, endOf(text, start, ';'))
    const raw = unfolded(text.slice(start, end))
    parameters.push({ name, value: isQuoted ? unquoted(raw) : raw, start, end })
    // What follows a quoted string before the semicolon is nothing.
    at = isQuoted ? endOf(text, end, ';') : end
  }
  return { value, valueEnd: trimmedEnd(text, 0, valueEnd), parameters }
}

/** All values that a reader may take for this parameter, the likeliest first: plain, in pieces, with a charset, with encoded words. */
export function valuesOf({ parameters }: Structured, name: string): readonly string[] {
  const plain = parameters
    .filter((one) => one.name === name)
    .flatMap(({ value }) => [encodedWords(value), asText(value)])
  const extended = parameters.filter((one) => one.name === `${name}*`).map(({ value }) => extendedValue(value))
  const pieces = parameters
    .map(({ name: full, value }) => ({ mark: PIECE.exec(full), value }))
    .filter(({ mark }) => mark?.[1] === name)
    .sort((a, b) => Number(a.mark?.[2]) - Number(b.mark?.[2]))
  const joined =
    pieces.length > 0 ? [joinedValue(pieces.map(({ mark, value }) => ({ isCoded: mark?.[3] === '*', value })))] : []
  return [...new Set([...extended, ...joined, ...plain])]
}

/** RFC 2231 §3: `filename*0`, `filename*1*`. */
const PIECE = /^([^*]+)\*(\d{1,4})(\*?)$/

function joinedValue(pieces: readonly { readonly isCoded: boolean; readonly value: string }[]): string {
  const [first] = pieces
  const [, charset = 'utf-8', rest] = (first?.isCoded && CODED.exec(first.value)) || []
  const octets = pieces.map(({ isCoded, value }, index) => {
    const own = index === 0 && rest !== undefined ? rest : value
    return isCoded ? fromPercent(own) : own
  })
  return inCharset(octets.join(''), charset)
}

function extendedValue(value: string): string {
  const [, charset = '', rest = value] = CODED.exec(value) ?? []
  return inCharset(fromPercent(rest), charset)
}

/** RFC 2231 §4: charset, language, text. */
const CODED = /^([^']*)'[^']*'([\s\S]*)$/

/** One character an octet. */
function fromPercent(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

function inCharset(octets: string, charset: string): string {
  return decode(Buffer.from(octets, 'latin1'), charset) ?? asText(octets)
}

/** Text as it was meant where no charset is said: UTF-8 if it is that. */
export function asText(octets: string): string {
  return decode(Buffer.from(octets, 'latin1'), 'utf-8') ?? octets
}

/** RFC 2047 §5 forbids encoded words in parameters, many senders use them, and all readers decode them. */
function encodedWords(octets: string): string {
  const text = octets.replace(/(\?=)[ \t]+(?==\?)/g, '$1')
  const word = /=\?([^?*]+)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=/gi
  return asText(text).replace(word, (all, charset: string, how: string, data: string) => {
    const bytes =
      how.toLowerCase() === 'b'
        ? Buffer.from(data, 'base64')
        : Buffer.from(fromPercent(data.replace(/_/g, ' ').replace(/%/g, '%25').replace(/=/g, '%')), 'latin1')
    return decode(bytes, charset) ?? all
  })
}

function endOf(text: string, from: number, stops: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '"' && !stops.includes('"') && text[at - 1] === '=') at = quotedEnd(text, at) - 1
    else if (stops.includes(text.charAt(at))) return at
  }
  return text.length
}

function quotedEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at + 1
  }
  return text.length
}

/** Where the text ends without white space behind it. In linear time, other than a pattern with `$`. */
export function trimmedEnd(text: string, from = 0, to = text.length): number {
  let end = to
  while (end > from && /[ \t\r\n]/.test(text.charAt(end - 1))) end--
  return end
}

/** White space and comments, RFC 5322 §3.2.2. */
function skipBlank(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === '(') depth++
    else if (depth > 0 && char === '\\') at++
    else if (depth > 0 && char === ')') depth--
    else if (depth === 0 && !/[ \t\r\n]/.test(char)) return at
  }
  return text.length
}

function unfolded(text: string): string {
  return text.replace(/\r?\n/g, '')
}

function unquoted(text: string): string {
  return text.slice(1, text.length > 1 && text.endsWith('"') ? -1 : undefined).replace(/\\(.)/g, '$1')
}
