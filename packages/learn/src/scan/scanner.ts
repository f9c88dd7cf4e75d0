/** Octets of a message as hashed features, in one bounded pass. */
import type { Features } from '../features.ts'
import { CharsetDecoder } from './charset.ts'
import { FieldDecoder } from './encoded-word.ts'
import { FeatureSet } from './feature-set.ts'
import { type FieldSpan, fieldFilter, lowerText, readFields } from './field.ts'
import { finish, take, takeText } from './hash.ts'
import { HeaderReader } from './header.ts'
import { MarkupReader } from './html.ts'
import { isInLink } from './link.ts'
import { type Leaf, type MimeVisitor, walkParts } from './mime.ts'
import type { FeatureSink, Notes } from './sink.ts'
import { scanGrams, scanWords } from './text.ts'
import { TextBuffer } from './text-buffer.ts'
import { copyOctets, decodeBase64, decodeQuotedPrintable } from './transfer.ts'

/** How many octets of a message are looked at, from its beginning. Unit: octets. */
export const SCAN_OCTETS = 131_072
const DECODED_OCTETS = 61_440
const MAX_GRAMS = 2048
const MAX_WORDS = 2048
const MAX_HEADERS = 512
const SUBJECT_POINTS = 256

const SUBJECT = 0x61
const BODY = 0x62
const MIME = 0x63
const SHAPE = 0x64
const FACT = 0x65

const REPORT_TYPES = new Set([
  'multipart/report',
  'message/delivery-status',
  'message/feedback-report',
  'message/disposition-notification',
  'text/rfc822-headers',
  'message/global-delivery-status',
  'message/global-disposition-notification',
])

/** How messages are scanned. */
export interface ScannerOptions {
  /** Seeds the hashes, so that a model says nothing to who has not the key. Two nodes need the same one. Default: `''`. */
  readonly key?: string
  /** Fields that are not looked at besides those that filters and mailboxes leave: lower-case names, `*` at the end for a prefix. */
  readonly ignoredFields?: readonly string[]
  /** Lower-case names of our own hosts: Received fields that they wrote are not looked at. */
  readonly ownHosts?: readonly string[]
}

/** What others found out about a message, as short words: `spf=pass`, `first-contact`. */
export interface ScanFacts {
  /** Of the sender and the way of the message; at most 64. */
  readonly sender?: readonly string[]
  /** Of what is in it; at most 64. */
  readonly content?: readonly string[]
  /** The reverse-path; `''` is the one of reports. */
  readonly reversePath?: string
}

