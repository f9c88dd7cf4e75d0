/**
 * A message for a server that takes seven bits only (no 8BITMIME): bodies are encoded, part by part, RFC 6152 §3. The content
 * stays the same for its reader; a DKIM signature over it does not.
 */

import type { MessageSource } from '@postroad/mail'
import { encodeQuotedPrintable } from './quoted-printable.ts'

/** Depth of parts within parts that is followed. */
const MAX_DEPTH = 20
/** Octets that are converted: all of it is in memory meanwhile. */
const MAX_SIZE = 64 * 1024 * 1024

const EIGHT_BIT = /[\x80-\xff]/

/** Whether there is an octet beyond ASCII. */
export async function hasEightBit(message: MessageSource): Promise<boolean> {
  for await (const chunk of message.chunks?.() ?? message.raw()) {
    for (let i = 0; i < chunk.length; i++) if ((chunk[i] as number) >= 0x80) return true // i is within the bounds
  }
  return false
}

/**
 * The message in seven bits, or undefined where that would change what it says: eight-bit header fields, signed parts
 * (RFC 1847 §2.1), parts that must not be encoded (RFC 2046 §5.2), broken MIME.
 */
export async function toSevenBit(message: MessageSource): Promise<MessageSource | undefined> {
  if (message.size > MAX_SIZE) return undefined
  const chunks: Uint8Array[] = []
  for await (const chunk of message.chunks?.() ?? message.raw()) chunks.push(chunk)
  const converted = convert(Buffer.concat(chunks).toString('latin1'), 0)
  if (converted === undefined) return undefined
  const octets = Buffer.from(converted, 'latin1')
  return { size: octets.length, chunks: () => [octets], raw: async function* () { yield octets } } // biome-ignore format: short
}

/** An entity of RFC 2045 §2.4: header fields, with their line ends, and a body. */
interface Entity {
  readonly fields: readonly string[]
  readonly body: string
}

/** One character an octet, in and out. */
function convert(text: string, depth: number): string | undefined {
  if (!EIGHT_BIT.test(text)) return text
  const entity = split(text)
  // RFC 6532 needs SMTPUTF8; without it there is no telling what the octets mean.
  if (depth > MAX_DEPTH || entity.fields.some((field) => EIGHT_BIT.test(field))) return undefined
  const type = fieldValue(entity, 'content-type')
  const kind = /^[^\s;]*/.exec(type.toLowerCase())?.[0] || 'text/plain'
  const encoding = fieldValue(entity, 'content-transfer-encoding').toLowerCase()
  // Encoded, and yet with eight bits: broken, and not for us to guess.
  if (!['', '7bit', '8bit', 'binary'].includes(encoding)) return undefined
  if (kind === 'multipart/signed' || kind === 'multipart/encrypted') return undefined
  if (kind.startsWith('multipart/')) return convertParts(entity, boundaryOf(type), depth)
  if (kind === 'message/rfc822' || kind === 'message/global')
    return put(entity, '7bit', convert(entity.body, depth + 1))
  if (kind.startsWith('message/')) return undefined
  if (kind.startsWith('text/'))
    return put(withType(entity, depth), 'quoted-printable', encodeQuotedPrintable(entity.body))
  return put(entity, 'base64', toBase64(entity.body))
}

function split(text: string): Entity {
  const fields: string[] = []
  let at = 0
  while (at < text.length) {
    const end = text.indexOf('\n', at)
    const line = end < 0 ? text.slice(at) : text.slice(at, end + 1)
    if (line === '\n' || line === '\r\n') return { fields, body: text.slice(at + line.length) }
    if (/^[ \t]/.test(line) && fields.length > 0) fields.push(`${fields.pop()}${line}`)
    else fields.push(line)
    at += line.length
  }
  return { fields, body: '' }
}

function isNamed(field: string, name: string): boolean {
  return (
    field.slice(0, name.length).toLowerCase() === name && /^[ \t]*:/.test(field.slice(name.length, name.length + 20))
  )
}

/** The value of a field, unfolded; empty when there is none. */
function fieldValue({ fields }: Entity, name: string): string {
  const field = fields.find((each) => isNamed(each, name))
  return field === undefined
    ? ''
    : field
        .slice(field.indexOf(':') + 1)
        .replaceAll(/\r?\n/g, '')
        .trim()
}

function boundaryOf(type: string): string | undefined {
  const match = /;[ \t]*boundary[ \t]*=[ \t]*(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(type)
  return match?.[1] ?? match?.[2]
}

/** RFC 2046 §5.1.1. */
function convertParts(entity: Entity, boundary: string | undefined, depth: number): string | undefined {
  if (boundary === undefined) return undefined
  const out: string[] = []
  let part: string | undefined
  let start = 0
  let isClosed = false
  const finish = (end: number): boolean => {
    // RFC 2046 §5.1.1: the line end before a delimiter belongs to it.
    const whole = entity.body.slice(start, end)
    const lineEnd = end === entity.body.length ? '' : (/\r?\n$/.exec(whole)?.[0] ?? '')
    const text = whole.slice(0, whole.length - lineEnd.length)
    // Text before the first part and after the last one belongs to no part and is shown by no reader: octets beyond ASCII become `?`.
    part = out.length === 0 || isClosed ? text.replaceAll(/[\x80-\xff]/g, '?') : convert(text, depth + 1)
    if (part !== undefined) out.push(part, lineEnd)
    return part !== undefined
  }
  for (let at = 0; at < entity.body.length; ) {
    const end = entity.body.indexOf('\n', at)
    const next = end < 0 ? entity.body.length : end + 1
    const line = entity.body.startsWith('--', at) ? entity.body.slice(at, next).trimEnd() : ''
    if (!isClosed && (line === `--${boundary}` || line === `--${boundary}--`)) {
      if (!finish(at)) return undefined
      out.push(entity.body.slice(at, next))
      start = next
      isClosed = line.endsWith('--') && line !== `--${boundary}`
    }
    at = next
  }
  return finish(entity.body.length) ? put(entity, '7bit', out.join('')) : undefined
}

/** The entity with another body and its encoding; nothing where the body could not be made. */
function put(entity: Entity, encoding: string, body: string | undefined): string | undefined {
  if (body === undefined) return undefined
  const fields = entity.fields.filter((field) => !isNamed(field, 'content-transfer-encoding'))
  return `${[...fields, ...(encoding === '7bit' ? [] : [`Content-Transfer-Encoding: ${encoding}\r\n`])].join('')}\r\n${body}`
}

/** RFC 1428 §3: eight bits without a word of what they are. */
function withType(entity: Entity, depth: number): Entity {
  if (fieldValue(entity, 'content-type') !== '') return entity
  const version = depth === 0 && fieldValue(entity, 'mime-version') === '' ? ['MIME-Version: 1.0\r\n'] : []
  return { ...entity, fields: [...entity.fields, ...version, 'Content-Type: text/plain; charset=unknown-8bit\r\n'] }
}

function toBase64(body: string): string {
  const text = Buffer.from(body, 'latin1').toString('base64')
  return (text.match(/.{1,76}/g) ?? []).join('\r\n')
}
