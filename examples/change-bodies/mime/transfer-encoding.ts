/** Content-Transfer-Encoding, RFC 2045 §6: as one writes it, and as one reads it in pieces. */

/** `7bit`, `8bit`, `binary`, `quoted-printable`, `base64`; undefined for what nobody knows. */
export type TransferEncoding = '7bit' | '8bit' | 'binary' | 'quoted-printable' | 'base64'

export function readTransferEncoding(value: string | undefined): TransferEncoding | undefined {
  const name = (value ?? '7bit').replace(/\([^)]*\)|[ \t\r\n;]/g, '').toLowerCase() || '7bit'
  return NAMES.find((one) => one === name)
}

const NAMES: readonly TransferEncoding[] = ['7bit', '8bit', 'binary', 'quoted-printable', 'base64']

/** Lines of 76 characters at most, with CRLFs between them. RFC 2045 §6.8. */
export function encodeBase64(octets: Buffer): string {
  return (octets.toString('base64').match(/.{1,76}/g) ?? []).join('\r\n')
}

/** CRLFs stay line ends, all else that could be changed on the way is written as `=XX`. RFC 2045 §6.7. */
export function encodeQuotedPrintable(octets: Buffer): string {
  const lines = octets.toString('latin1').split('\r\n')
  return lines.map(encodeLine).join('\r\n')
}

