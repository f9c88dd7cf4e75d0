/**
 * The text that a message shows. The npm package mailparser reads it, and is given a message that has nothing but the texts, in a form
 * that all readers take alike: our own boundaries, transfer encodings undone, charsets as far as the platform knows them made UTF-8, and
 * no more than a limit.
 */

import { decodeCharset, decodeUndeclared, isAsciiLabel } from './charset.ts'
import { textValue } from './header-value.ts'
import { HeaderBlock, HeaderSection } from './headers.ts'
import type { MimePart } from './mime-part.ts'
import { isShown, parameterOf } from './mime-part.ts'
import { decodePieces } from './transfer-encoding.ts'

/** What is shown. */
export interface ShownText {
  readonly text: string
  readonly html: string | undefined
  /** There is HTML that has no plain alternative: its text belongs to what is shown. */
  readonly isHtmlShown: boolean
  readonly isTruncated: boolean
}

/** A text for the parser. */
interface Leaf {
  readonly subtype: 'plain' | 'html'
  /** Undefined: UTF-8. */
  readonly charset: string | undefined
  /** `; format=flowed` and `; delsp=yes`, RFC 3676 §4. */
  readonly flow: string
  readonly octets: Buffer[]
}

/** Texts in other charsets or with other flows than their neighbours; more are not kept apart. */
const LEAVES = 12
/** A line costs the parser more than its octets. */
const LINES = 50_000
const META_LIMIT = 1024
const EMBEDDED_HEADER = 64 * 1024

/** What is known before the text is read. */
interface ReadOptions {
  /** Octets of plain text, and of HTML. */
  readonly limit: number
  /** Texts whose transfer encoding was undone. */
  readonly decoded: ReadonlyMap<MimePart, Buffer>
}

/** Reads the text. */
export async function readText(root: MimePart, options: ReadOptions): Promise<ShownText> {
  const collector = new Collector(options)
  collector.collect(root)
  const { leaves, isHtmlShown, isTruncated } = collector
  if (leaves.length === 0) return { text: '', html: undefined, isHtmlShown, isTruncated }
  // Loading it takes some 100 ms and 10 MB; a server that never looks inside never pays.
  const { simpleParser } = await import('mailparser')
  const mail = await simpleParser(compose(leaves), {
    skipHtmlToText: true,
    skipTextToHtml: true,
    skipTextLinks: true,
    keepCidLinks: true,
  })
  return { text: mail.text ?? '', html: mail.html || undefined, isHtmlShown, isTruncated }
}

/** As an alternative: so the parser joins the texts of each kind and does nothing else. */
function compose(leaves: readonly Leaf[]): Buffer {
  const pieces: Buffer[] = [
    Buffer.from('MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="postroad"\r\n\r\n'),
  ]
  for (const { subtype, charset = 'utf-8', flow, octets } of leaves) {
    const head = `--postroad\r\nContent-Type: text/${subtype}; charset="${charset}"${flow}\r\nContent-Transfer-Encoding: base64\r\n\r\n`
    pieces.push(Buffer.from(`${head}${Buffer.concat(octets).toString('base64')}\r\n`))
  }
  pieces.push(Buffer.from('--postroad--\r\n'))
  return Buffer.concat(pieces)
}

class Collector {
  readonly leaves: Leaf[] = []
  isHtmlShown = false
  isTruncated = false
  readonly #decoded: ReadonlyMap<MimePart, Buffer>
  readonly #left: Record<Leaf['subtype'], { octets: number; lines: number }>

  constructor({ limit, decoded }: ReadOptions) {
    this.#decoded = decoded
    this.#left = { plain: { octets: limit, lines: LINES }, html: { octets: limit, lines: LINES } }
  }

  collect(root: MimePart): void {
    const waiting: { readonly part: MimePart; readonly hasPlain: boolean }[] = [{ part: root, hasPlain: false }]
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { part } = next
      const hasPlain = next.hasPlain || (part.type === 'multipart/alternative' && part.children.some(hasPlainText))
      this.#take(part, hasPlain)
      if (part.kind === 'message' && !isEmbeddedShown(part)) continue
      waiting.push(...part.children.toReversed().map((child) => ({ part: child, hasPlain })))
    }
  }

  #take(part: MimePart, hasPlain: boolean): void {
    if (part.parent?.kind === 'message') this.#add('plain', embeddedSubject(part), { charset: undefined, flow: '' })
    const subtype = shownAs(part)
    if (subtype === undefined) return
    const octets = this.#limited(part, subtype)
    if (subtype === 'html' && !hasPlain) this.isHtmlShown = true
    const isFlowed = subtype === 'plain' && parameterOf(part.types, 'format')?.toLowerCase() === 'flowed'
    const flow = isFlowed
      ? `; format=flowed${parameterOf(part.types, 'delsp')?.toLowerCase() === 'yes' ? '; delsp=yes' : ''}`
      : ''
    this.#add(subtype, ...recoded(octets, parameterOf(part.types, 'charset'), { isHtml: subtype === 'html', flow }))
  }

  /** The parser's own work grows with leaves, so neighbours of one kind are made one. */
  #add(subtype: Leaf['subtype'], octets: Buffer, { charset, flow }: Pick<Leaf, 'charset' | 'flow'>): void {
    if (octets.length === 0) return
    const before = this.leaves.findLast((leaf) => leaf.subtype === subtype)
    const isLike = before && before.charset === undefined && charset === undefined && before.flow === flow
    if (before && (isLike || this.leaves.length >= LEAVES)) before.octets.push(SEPARATOR[subtype], octets)
    else this.leaves.push({ subtype, charset, flow, octets: [octets] })
  }

  /** The decoded octets, up to what is left of the limits. */
  #limited(part: MimePart, subtype: Leaf['subtype']): Buffer {
    const left = this.#left[subtype]
    const pieces: Buffer[] = []
    const decoded = this.#decoded.get(part)
    for (const piece of decoded ? [decoded] : decodePieces(part.bytes, part.encoding, part.bodyStart, part.bodyEnd)) {
      const end = fittingEnd(piece, left)
      pieces.push(piece.subarray(0, end))
      left.octets -= end
      if (end < piece.length) {
        this.isTruncated = true
        break
      }
    }
    return Buffer.concat(pieces)
  }
}

