/** The fields of a header section by position, without making strings of their values. */

const MAX_FIELDS = 256
const MAX_HEADER = 65_536

/** One field: its lower-case name, and where its value stands. */
export interface FieldSpan {
  readonly name: string
  readonly nameFrom: number
  readonly from: number
  readonly to: number
}

/** Fields that filters, collectors and mailboxes leave: a model that sees them learns the place a message lay in, or its own verdicts. */
const LEFT = new Set(
  (
    'return-path delivered-to x-original-to envelope-to authentication-results received-spf status x-status xstatus xlevel x-uid ' +
    'x-uidl x-uidvalidity x-keywords x-account-key lines content-length x-virus x-virus-scanned x-virus-status x-sid-result ' +
    'x-message-delivery x-message-info x-received x-pyzor x-bogosity x-loop-of xchecker-version xref x-quarantine-id x-rspamd-score'
  ).split(' '),
)
const LEFT_PREFIXES = [
  'x-spam',
  'x-mozilla-',
  'x-barracuda-',
  'x-asg-',
  'x-virus-',
  'x-evolution',
  'x-gmail-',
  'arc-',
  'x-ms-exchange-',
  'x-microsoft-antispam',
  'x-forefront-',
  'x-incoming',
  'x-eop',
  'x-gm-',
  'x-google-',
  'x-dcc',
  'x-rspamd-',
  'x-postroad-',
  'x-sid-',
]

/** Whether a field is never looked at; `ignored` are more names, with `*` at the end for a prefix. */
export function fieldFilter(ignored: readonly string[]): (name: string) => boolean {
  const names = new Set([...LEFT, ...ignored.filter((name) => !name.endsWith('*'))])
  const prefixes = [...LEFT_PREFIXES, ...ignored.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1))]
  return (name) => names.has(name) || prefixes.some((prefix) => name.startsWith(prefix))
}

/** Reads fields from `from` on into `fields`, and gives where the body begins. */
export function readFields(octets: Uint8Array, from: number, end: number, fields: FieldSpan[]): number {
  fields.length = 0
  const last = Math.min(end, from + MAX_HEADER)
  let at = from
  while (at < last) {
    const lineEnd = endOfLine(octets, at, last)
    if (lineEnd === at || (lineEnd === at + 1 && octets[at] === 0x0d)) return lineEnd + 1
    const colon = colonIn(octets, at, lineEnd)
    let to = lineEnd
    while (to + 1 < last && (octets[to + 1] === 0x20 || octets[to + 1] === 0x09)) to = endOfLine(octets, to + 1, last)
    if (colon > at && fields.length < MAX_FIELDS)
      fields.push({ name: lowerText(octets, at, colon), nameFrom: at, ...trimmed(octets, colon + 1, to) })
    at = to + 1
  }
  return Math.min(at, end)
}

/** Without white space around it: CRLF and LF give the same value. */
function trimmed(octets: Uint8Array, first: number, end: number): { readonly from: number; readonly to: number } {
  let [from, to] = [first, Math.max(first, end)]
  while (from < to && (octets[from] ?? 0) <= 0x20) from++
  while (to > from && (octets[to - 1] ?? 0) <= 0x20) to--
  return { from, to }
}

function endOfLine(octets: Uint8Array, from: number, end: number): number {
  const at = octets.indexOf(0x0a, from)
  return at < 0 || at > end ? end : at
}

function colonIn(octets: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to && i - from < 80; i++) {
    const octet = octets[i] ?? 0
    if (octet === 0x3a) return i
    if (octet <= 0x20 || octet > 0x7e) return -1
  }
  return -1
}

/** Octets as lower-case text of one character each. */
export function lowerText(octets: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let i = from; i < to; i++) {
    const octet = octets[i] ?? 0
    text += String.fromCharCode(octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet)
  }
  return text
}

/** A parameter of a structured field: `charset` of `text/plain; charset="utf-8"`. The value is as given; give it lower-case if case does not matter. */
export function parameterOf(value: string, name: string): string {
  let at = 0
  for (;;) {
    at = value.indexOf(';', at)
    if (at < 0) return ''
    at++
    while (at < value.length && value.charCodeAt(at) <= 0x20) at++
    if (value.slice(at, at + name.length).toLowerCase() !== name) continue
    let i = at + name.length
    // "filename*=" and "filename*0=" count as "filename=".
    while (
      i < value.length &&
      (value[i] === '*' || value[i] === ' ' || (value.charCodeAt(i) >= 0x30 && value.charCodeAt(i) <= 0x39))
    )
      i++
    if (value[i] !== '=') continue
    i++
    while (i < value.length && value.charCodeAt(i) <= 0x20) i++
    if (value[i] === '"') {
      const end = value.indexOf('"', i + 1)
      return value.slice(i + 1, end < 0 ? value.length : end)
    }
    let end = i
    while (end < value.length && value[end] !== ';' && value.charCodeAt(end) > 0x20) end++
    return value.slice(i, end)
  }
}