function encodeLine(text: string): string {
  const last = text.length - 1
  let out = ''
  let column = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    const isBlank = char === ' ' || char === '\t'
    // A line that begins with From or a dot is changed by old programs.
    const isSafe = isBlank
      ? at < last
      : /[!-<>-~]/.test(char) && !(at === 0 && (char === '.' || text.startsWith('From ')))
    const code = isSafe ? char : `=${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
    if (column + code.length > (at === last ? 76 : 75)) {
      out += '=\r\n'
      column = 0
    }
    out += code
    column += code.length
  }
  return out
}

/** Decoded octets, and where each stands in what was encoded. */
export interface Decoded {
  readonly octets: Buffer
  /** Offset of the first encoded octet of the one at `index`; the length of all for the one behind the last. */
  placeOf(index: number): number
}

/** Quoted-printable as all readers take it: `=` that is nothing stays. */
export function decodeQuotedPrintable(raw: Buffer): Decoded {
  const octets = Buffer.allocUnsafe(raw.length)
  const places = new Uint32Array(raw.length + 1)
  let length = 0
  const put = (octet: number, place: number): void => {
    octets[length] = octet
    places[length++] = place
  }
  for (let at = 0; at < raw.length; ) {
    const octet = raw[at] ?? 0
    if (octet === EQUALS) {
      const soft = softBreak(raw, at)
      const value = soft === undefined ? hexValue(raw, at + 1) : undefined
      if (soft === undefined) put(value ?? octet, at)
      at = soft ?? (value === undefined ? at + 1 : at + 3)
    } else if (octet === SPACE || octet === TAB) {
      const end = blanksEnd(raw, at)
      // White space at the end of a line was added on the way.
      const isTrailing = end === raw.length || raw[end] === LF || (raw[end] === CR && raw[end + 1] === LF)
      if (!isTrailing) for (let blank = at; blank < end; blank++) put(raw[blank] ?? SPACE, blank)
      at = end
    } else put(octet, at++)
  }
  places[length] = raw.length
  return { octets: octets.subarray(0, length), placeOf: (index) => places[index] ?? raw.length }
}

const EQUALS = 0x3d
const SPACE = 0x20
const TAB = 0x09
const CR = 0x0d
const LF = 0x0a

function blanksEnd(raw: Buffer, from: number): number {
  let at = from
  while (raw[at] === SPACE || raw[at] === TAB) at++
  return at
}

/** Where the text goes on after a soft line break at this `=`; undefined when it is none. */
function softBreak(raw: Buffer, at: number): number | undefined {
  const end = blanksEnd(raw, at + 1)
  if (end === raw.length) return end
  if (raw[end] === LF) return end + 1
  return raw[end] === CR && raw[end + 1] === LF ? end + 2 : undefined
}

function hexValue(raw: Buffer, at: number): number | undefined {
  const digits = raw.toString('latin1', at, at + 2)
  return /^[0-9a-f]{2}$/i.test(digits) ? Number.parseInt(digits, 16) : undefined
}

/** Base64 without padding in its middle; undefined for anything else, which readers take in different ways. */
export function decodeBase64(raw: Buffer): Decoded | undefined {
  const text = raw.toString('latin1')
  const [, data = '', padding = ''] = /^([A-Za-z0-9+/ \t\r\n]*)((?:=[ \t\r\n]*){0,2})$/.exec(text) ?? []
  if (data.length + padding.length !== text.length) return undefined
  const digits = data.replace(/[ \t\r\n]/g, '')
  if ((digits.length + padding.replace(/[ \t\r\n]/g, '').length) % 4 !== 0) return undefined
  const places = digitPlaces(raw, digits.length)
  return {
    octets: Buffer.from(digits, 'base64'),
    placeOf: (index) => places[Math.floor(index / 3) * 4] ?? raw.length,
  }
}

/** Where each digit of base64 stands. */
function digitPlaces(raw: Buffer, count: number): Uint32Array {
  const places = new Uint32Array(count)
  let digit = 0
  for (let at = 0; at < raw.length && digit < count; at++) {
    const octet = raw[at]
    if (octet !== SPACE && octet !== TAB && octet !== CR && octet !== LF) places[digit++] = at
  }
  return places
}

/** Reads encoded octets piece by piece; nothing of them is kept. */
export class TransferDecoder {
  readonly #encoding: TransferEncoding | undefined
  #rest = Buffer.alloc(0)

  constructor(encoding: TransferEncoding | undefined) {
    this.#encoding = encoding
  }

  write(octets: Buffer): Buffer {
    if (this.#encoding === 'base64') return this.#base64(octets.toString('latin1'))
    if (this.#encoding !== 'quoted-printable') return octets
    const all = Buffer.concat([this.#rest, octets])
    const lf = all.lastIndexOf(LF)
    // A line may be without end: then it is cut where no code can be cut.
    const cut = lf >= 0 ? lf + 1 : all.length > LINE_LIMIT ? safeCut(all) : 0
    this.#rest = Buffer.from(all.subarray(cut))
    return decodeQuotedPrintable(all.subarray(0, cut)).octets
  }

  end(): Buffer {
    const rest = this.#rest
    this.#rest = Buffer.alloc(0)
    return this.#encoding === 'base64'
      ? Buffer.from(rest.toString('latin1'), 'base64')
      : decodeQuotedPrintable(rest).octets
  }

  #base64(text: string): Buffer {
    const digits = this.#rest.toString('latin1') + text.replace(/[^A-Za-z0-9+/=]/g, '')
    const out: Buffer[] = []
    const groups = digits.split(/=+/)
    const last = groups.pop() ?? ''
    // Padding ends a run of digits; what follows is another run.
    for (const group of groups) out.push(Buffer.from(group, 'base64'))
    const whole = last.length - (last.length % 4)
    out.push(Buffer.from(last.slice(0, whole), 'base64'))
    this.#rest = Buffer.from(last.slice(whole), 'latin1')
    return Buffer.concat(out)
  }
}

const LINE_LIMIT = 64 * 1024

function safeCut(octets: Buffer): number {
  let cut = octets.length
  while (cut > 0 && (octets[cut - 1] === SPACE || octets[cut - 1] === TAB || octets[cut - 1] === CR)) cut--
  const equals = octets.lastIndexOf(EQUALS, cut - 1)
  if (cut === 0) return octets.length
  return equals >= 0 && equals >= cut - 2 ? equals : cut
}