/** As the parser itself joins texts. */
const SEPARATOR = { plain: Buffer.from('\n'), html: Buffer.from('<br/>\n') }

/** How much of the piece is within the limits; lines are taken off. */
function fittingEnd(piece: Buffer, left: { octets: number; lines: number }): number {
  const end = Math.min(piece.length, left.octets)
  for (let at = 0; at < end; at++) if (piece[at] === 0x0a && --left.lines < 0) return at
  return end
}

/** What kind of text a client shows the part as; undefined when it does not. */
function shownAs(part: MimePart): Leaf['subtype'] | undefined {
  // A multipart without parts is shown as it stands.
  if (part.kind === 'multipart' && !part.isGuessed)
    return part.children.every(({ isInner }) => isInner) && part.bodyEnd > part.bodyStart ? 'plain' : undefined
  if (part.kind === 'message' || part.isInner || !isShown(part)) return undefined
  const { type } = part
  if (type === 'text/html' || type === 'application/xhtml+xml' || type === 'text/x-amp-html') return 'html'
  if (type === 'text/plain' || type === 'message/delivery-status') return 'plain'
  return type.startsWith('text/') && !FILES.test(type) ? 'plain' : undefined
}

/** Text types that are shown as files or objects; RFC 2046 §4.1.4 has all others shown as plain text. */
const FILES =
  /^text\/(?:calendar|(?:x-)?vcard|directory|css|javascript|ecmascript|csv|tab-separated-values|rtf|xml|rfc822-headers)$/

/** Clients show an embedded message in place unless it is a file; the one in a report was returned. */
function isEmbeddedShown(part: MimePart): boolean {
  return isShown(part) && part.parent?.type !== 'multipart/report'
}

function embeddedSubject({ bytes, headerStart, bodyStart }: MimePart): Buffer {
  const section = new HeaderSection([
    new HeaderBlock(bytes.subarray(headerStart, Math.min(bodyStart, headerStart + EMBEDDED_HEADER))),
  ])
  const subject = textValue(section.named('subject')[0])
  return Buffer.from(subject === undefined ? '' : `Subject: ${subject}\n`)
}

/** Whether there is text to see in it. */
function hasPlainText(part: MimePart): boolean {
  if (part.kind !== 'leaf') return part.children.some(hasPlainText)
  return (
    shownAs(part) === 'plain' &&
    part.bytes
      .subarray(part.bodyStart, Math.min(part.bodyEnd, part.bodyStart + META_LIMIT))
      .some((octet) => octet > 0x20)
  )
}

/** Octets in UTF-8; in their own charset when only the parser may know it. */
function recoded(
  octets: Buffer,
  declared: string | undefined,
  { isHtml, flow }: { isHtml: boolean; flow: string },
): [Buffer, Pick<Leaf, 'charset' | 'flow'>] {
  const charset = declared ?? (isHtml ? metaCharset(octets) : undefined)
  const isUtf8 = charset === undefined || isAsciiLabel(charset) || /^utf-?8$/i.test(charset)
  const text = isUtf8 ? decodeUndeclared(octets) : decodeCharset(octets, charset)
  if (text !== undefined) return [Buffer.from(text), { charset: undefined, flow }]
  return /^[\w.:-]{1,40}$/.test(charset ?? '')
    ? [octets, { charset, flow }]
    : [Buffer.from(decodeUndeclared(octets)), { charset: undefined, flow }]
}

/** What HTML says of itself, as clients believe it when the header says nothing. */
function metaCharset(octets: Buffer): string | undefined {
  return /<meta[^>]{0,200}charset\s*=\s*["']?([\w.:-]{1,40})/i.exec(octets.toString('latin1', 0, META_LIMIT))?.[1]
}
