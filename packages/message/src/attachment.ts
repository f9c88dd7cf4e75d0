/** The parts of a message that mail clients show as files: listed by their headers, decoded only when somebody asks for what is in them. */
import { createHash } from 'node:crypto'
import type { ArchiveListing, Attachment } from '@postroad/mail'
import { findInlineFiles, type InlineFile } from './inline-file.ts'
import { emptyPart, isShown, type MimePart, type Note, namesOf } from './mime-part.ts'
import { SNIFFED, sniff } from './sniff.ts'
import { findTnefFiles, TNEF_SIGNATURE } from './tnef.ts'
import { decodePieces } from './transfer-encoding.ts'

/** Types whose parts a client shows when nothing else is said. */
const SHOWN = new Set(['text/plain', 'text/html', 'message/delivery-status'])

/** All attachments in the order of their parts. */
export function attachmentsOf(root: MimePart, note: Note): readonly Attachment[] {
  const attachments: Attachment[] = []
  const waiting = [root]
  for (let part = waiting.pop(); part; part = waiting.pop()) {
    const names = namesOf(part)
    // A long and a short one are what honest programs write.
    if (names.length > Math.max(1, part.ownNames.length)) note('name')
    const content = new Content(part)
    for (const name of names.length > 0 ? names : isListed(part) ? [undefined] : [])
      attachments.push(new PartAttachment(part, name, content))
    waiting.push(...part.children.toReversed())
  }
  return attachments
}

/** A part without a name. */
function isListed(part: MimePart): boolean {
  if (part.kind === 'multipart') return false
  if (part.kind === 'message') return !part.dispositions.some(({ value }) => value === 'inline')
  return !SHOWN.has(part.type) || !isShown(part)
}

/** The octets of a part, for all names that it has. */
class Content {
  readonly part: MimePart
  #octets: Buffer | undefined
  #size: number | undefined
  #sha256: string | undefined
  #archived: Promise<ArchiveListing | undefined> | undefined
  #sniffed: { readonly type: string | undefined } | undefined

  constructor(part: MimePart) {
    this.part = part
  }

