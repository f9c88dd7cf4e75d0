/**
 * What the fields say that every reader knows: subject, addresses, date, message id, mailing list. Decoded as mail clients show them, so
 * that no encoding hides a word from a rule; read when somebody asks, and without a look at the body.
 */
import { type HeaderField, type MailingList, type NamedAddress, parseAddress } from '@postroad/mail'
import { type AddressText, readAddresses } from './address-list.ts'
import { decodeText } from './encoded-word.ts'

/** Octets of a field that are read; a longer one is longer than any client shows. */
const LIMIT = 256 * 1024

/** The value's octets, unfolded (RFC 5322 §2.2.3) and without blanks around them. */
export function fieldOctets(field: HeaderField): string {
  const { raw } = field
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, Math.min(raw.byteLength, LIMIT))
  const colon = bytes.indexOf(0x3a)
  const text = bytes.toString('latin1', colon + 1, bytes.length)
  return (text.includes('\n') ? text.replace(/\r?\n/g, '') : text).trim()
}

/** An unstructured field, RFC 5322 §3.6.5. */
export function textValue(field: HeaderField | undefined): string | undefined {
  return field && decodeText(fieldOctets(field)).trim()
}

/** The mailboxes of all these fields, RFC 5322 §3.4; those of groups are among them. */
export function addressValues(fields: readonly HeaderField[]): readonly NamedAddress[] {
  const [only] = fields
  if (fields.length === 1 && only) return readAddresses(fieldOctets(only)).map(named)
  return fields.flatMap((field) => readAddresses(fieldOctets(field)).map(named))
}

function named({ name, text }: AddressText): NamedAddress {
  // RFC 2047 §5: an address has no encoded words, and what looks like one must not become an address.
  const written = text.includes('=?') ? text : decodeText(text)
  return {
    name: decodeText(name).trim() || undefined,
    address: parseAddress(written, { smtputf8: true }),
    text: written,
  }
}

/** RFC 5322 §3.6.4; without a bracket the first word. */
export function messageIdValue(field: HeaderField | undefined): string | undefined {
  if (!field) return undefined
  const text = fieldOctets(field)
  const open = text.indexOf('<')
  const close = text.indexOf('>', open)
  const id = open >= 0 && close > open ? text.slice(open + 1, close) : (/^\S+/.exec(text)?.[0] ?? '')
  return decodeText(id).trim() || undefined
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DATE =
  /^(?:[a-z]{2,9}\.?,?\s*)?(\d{1,2})[\s-]+([a-z]{3})[a-z]*[\s-]+(\d{2,4}),?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d{1,9})?\s*([+-]\d{4}|[a-z]{1,5})?/i
/** RFC 5322 §4.3; all other letters are taken for UTC, as it says. */
const ZONES: ReadonlyMap<string, number> = new Map([
  ['est', -5],
  ['edt', -4],
  ['cst', -6],
  ['cdt', -5],
  ['mst', -7],
  ['mdt', -6],
  ['pst', -8],
  ['pdt', -7],
])

/** RFC 5322 §3.3 and §4.3. */
export function dateValue(field: HeaderField | undefined): Date | undefined {
  if (!field) return undefined
  const found = DATE.exec(fieldOctets(field).slice(0, 200))
  if (!found) return undefined
  const [, day, monthName = '', yearText = '', hour, minute, second = '0', zone = ''] = found
  const month = MONTHS.indexOf(monthName.toLowerCase())
  const year = Number(yearText)
  // RFC 5322 §4.3: two digits below 50 are of this century, and three count from 1900.
  const fullYear = yearText.length === 2 ? year + (year < 50 ? 2000 : 1900) : yearText.length === 3 ? year + 1900 : year
  if (month < 0 || Number(day) > 31 || Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) return undefined
  const local = Date.UTC(fullYear, month, Number(day), Number(hour), Number(minute), Number(second))
  return new Date(local - zoneMinutes(zone) * 60_000)
}

function zoneMinutes(zone: string): number {
  const digits = /^([+-])(\d\d)(\d\d)$/.exec(zone)
  if (!digits) return (ZONES.get(zone.toLowerCase()) ?? 0) * 60
  return (digits[1] === '-' ? -1 : 1) * (Number(digits[2]) * 60 + Number(digits[3]))
}

/** RFC 2369, RFC 2919, RFC 8058. `find` gives the topmost field of a name. */
export function listValue(find: (name: string) => HeaderField | undefined): MailingList | undefined {
  const urls = (name: string): readonly string[] | undefined => {
    const field = find(name)
    return field && urlsOf(fieldOctets(field))
  }
  const id = find('list-id')
  const parts = {
    help: urls('list-help'),
    subscribe: urls('list-subscribe'),
    unsubscribe: urls('list-unsubscribe'),
    post: urls('list-post'),
    owner: urls('list-owner'),
    archive: urls('list-archive'),
  }
  const oneClick = find('list-unsubscribe-post')
  if (!id && !oneClick && Object.values(parts).every((value) => value === undefined)) return undefined
  const { help = [], subscribe = [], unsubscribe = [], post = [], owner = [], archive = [] } = parts
  const isOneClick = oneClick !== undefined && /^List-Unsubscribe=One-Click$/i.test(fieldOctets(oneClick))
  return { ...listId(id), help, subscribe, unsubscribe, post, owner, archive, isOneClick }
}

function listId(field: HeaderField | undefined): Pick<MailingList, 'id' | 'name'> {
  if (!field) return { id: undefined, name: undefined }
  const [first] = readAddresses(fieldOctets(field))
  if (!first) return { id: undefined, name: undefined }
  // Without brackets it is the id all the same, when it is one word.
  const isBare = first.text === '' && !/\s/.test(first.name)
  const id = isBare ? first.name : first.text
  return { id: id.toLowerCase() || undefined, name: isBare ? undefined : decodeText(first.name).trim() || undefined }
}

/** What stands in angle brackets; blanks in a URL were put there by folding, RFC 2369 §2. */
function urlsOf(text: string): readonly string[] {
  return [...text.matchAll(/<([^<>]*)>/g)]
    .map(([, url = '']) => decodeText(url.replace(/\s+/g, '')))
    .filter((url) => url !== '')
}
