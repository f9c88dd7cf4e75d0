/** Takes parts out of a message: a text that says what was there comes into the place of each. */
import { createHash } from 'node:crypto'
import type { Message } from '@postroad/plugin'
import { type Edit, pieces, sortEdits, splice } from '../mime/edit.ts'
import { withOnlyHeader } from '../mime/header.ts'
import type { Part } from '../mime/structure.ts'
import { encodeQuotedPrintable, TransferDecoder } from '../mime/transfer-encoding.ts'
import { namesOf } from './find.ts'

/** What was removed. */
export interface Removed {
  readonly name: string | undefined
  /** As declared. */
  readonly type: string
  /** Octets after decoding. */
  readonly size: number
  /** Of the decoded octets, hexadecimal. */
  readonly sha256: string
}

/** A message without some of its parts. */
export interface Stripped {
  readonly message: Message
  readonly removed: readonly Removed[]
}

/** `text` stands above what was removed. */
export async function remove(message: Message, parts: readonly Part[], text: string): Promise<Stripped> {
  const removed = await measure(message, parts)
  const gone = new Set(parts)
  const edits = removed.flatMap(({ part, ...one }) => editsFor(part, gone, notice(one, text)))
  const next = await message.withBody(splice(message.body(), sortEdits(edits)))
  // The message itself may have been the attachment.
  return {
    message: parts.some(({ parent }) => !parent) ? withOnlyHeader(next, NOTICE_FIELDS) : next,
    removed: removed.map(({ part, ...one }) => one),
  }
}

async function measure(message: Message, parts: readonly Part[]): Promise<readonly (Removed & { part: Part })[]> {
  const found = parts.map((part) => ({
    part,
    size: 0,
    hash: createHash('sha256'),
    decoder: new TransferDecoder(part.encoding),
  }))
  const take = (one: (typeof found)[number] | undefined, octets: Buffer): void => {
    if (!one) return
    one.size += octets.length
    one.hash.update(octets)
  }
  const spans = parts.map(({ bodyStart: start, bodyEnd: end }) => ({ start, end }))
  for await (const [index, piece] of pieces(message.body(), spans))
    take(found[index], found[index]?.decoder.write(piece) ?? piece)
  for (const one of found) take(one, one.decoder.end())
  return found.map(({ part, size, hash }) => {
    return { part, name: namesOf(part)[0], type: part.type, size, sha256: hash.digest('hex') }
  })
}

const NOTICE_FIELDS = {
  'Content-Type': 'text/plain; charset=utf-8',
  'Content-Transfer-Encoding': 'quoted-printable',
  'Content-Disposition': 'inline',
} as const
const FIELDS = Object.entries(NOTICE_FIELDS)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')

function notice({ name, type, size, sha256 }: Removed, text: string): string {
  const lines = [
    text.replace(/\r\n|\r|\n/g, '\r\n'),
    '',
    ...(name === undefined ? [] : [`Name:    ${shown(name)}`]),
    `Type:    ${shown(type)}`,
    `Size:    ${size} octets`,
    `SHA-256: ${sha256}`,
  ]
  return encodeQuotedPrintable(Buffer.from(lines.join('\r\n')))
}

/** A stranger's words on one line, without what turns the direction of a text. */
function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd').slice(0, 200)
}

function editsFor(part: Part, gone: ReadonlySet<Part>, text: string): readonly Edit[] {
  const { parent } = part
  const body: Edit = { start: part.bodyStart, end: part.bodyEnd, octets: Buffer.from(`${text}\r\n`, 'latin1') }
  if (!parent) return [body]
  // The header section of a message within the message has its author and subject, too.
  if (parent.type.startsWith('message/')) return [...fieldEdits(part), ...(part.hasBody ? [body] : [])]
  const end = part.isFlush ? '\r\n' : ''
  const whole = `${FIELDS}\r\n${text}`
  const before = isLastAlternative(part, gone) ? beforeInAlternative(part) : undefined
  if (!before) return [{ start: part.headerStart, end: part.bodyEnd, octets: Buffer.from(`${whole}${end}`, 'latin1') }]
  return [
    { start: before.first, end: before.first, octets: Buffer.from(`${whole}\r\n--${parent.boundary}\r\n`, 'latin1') },
    { start: before.end, end: part.bodyEnd, octets: Buffer.from(end, 'latin1') },
  ]
}

/** A reader shows the last alternative that it can: a notice there would hide the text. */
function isLastAlternative(part: Part, gone: ReadonlySet<Part>): boolean {
  const { parent } = part
  if (parent?.type !== 'multipart/alternative') return false
  const kept = parent.children.filter((one) => !gone.has(one))
  const last = kept.at(-1)
  return last !== undefined && last.headerStart < part.headerStart
}

function beforeInAlternative({
  parent,
  headerStart,
}: Part): { readonly first: number; readonly end: number } | undefined {
  const siblings = parent?.children ?? []
  const index = siblings.findIndex((one) => one.headerStart === headerStart)
  const [first] = siblings
  const previous = siblings[index - 1]
  return first && previous ? { first: first.headerStart, end: previous.bodyEnd } : undefined
}

/** Other fields about the body, and those of the notice in the place of the first. */
function fieldEdits({ fields, headerStart, header }: Part): readonly Edit[] {
  const own = fields.filter(({ name }) => name.startsWith('content-'))
  const octets = Buffer.from(FIELDS, 'latin1')
  if (own.length === 0) {
    const end = headerStart + header.length
    return [{ start: end, end, octets }]
  }
  return own.map(({ start, end }, index) => ({
    start: headerStart + start,
    end: headerStart + end,
    octets: index === 0 ? octets : new Uint8Array(0),
  }))
}