  get octets(): Buffer {
    return (this.#octets ??= Buffer.concat([...this.pieces()]))
  }

  get size(): number {
    return (this.#size ??= this.#measure())
  }

  get sha256(): string {
    return (this.#sha256 ??= this.#digest())
  }

  get sniffedType(): string | undefined {
    return (this.#sniffed ??= { type: sniff(this.head()) }).type
  }

  archived(): Promise<ArchiveListing | undefined> {
    return (this.#archived ??= this.#listed())
  }

  /** @param limit encoded octets that are read */
  pieces(limit = Number.POSITIVE_INFINITY): Iterable<Buffer> {
    const { bytes, bodyStart, bodyEnd, encoding, kind } = this.part
    return decodePieces(
      bytes,
      kind === 'multipart' ? 'none' : encoding,
      bodyStart,
      Math.min(bodyEnd, bodyStart + limit),
    )
  }

  async #listed(): Promise<ArchiveListing | undefined> {
    const { isZip, listZip } = await import('./archive.ts')
    return isZip(this.octets) ? listZip(this.octets) : undefined
  }

  #measure(): number {
    if (this.#octets) return this.#octets.length
    let size = 0
    for (const piece of this.pieces()) size += piece.length
    return size
  }

  #digest(): string {
    const hash = createHash('sha256')
    let size = 0
    for (const piece of this.#octets ? [this.#octets] : this.pieces()) {
      hash.update(piece)
      size += piece.length
    }
    this.#size = size
    return hash.digest('hex')
  }

  /** The first octets. */
  head(length = SNIFFED): Buffer {
    if (this.#octets) return this.#octets.subarray(0, length)
    // No encoding takes more than three octets for one, but for line ends.
    return Buffer.concat([...this.pieces(length * 4 + 64)]).subarray(0, length)
  }
}

class PartAttachment implements Attachment {
  readonly filename: string | undefined
  readonly contentType: string
  readonly contentId: string | undefined
  readonly part: string
  readonly #content: Content

  constructor(part: MimePart, name: string | undefined, content: Content) {
    this.filename = name
    this.contentType = declaredType(part)
    this.contentId = part.contentId
    this.part = part.number
    this.#content = content
  }

  get sniffedType(): string | undefined {
    return this.#content.sniffedType
  }

  get size(): number {
    return this.#content.size
  }

  get sha256(): string {
    return this.#content.sha256
  }

  get content(): Uint8Array {
    return this.#content.octets
  }

  archived(): Promise<ArchiveListing | undefined> {
    return this.#content.archived()
  }

  async *read(): AsyncIterable<Uint8Array> {
    yield* this.#content.pieces()
  }
}

/** A file of which nothing is said is octets, RFC 2046 §4.5.1. */
function declaredType(part: MimePart): string {
  return part.types.length === 0 && part.kind === 'leaf' && !isShown(part) ? 'application/octet-stream' : part.type
}

/**
 * Puts the files that stand in texts (uuencode, yEnc) under the parts they stand in.
 *
 * @param count called for each
 * @returns the texts that had to be decoded for it
 */
export function addInlineFiles(root: MimePart, count: () => void): ReadonlyMap<MimePart, Buffer> {
  const decoded = new Map<MimePart, Buffer>()
  const waiting = [root]
  for (let part = waiting.pop(); part; part = waiting.pop()) {
    waiting.push(...part.children)
    const { bytes, encoding, bodyStart, bodyEnd } = part
    // Encoded in a way that has a name in it.
    if (encoding === 'uuencode' || encoding === 'yenc')
      part.ownNames = findInlineFiles(bytes, bodyStart, bodyEnd, count).map(({ name }) => name)
    if (!mayHoldFiles(part)) continue
    if (encoding === 'none') {
      for (const file of findInlineFiles(bytes, bodyStart, bodyEnd, count)) addFile(part, bytes, file)
      continue
    }
    const text = Buffer.concat([...decodePieces(bytes, encoding, bodyStart, bodyEnd)])
    decoded.set(part, text)
    for (const file of findInlineFiles(text, 0, text.length, count)) addFile(part, text, file)
  }
  return decoded
}

/** Puts the files in a winmail.dat under it, by what it is and not by its name. @param count called for each */
export function addTnefFiles(root: MimePart, count: () => void): void {
  const waiting = [root]
  for (let part = waiting.pop(); part; part = waiting.pop()) {
    waiting.push(...part.children)
    if (part.kind === 'leaf' && part.children.length === 0 && !SHOWN.has(part.type)) addFilesOf(part, count)
  }
}

function addFilesOf(part: MimePart, count: () => void, depth = 0): void {
  const content = new Content(part)
  if (depth > TNEF_DEPTH || !content.head(TNEF_SIGNATURE.length).equals(TNEF_SIGNATURE)) return
  const { octets } = content
  for (const { names, from, to } of findTnefFiles(octets, count)) {
    const file = addFile(part, octets, { name: '', encoding: 'none', from, to })
    file.ownNames = names
    addFilesOf(file, count, depth + 1)
  }
}

/** Messages within each other. */
const TNEF_DEPTH = 10

function mayHoldFiles(part: MimePart): boolean {
  if (part.encoding === 'uuencode' || part.encoding === 'yenc') return false
  if (part.kind === 'multipart' && !part.isGuessed) return part.children.length === 0
  return part.kind !== 'message' && part.type.startsWith('text/') && isShown(part)
}

function addFile(parent: MimePart, bytes: Buffer, { name, encoding, from, to }: InlineFile): MimePart {
  const part = emptyPart(bytes, from, parent)
  part.bodyEnd = to
  part.type = 'application/octet-stream'
  part.encoding = encoding
  part.isInner = true
  part.ownNames = [name]
  parent.children.push(part)
  return part
}
