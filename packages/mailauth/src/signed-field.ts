/** The header section as signatures see it: fields with every octet, RFC 6376 §3.4. */

/** A header field, in the shape that the npm package mailauth works on. */
export interface SignedField {
  /** Lower-case. */
  readonly key: string
  readonly casedKey: string
  /** Name, colon and value with its folds; without the last CRLF. One character an octet. */
  readonly text: string
  /** The same as octets. */
  readonly line: Buffer
}

/** Its octets are made for those who ask for them. */
class Field implements SignedField {
  readonly key: string
  readonly casedKey: string
  readonly text: string
  #line: Buffer | undefined

  constructor(casedKey: string, text: string) {
    this.key = lowerCase(casedKey)
    this.casedKey = casedKey
    this.text = text
  }

  get line(): Buffer {
    return (this.#line ??= Buffer.from(this.text, 'latin1'))
  }
}

const FIELD_START = /^[\x21-\x39\x3b-\x7e]+[ \t\r\n]*:/

/**
 * Splits a header section into its fields, as mailauth's own parser does but in linear time: a line that does not begin a
 * field belongs to the one above, whatever it begins with.
 *
 * @param limit number of fields; `undefined` when there are more
 */
export function readFields(section: Uint8Array, limit: number): SignedField[] | undefined {
  const bytes = Buffer.from(section.buffer, section.byteOffset, section.byteLength)
  const lines = withoutLineEnds(bytes.toString('latin1')).split(/\r?\n/)
  if (lines.length === 1 && lines[0] === '') return []
  const starts = findStarts(lines)
  if (starts.length > limit) return undefined
  return starts.map((start, index) => toField(lines.slice(start, starts[index + 1]).join('\r\n')))
}

/** Indexes of the lines that begin a field. From the bottom up, because the colon may be on the line after the name. */
function findStarts(lines: readonly string[]): number[] {
  const starts: number[] = []
  let below: string | undefined
  for (let i = lines.length - 1; i > 0; i--) {
    const line = lines[i] ?? ''
    const begins = FIELD_START.test(below === undefined ? line : `${line}\r\n${below}`)
    if (begins) starts.push(i)
    below = begins ? undefined : line
  }
  starts.push(0)
  return starts.reverse()
}

function toField(text: string): SignedField {
  const colon = text.indexOf(':')
  const name = colon < 0 ? text : text.slice(0, colon)
  return new Field(PLAIN_NAME.test(name) ? name : nameOf(name), text)
}

const PLAIN_NAME = /^[\x21-\x7e]+$/

function nameOf(text: string): string {
  return trim(text.replace(/\r?\n/g, ''))
    .replace(/\r?\n/g, '')
    .replace(/^[ \t]+/, '')
    .trimEnd()
}

/** Spaces and tabs only: 0xA0 is an octet of some character here, not a space. */
function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && (text[start] === ' ' || text[start] === '\t')) start++
  while (end > start && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--
  return text.slice(start, end)
}

/** Of ASCII letters only: the others are octets here, not characters. */
function lowerCase(text: string): string {
  return /[^\x00-\x7f]/.test(text) ? text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : text.toLowerCase()
}

function withoutLineEnds(text: string): string {
  let end = text.length
  while (end > 0 && (text[end - 1] === '\n' || text[end - 1] === '\r')) end--
  return text.slice(0, end)
}
