/** Where a disclaimer goes in a message. */
import { randomBytes } from 'node:crypto'
import type { Message } from '@postroad/plugin'
import { isAscii } from '../mime/charset.ts'
import { type Edit, pieces, sortEdits, splice } from '../mime/edit.ts'
import { readStructured, valuesOf } from '../mime/field.ts'
import { type HeaderChange, headerEdits, headerFor, withHeader, withOnlyHeader } from '../mime/header.ts'
import { type Part, readStructure, StructureError } from '../mime/structure.ts'
import { appendText, readText, type TextChange, type TextPart } from '../mime/text.ts'
import { encodeQuotedPrintable } from '../mime/transfer-encoding.ts'
import { putIntoHtml } from './html.ts'
import { flowed, type Words } from './words.ts'

/** What is to be done with a message. */
export interface DisclaimerPlan {
  /** `inside`: into its text; `part`: a last part of its own; `wrap`: around it; `none`: it is left as it is. */
  readonly how: 'inside' | 'part' | 'wrap' | 'none'
  /** Why it is not `inside`. */
  readonly why?: string
  readonly edits: readonly Edit[]
  /** Of the message's own header section. */
  readonly header: HeaderChange
}

/** Octets of all text parts, encoded, beyond which they are not looked into. */
const TEXT_LIMIT = 1024 * 1024

export async function planDisclaimer(message: Message, words: Words): Promise<DisclaimerPlan> {
  const root = await structureOf(message)
  if (!root) return wrap(message, words, 'its structure is beyond the limits')
  const found = bodyOf(root)
  if ('why' in found) return found.isLeft ? none(found.why) : around(message, { root, words, why: found.why })
  const texts = await readTexts(message, found.parts)
  if (texts?.some(({ octets }) => octets.includes('-----BEGIN PGP MESSAGE-----'))) return none('encrypted')
  const changes = texts?.map((text) => changeOf(text, words))
  const plan = changes && inside(changes)
  return plan ?? around(message, { root, words, why: 'its text cannot be changed without a doubt' })
}

/** The message as it is planned. */
export async function withDisclaimer(message: Message, { how, edits, header }: DisclaimerPlan): Promise<Message> {
  if (how === 'none') return message
  const next = await message.withBody(splice(message.body(), edits))
  return how === 'wrap' ? withOnlyHeader(next, header) : withHeader(next, header)
}

async function structureOf(message: Message): Promise<Part | undefined> {
  try {
    return await readStructure(message.headers, message.body())
  } catch (error) {
    if (error instanceof StructureError) return undefined
    throw error
  }
}

function none(why: string): DisclaimerPlan {
  return { how: 'none', why, edits: [], header: {} }
}

type Body = { readonly parts: readonly Part[] } | { readonly why: string; readonly isLeft: boolean }

const no = (why: string): Body => ({ why, isLeft: false })
const leave = (why: string): Body => ({ why, isLeft: true })

/** The parts that a reader sees as the text of the message; of alternatives all that can be. */
function bodyOf(part: Part): Body {
  const { type, children } = part
  if (isEncrypted(part)) return leave('encrypted')
  if (LEFT.has(type)) return leave(`${type} is for programs`)
  if (isSigned(part)) return no('signed')
  if (part.isAmbiguous) return no('it says several things of one part')
  if (type === 'text/plain' || type === 'text/html')
    return isAttachment(part) ? no('its first part is an attachment') : { parts: [part] }
  if (type === 'multipart/alternative') return bodyOfAlternatives(children.map(bodyOf))
  const [first] = children
  if (type === 'multipart/mixed') return first ? bodyOf(first) : no('it has no parts')
  if (type === 'multipart/related') {
    const [start] = valuesOf(part.contentType, 'start')
    const main = children.find(({ fields }) => start !== undefined && idOf(fields) === start.trim()) ?? first
    return main ? bodyOf(main) : no('it has no parts')
  }
  return no(`it is ${type}`)
}

function bodyOfAlternatives(found: readonly Body[]): Body {
  const left = found.find((one) => 'isLeft' in one && one.isLeft)
  const parts = found.flatMap((one) => ('parts' in one ? one.parts : []))
  return left ?? (parts.length > 0 ? { parts } : no('none of its alternatives is text'))
}

/** What programs read, and what is only a piece of a message. */
const LEFT = new Set(['multipart/report', 'message/partial', 'message/external-body', 'text/calendar'])

const PKCS7 = /^application\/(?:x-)?pkcs7-mime$/

/** RFC 8551 §3.2.2, RFC 3156 §4; and the latter without its own multipart, as some servers leave it. */
function isEncrypted({ type, contentType, children }: Part): boolean {
  if (type === 'multipart/encrypted') return true
  if (PKCS7.test(type)) {
    const [kind = 'enveloped-data'] = valuesOf(contentType, 'smime-type').map((text) => text.toLowerCase())
    return kind === 'enveloped-data' || kind === 'authenveloped-data'
  }
  return type === 'multipart/mixed' && children.some((child) => child.type === 'application/pgp-encrypted')
}

