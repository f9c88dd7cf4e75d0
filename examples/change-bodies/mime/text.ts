/** Puts text into a part without touching the rest of it: its charset and transfer encoding stay where they can. */
import { decode, encode, isAsciiName, isAsciiSuperset, isInAscii, isSevenBit } from './charset.ts'
import type { Edit } from './edit.ts'
import { valuesOf } from './field.ts'
import type { Part } from './structure.ts'
import {
  type Decoded,
  decodeBase64,
  decodeQuotedPrintable,
  encodeBase64,
  encodeQuotedPrintable,
  type TransferEncoding,
} from './transfer-encoding.ts'

/** The content of a text part. */
export interface TextPart extends Decoded {
  readonly part: Part
  /** Encoded. */
  readonly raw: Buffer
  readonly encoding: TransferEncoding
  /** As it is called in the part; `us-ascii` when it is not said. */
  readonly charset: string
}

/** What a change of a text part comes to. */
export interface TextChange {
  readonly part: Part
  /** Of its body. */
  readonly edits: readonly Edit[]
  /** New in its header section; undefined: as it is. */
  readonly charset?: string
  readonly encoding?: TransferEncoding
}

const LONGEST_LINE = 998

/** Undefined when it cannot be decoded beyond doubt. */
export function readText(part: Part, raw: Buffer): TextPart | undefined {
  const { encoding } = part
  const decoded =
    encoding === 'base64'
      ? decodeBase64(raw)
      : encoding === 'quoted-printable'
        ? decodeQuotedPrintable(raw)
        : { octets: raw, placeOf: (index: number) => index }
  if (encoding === undefined || decoded === undefined) return undefined
  return { ...decoded, part, raw, encoding, charset: valuesOf(part.contentType, 'charset')[0] ?? 'us-ascii' }
}

/**
 * Puts text at the end, after an empty line. Undefined when that cannot be without a doubt: the charset is unknown, or the octets are none of it.
 *
 * @param mayRecode whether the text may come into another charset; not what an inline signature is made of
 */
export function appendText(text: TextPart, addition: string, mayRecode: boolean): TextChange | undefined {
  const { octets, charset } = text
  const after = octets.length === 0 ? '' : octets.at(-1) === 0x0a ? '\r\n' : '\r\n\r\n'
  const whole = `${after}${addition}\r\n`
  const own = isInAscii(octets, charset) ? encode(whole, charset) : undefined
  if (own) return insertAt(text, octets.length, own)
  if (!mayRecode) return undefined
  if (isSevenBit(octets) && isAsciiSuperset(charset) && isStateless(charset))
    return { ...insertAt(text, octets.length, Buffer.from(whole)), charset: 'utf-8' }
  const content = decode(octets, isAsciiName(charset) ? 'utf-8' : charset)?.replace(/^\ufeff/, '')
  if (content === undefined) return undefined
  const between = content === '' ? '' : content.endsWith('\n') ? '\r\n' : '\r\n\r\n'
  return { ...recoded(text, Buffer.from(`${content}${between}${addition}\r\n`)), charset: 'utf-8' }
}

/** ISO-2022 without an escape sequence is ASCII, and looks as if there were none. */
function isStateless(charset: string): boolean {
  return !/^(?:iso-2022-|csiso2022)/i.test(charset)
}

/** Puts octets before the decoded one at `index`. They end with a line end when something follows. */
export function insertAt(text: TextPart, index: number, addition: Buffer): TextChange {
  const { part, raw, encoding, octets } = text
  const edit = (from: number, to: number, inserted: string | Buffer): TextChange => ({
    part,
    edits: [
      {
        start: part.bodyStart + from,
        end: part.bodyStart + to,
        octets: typeof inserted === 'string' ? Buffer.from(inserted, 'latin1') : inserted,
      },
    ],
  })
  if (encoding === 'base64') {
    // Groups of three octets before it stay as they are written.
    const whole = index - (index % 3)
    const place = text.placeOf(whole)
    const rest = Buffer.concat([octets.subarray(whole, index), addition, octets.subarray(index)])
    const before = place > 0 && raw[place - 1] !== 0x0a ? '\r\n' : ''
    return edit(place, raw.length, `${before}${encodeBase64(rest)}\r\n`)
  }
  if (encoding === 'quoted-printable') {
    const place = text.placeOf(index)
    return edit(place, place, `${lineBefore(raw, place)}${encodeQuotedPrintable(addition)}`)
  }
  const isFit = encoding === 'binary' || (hasShortLines(addition) && (encoding === '8bit' || isSevenBit(addition)))
  if (isFit) return edit(index, index, addition)
  const whole = Buffer.concat([octets.subarray(0, index), addition, octets.subarray(index)])
  return { ...edit(0, raw.length, encodeQuotedPrintable(whole)), encoding: 'quoted-printable' }
}

/** All of it anew, in the encoding that it has or in one that is as good. */
function recoded({ part, encoding, raw }: TextPart, octets: Buffer): TextChange {
  const span = { start: part.bodyStart, end: part.bodyStart + raw.length }
  if (encoding === 'base64') return { part, edits: [{ ...span, octets: Buffer.from(`${encodeBase64(octets)}\r\n`) }] }
  if (encoding === 'binary' || (encoding === '8bit' && hasShortLines(octets)))
    return { part, edits: [{ ...span, octets }] }
  const edits = [{ ...span, octets: Buffer.from(encodeQuotedPrintable(octets)) }]
  return encoding === 'quoted-printable' ? { part, edits } : { part, edits, encoding: 'quoted-printable' }
}

/** What ends a line of quoted-printable that an addition must not go on: a soft break, or the line end of one that was begun. */
function lineBefore(raw: Buffer, place: number): string {
  if (place === 0 || raw[place - 1] === 0x0a) return ''
  return place === raw.length && /=[ \t]*\r?$/.test(raw.toString('latin1', Math.max(0, place - 200))) ? '\r\n' : '=\r\n'
}

function hasShortLines(octets: Buffer): boolean {
  for (let at = 0; at < octets.length; ) {
    const lf = octets.indexOf(0x0a, at)
    const end = lf < 0 ? octets.length : lf
    if (end - at > LONGEST_LINE + 1) return false
    at = end + 1
  }
  return true
}
