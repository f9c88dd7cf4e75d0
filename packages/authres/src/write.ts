/** Writes the value of an Authentication-Results field, RFC 8601 §2.2. */
import type { AuthResults, MethodResult } from './field.ts'

/** RFC 5322 §2.1.1: lines should not be longer than this. */
const LINE = 78

/** RFC 5322 §2.1.1 allows 998 octets a line; a value that long cannot be folded, so it is left out. */
const LONGEST_VALUE = 900
const LONGEST_COMMENT = 300

/**
 * The field's value, folded, without the name.
 *
 * Foreign text cannot get out of its place: control characters become spaces, what is not a token is quoted, comments are
 * escaped and cut, values over 900 octets are left out.
 *
 * @throws {TypeError} when the authserv-id is empty or too long
 * @example message.withHeader('Authentication-Results', writeAuthResults({ authservId: 'mx.example.com', results }))
 */
export function writeAuthResults({ authservId, results }: AuthResults): string {
  const key = keyOf(authservId, results)
  const known = key === undefined ? undefined : written.get(key)
  if (known !== undefined) return known
  const text = fold([writeId(authservId), ...(results.length === 0 ? [['none']] : results.map(toWords))])
  if (key !== undefined && key.length <= MAX_KEY) {
    if (written.size >= MAX_WRITTEN) written.clear()
    written.set(key, text)
  }
  return text
}

/** Conclusions repeat: of the same senders, and of those of whom nothing is known. Values that were written, by all that is in them. */
const written = new Map<string, string>()
const MAX_WRITTEN = 500
const MAX_KEY = 2_000

/** Undefined where there is a signature: its octets are never the same again. Parts are told apart by their lengths. */
function keyOf(authservId: string, results: readonly MethodResult[]): string | undefined {
  let key = `${authservId.length}:${authservId}`
  for (const { method, result, reason, comment = '', properties } of results) {
    key += `|${method.length}:${method}${result.length}:${result}${reason === undefined ? '-' : `${reason.length}:${reason}`}${comment.length}:${comment}`
    for (const { type, name, value } of properties) {
      if (name === 'b') return undefined
      key += `+${type.length}:${type}${name.length}:${name}${value.length}:${value}`
    }
  }
  return key
}

function writeId(authservId: string): string[] {
  const id = clean(authservId)
  if (id === '' || isTooLong(id)) throw new TypeError('the authserv-id is empty or too long')
  return [isToken(id) ? id : quote(id)]
}

function toWords({ method, result, reason, comment, properties }: MethodResult): string[] {
  const words = [`${keyword(method)}=${keyword(result)}`]
  if (comment !== undefined && comment !== '') words.push(...writeComment(comment))
  if (reason !== undefined && !isTooLong(reason)) words.push(`reason=${writeValue(reason)}`)
  for (const property of properties) {
    if (isTooLong(property.value)) continue
    const type = property.type === '' ? '' : `${keyword(property.type)}.`
    words.push(`${type}${keyword(property.name)}=${writeValue(property.value)}`)
  }
  return words
}

/** Whether a value has too many octets; most have so few characters that they need not be encoded to know. */
function isTooLong(text: string): boolean {
  return text.length * 3 > LONGEST_VALUE && Buffer.byteLength(text) > LONGEST_VALUE
}

/** RFC 5321 §4.1.2 Keyword, and what others have besides: `policy.is_org`. */
function keyword(text: string): string {
  if (/^[a-z0-9_-]{1,64}$/.test(text)) return text
  const letters = text.replace(/[^A-Za-z0-9_-]/g, '').slice(0, 64)
  return letters === '' ? 'unknown' : letters.toLowerCase()
}

/** `value / [ [ local-part ] "@" ] domain-name`. */
function writeValue(text: string): string {
  const value = printable(text)
  if (isToken(value)) return value
  const at = value.lastIndexOf('@')
  if (at >= 0 && isDomain(value.slice(at + 1)) && (at === 0 || isDotAtom(value.slice(0, at)))) return value
  return quote(value)
}

/** RFC 2045 §5.1: no specials, no controls, no space. */
function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+$/.test(text)
}

function isDomain(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(text)
}

function isDotAtom(text: string): boolean {
  return (
    /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]+$/.test(text) &&
    !text.startsWith('.') &&
    !text.endsWith('.') &&
    !text.includes('..')
  )
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** Writes it in one piece; where there is no room for that, {@link fold} breaks it at its spaces. */
function writeComment(text: string): string[] {
  const short = clean(text).slice(0, LONGEST_COMMENT).trimEnd()
  return short === '' ? [] : [`(${short.replace(/[\\()]/g, '\\$&')})`]
}

/** No control characters, not even escaped; half a surrogate is no character. */
function clean(text: string): string {
  if (/^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(text)) return text
  return text
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(/[\x00-\x20\x7f]+/g, ' ')
    .trim()
}

/** Without what would end the line or the field; blanks are part of a quoted string, RFC 5322 §3.2.4, and stay as many as they are. */
function printable(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : text.replace(/\p{Surrogate}/gu, '\ufffd').replace(/[\x00-\x1f\x7f]/g, ' ')
}

/** Each result starts a line; words go on as long as there is room. */
function fold(groups: readonly (readonly string[])[]): string {
  const lines: string[] = []
  for (const [index, words] of groups.entries()) {
    let line = ''
    for (let place = 0; place < words.length; place++) {
      const isLast = place === words.length - 1 && index < groups.length - 1
      const word = isLast ? `${words[place]};` : (words[place] ?? '')
      const pieces = fits(line, word) || !word.startsWith('(') ? [word] : word.split(' ')
      for (const piece of pieces) {
        if (line !== '' && !fits(line, piece)) {
          lines.push(line)
          line = piece
        } else line = line === '' ? piece : `${line} ${piece}`
      }
    }
    lines.push(line)
  }
  return lines.join('\r\n\t')
}

function fits(line: string, word: string): boolean {
  return line.length + 1 + word.length <= LINE - 1
}