function isSigned({ type }: Part): boolean {
  return type === 'multipart/signed' || PKCS7.test(type)
}

function isAttachment({ fields }: Part): boolean {
  const field = fields.find(({ name }) => name === 'content-disposition')
  return field !== undefined && readStructured(field.value).value === 'attachment'
}

function idOf(fields: Part['fields']): string | undefined {
  return fields.find(({ name }) => name === 'content-id')?.value.trim()
}

async function readTexts(message: Message, parts: readonly Part[]): Promise<readonly TextPart[] | undefined> {
  const size = parts.reduce((sum, { bodyStart, bodyEnd }) => sum + bodyEnd - bodyStart, 0)
  if (size > TEXT_LIMIT || parts.some(({ hasBody }) => !hasBody)) return undefined
  const raw: Buffer[][] = parts.map(() => [])
  const spans = parts.map(({ bodyStart: start, bodyEnd: end }) => ({ start, end }))
  for await (const [index, piece] of pieces(message.body(), spans)) raw[index]?.push(piece)
  const texts = parts.map((part, index) => readText(part, Buffer.concat(raw[index] ?? [])))
  return texts.every((text) => text !== undefined) ? texts : undefined
}

function changeOf(text: TextPart, words: Words): TextChange | undefined {
  const { part, octets } = text
  if (part.type === 'text/html') return putIntoHtml(text, words.html)
  const isFlowed = valuesOf(part.contentType, 'format').some((value) => value.toLowerCase() === 'flowed')
  const isDelSp = valuesOf(part.contentType, 'delsp').some((value) => value.toLowerCase() === 'yes')
  const addition = isFlowed ? flowed(words.text, isDelSp) : words.text
  return appendText(text, addition, !octets.includes('-----BEGIN PGP SIGNED MESSAGE-----'))
}

/** All of them or none: alternatives say the same. */
function inside(changes: readonly (TextChange | undefined)[]): DisclaimerPlan | undefined {
  const edits: Edit[] = []
  let header: HeaderChange = {}
  for (const change of changes) {
    const own = change && headerFor(change)
    if (!own) return undefined
    edits.push(...change.edits)
    if (change.part.parent) edits.push(...headerEdits(change.part, own))
    else header = own
  }
  return { how: 'inside', edits: sortEdits(edits), header }
}

interface Around {
  readonly root: Part
  readonly words: Words
  readonly why: string
}

function around(message: Message, { root, words, why }: Around): DisclaimerPlan {
  const last = root.children.at(-1)
  if (root.type !== 'multipart/mixed' || root.boundary === undefined || !last || root.isAmbiguous)
    return wrap(message, words, why)
  const end = root.isClosed ? (last.isFlush ? '\r\n' : '') : `\r\n--${root.boundary}--\r\n`
  const octets = Buffer.from(`\r\n--${root.boundary}\r\n${partOf(words)}${end}`, 'latin1')
  return { how: 'part', why, edits: [{ start: last.bodyEnd, end: last.bodyEnd, octets }], header: {} }
}

/** The message as the first part of a multipart: what its header section says of the body goes into that part, octet for octet. */
function wrap(message: Message, words: Words, why: string): DisclaimerPlan {
  const boundary = `=_${randomBytes(18).toString('hex')}`
  const own = [...message.headers].filter(({ name }) => /^content-/i.test(name))
  const fields = Buffer.concat(own.flatMap(({ raw }) => (raw.at(-1) === 0x0a ? [raw] : [raw, Buffer.from('\r\n')])))
  const top = Buffer.concat([Buffer.from(`--${boundary}\r\n`), fields, Buffer.from('\r\n')])
  const bottom = Buffer.from(`\r\n--${boundary}\r\n${partOf(words)}\r\n--${boundary}--\r\n`, 'latin1')
  const end = message.size
  const [encoding] = message.headers.all('content-transfer-encoding')
  return {
    how: 'wrap',
    why,
    edits: [
      { start: 0, end: 0, octets: top },
      { start: end, end, octets: bottom },
    ],
    header: {
      'Content-Type': `multipart/mixed; boundary="${boundary}"`,
      ...(/^(?:8bit|binary)$/i.test(encoding ?? '') ? { 'Content-Transfer-Encoding': encoding } : {}),
    },
  }
}

/** A part of its own, with its header section. One character an octet. */
function partOf({ text }: Words): string {
  const isPlain = isAscii(text) && text.split('\r\n').every((line) => line.length < 998)
  const type = isPlain
    ? 'Content-Type: text/plain; charset=us-ascii\r\n'
    : 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n'
  return `${type}Content-Disposition: inline\r\n\r\n${isPlain ? text : encodeQuotedPrintable(Buffer.from(text))}`
}