/** Makes features of messages, one after the other; holds the buffers for it (about 1.5 MB). */
export class Scanner implements MimeVisitor {
  readonly #sink: FeatureSink = {
    grams: new FeatureSet(MAX_GRAMS),
    words: new FeatureSet(MAX_WORDS),
    headers: new FeatureSet(MAX_HEADERS),
    notes: undefined,
  }
  readonly #charsets = new CharsetDecoder()
  readonly #fieldDecoder = new FieldDecoder(this.#charsets)
  readonly #subject = new TextBuffer(SUBJECT_POINTS)
  readonly #text = new TextBuffer()
  readonly #decoded = new Uint8Array(DECODED_OCTETS)
  readonly #points = new Int32Array(DECODED_OCTETS)
  readonly #fields: FieldSpan[] = []
  readonly #space: number
  readonly #headers: HeaderReader
  readonly #html: MarkupReader
  #octets: Uint8Array = new Uint8Array()
  #room = 0
  #isReport = false

  constructor(options: ScannerOptions = {}) {
    this.#space = takeText(0x2545f491, options.key ?? '')
    const isIgnored = fieldFilter(options.ignoredFields ?? [])
    this.#headers = new HeaderReader(this.#sink, this.#space, { isIgnored, ownHosts: new Set(options.ownHosts) })
    this.#html = new MarkupReader(this.#sink, this.#text, take(this.#space, BODY))
  }

  /** Features of a message as it was received; of a large one its first `SCAN_OCTETS` are enough. Never throws on octets. */
  scan(octets: Uint8Array, facts: ScanFacts = {}): Features {
    return this.#scan(octets.length > SCAN_OCTETS ? octets.subarray(0, SCAN_OCTETS) : octets, facts)
  }

  /** The same, telling where each feature comes from: for explanations, slower. */
  scanWithNotes(octets: Uint8Array, facts: ScanFacts, notes: Notes): Features {
    this.#sink.notes = notes
    try {
      return this.scan(octets, facts)
    } finally {
      this.#sink.notes = undefined
    }
  }

  #scan(octets: Uint8Array, facts: ScanFacts): Features {
    const { grams, words, headers, notes } = this.#sink
    grams.begin()
    words.begin()
    headers.begin()
    this.#text.begin()
    this.#subject.begin()
    this.#html.begin()
    this.#octets = octets
    this.#room = DECODED_OCTETS
    this.#isReport = facts.reversePath === ''
    const body = readFields(octets, 0, octets.length, this.#fields)
    this.#headers.read(octets, this.#fields)
    this.#headers.facts(facts.sender ?? [])
    this.#reports(this.#fields)
    this.#readSubject(this.#fields)
    for (const fact of (facts.content ?? []).slice(0, 64))
      this.#say(finish(takeText(take(this.#space, FACT), fact)), 'facts', fact)
    walkParts(octets, this.#fields, body, this)
    notes?.look(this.#text, 'text')
    const space = take(this.#space, BODY)
    scanGrams(this.#text, 0, space, this.#sink)
    scanWords(this.#text, 0, space, this.#sink)
    this.#shape()
    return { grams: grams.take(), words: words.take(), headers: headers.take(), isReport: this.#isReport }
  }

  type(type: string): void {
    if (REPORT_TYPES.has(type)) this.#isReport = true
    this.#say(finish(takeText(take(this.#space, MIME), type)), 'structure', type)
  }

  leaf(leaf: Leaf): boolean {
    const { type, charset, encoding, extension, from, to } = leaf
    if (charset !== '')
      this.#say(finish(takeText(take(this.#space, MIME), `charset ${charset}`)), 'structure', `the charset ${charset}`)
    if (encoding !== '')
      this.#say(
        finish(takeText(take(this.#space, MIME), `encoding ${encoding}`)),
        'structure',
        `the encoding ${encoding}`,
      )
    if (extension !== '')
      this.#say(finish(takeText(take(this.#space, MIME), `.${extension}`)), 'structure', `a file .${extension}`)
    if (!type.startsWith('text/') && type !== 'message/delivery-status') return true
    const span = { octets: this.#octets, from, to }
    const room = this.#room
    const decoded = this.#decoded
    const length =
      encoding === 'base64'
        ? decodeBase64(span, decoded, room)
        : encoding === 'quoted-printable'
          ? decodeQuotedPrintable(span, decoded, room)
          : copyOctets(span, decoded, room)
    this.#room -= length
    const count = this.#charsets.decode(decoded, length, charset, this.#points)
    this.#text.push(0x20)
    if (type === 'text/html') this.#html.read(this.#points, count)
    else this.#plain(count)
    return this.#room > 0
  }

  /** Plain text, and the links in it. */
  #plain(count: number): void {
    const points = this.#points
    const text = this.#text
    // Where the last link ended: none begins inside of another, so that no point is looked at twice.
    let linkEnd = 0
    for (let i = 0; i < count && !text.isFull; i++) {
      const point = points[i] ?? 0
      text.push(point)
      if (point === 0x2f && points[i + 1] === 0x2f && i > linkEnd + 1 && points[i - 1] === 0x3a)
        linkEnd = this.#linkAt(i, count)
    }
  }

  /** Takes a link whose `//` stands at `at`, and gives where it ends. */
  #linkAt(at: number, count: number): number {
    const points = this.#points
    let from = at - 1
    while (from > 0 && at - from < 8 && isAsciiLetter(points[from - 1] ?? 0)) from--
    let to = at
    while (to < count && to - at < 512 && isInLink(points[to] ?? 0)) to++
    if (from < at - 2) this.#html.takeLink(points, from, to)
    return to
  }

  #readSubject(fields: readonly FieldSpan[]): void {
    const field = fields.find(({ name }) => name === 'subject')
    if (field === undefined) return
    this.#fieldDecoder.decode(this.#octets, field.from, field.to, this.#subject)
    this.#sink.notes?.look(this.#subject, 'subject')
    const space = take(this.#space, SUBJECT)
    scanGrams(this.#subject, 0, space, this.#sink)
    scanWords(this.#subject, 0, space, this.#sink)
  }

  #reports(fields: readonly FieldSpan[]): void {
    for (const { name, from, to } of fields) {
      if (name === 'auto-submitted') {
        const value = lowerText(this.#octets, from, Math.min(to, from + 40)).trim()
        if (value !== '' && !value.startsWith('no')) this.#isReport = true
      } else if (name === 'from') {
        const value = lowerText(this.#octets, from, Math.min(to, from + 512))
        if (value.includes('mailer-daemon@') || value.includes('postmaster@')) this.#isReport = true
      } else if (name === 'return-path') {
        if (lowerText(this.#octets, from, Math.min(to, from + 20)).trim() === '<>') this.#isReport = true
      }
    }
  }

  /** How long the text is, and how loud. */
  #shape(): void {
    const { length, letters, capitals, invisible } = this.#text
    const space = take(this.#space, SHAPE)
    const size = 32 - Math.clz32(length)
    this.#tell(finish(take(space, size)), 'structure', () =>
      length === 0 ? 'no text' : `a text of ${2 ** (size - 1)} to ${2 ** size - 1} characters`,
    )
    if (letters > 20) {
      const eighths = Math.floor((8 * capitals) / letters)
      this.#tell(finish(take(take(space, 1), eighths)), 'text', () =>
        eighths === 0
          ? 'few capitals'
          : `${eighths === 8 ? 'all' : `${Math.floor(12.5 * eighths)} % or more`} of the letters are capitals`,
      )
    }
    if (invisible > 0)
      this.#tell(finish(take(take(space, 2), Math.min(3, invisible))), 'text', () =>
        invisible < 3 ? `${invisible} of the signs are invisible` : 'three or more of the signs are invisible',
      )
  }

  #tell(hash: number, place: string, words: () => string): void {
    this.#say(hash, place, this.#sink.notes === undefined ? '' : words())
  }

  #say(hash: number, place: string, words: string): void {
    const { words: set, notes } = this.#sink
    if (set.add(hash) && notes !== undefined) notes.say('words', hash, place, words)
  }
}

function isAsciiLetter(point: number): boolean {
  return (point >= 0x61 && point <= 0x7a) || (point >= 0x41 && point <= 0x5a)
}
