/** Makes the octets of a message: header section, texts and files, RFC 5322 and RFC 2045. Nothing of it is a file or an address that is opened. */
import { randomBytes } from 'node:crypto'
import { buildHeaderParam } from 'nodemailer/lib/mime-funcs'
import { encode as quotedPrintable, wrap as wrapQuotedPrintable } from 'nodemailer/lib/qp'
import { addressField, MUST, plainField, textField } from './field.ts'
import type { NamedMailbox } from './mailbox.ts'

/** A file, decoded and checked. */
export interface File {
  readonly filename: string | undefined
  readonly content: Buffer
  readonly contentType: string
  readonly cid: string | undefined
}

/** What a message is made of; no value has a control character. */
export interface Parts {
  readonly from: NamedMailbox
  readonly to: readonly NamedMailbox[]
  readonly cc: readonly NamedMailbox[]
  readonly replyTo: readonly NamedMailbox[]
  readonly subject: string | undefined
  readonly text: string | undefined
  readonly html: string | undefined
  readonly files: readonly File[]
  /** Names are checked, values are one line. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly messageId: string
  /** Milliseconds since the epoch. */
  readonly date: number
}

/** Lines of base64, RFC 2045 §6.8. */
const BASE64_LINE = 76

/** The message. */
export function compose(parts: Parts): Buffer {
  const { from, to, cc, replyTo, subject, messageId, date, headers } = parts
  let head = addressField('From', [from])
  if (to.length > 0) head += addressField('To', to)
  if (cc.length > 0) head += addressField('Cc', cc)
  if (replyTo.length > 0) head += addressField('Reply-To', replyTo)
  if (subject !== undefined) head += textField('Subject', subject)
  head += `Date: ${dateOf(date)}\r\nMessage-ID: ${messageId}\r\n`
  for (const [name, value] of headers) head += isStructured(name) ? plainField(name, value) : textField(name, value)
  return Buffer.from(`${head}MIME-Version: 1.0\r\n${bodyOf(parts)}`)
}

function bodyOf({ text, html, files }: Parts): string {
  const texts = [
    ...(text === undefined && html !== undefined ? [] : [textPart('plain', text ?? '')]),
    ...(html === undefined ? [] : [textPart('html', html)]),
  ]
  const shown = files.filter(({ cid }) => cid !== undefined && html !== undefined)
  const attached = files.filter((file) => !shown.includes(file))
  const body = multipart('alternative', texts)
  const related = multipart('related', [body, ...shown.map(filePart)])
  return multipart('mixed', [related, ...attached.map(filePart)])
}

function multipart(kind: string, parts: readonly string[]): string {
  const [only = ''] = parts
  if (parts.length < 2) return only
  const boundary = `=_${randomBytes(16).toString('hex')}`
  const all = parts.map((part) => `--${boundary}\r\n${part.endsWith('\r\n') ? part : `${part}\r\n`}`).join('')
  return `Content-Type: multipart/${kind}; boundary="${boundary}"\r\n\r\n${all}--${boundary}--\r\n`
}

function textPart(kind: 'plain' | 'html', text: string): string {
  const hasLongLine = isLong(text)
  const lines = BARE.test(text) ? text.replaceAll(/\r\n|\r|\n/g, '\r\n') : text
  const type = `Content-Type: text/${kind}; charset=utf-8\r\n`
  if (!hasLongLine && !ENCODED.test(lines)) return `${type}Content-Transfer-Encoding: 7bit\r\n\r\n${ended(lines)}`
  const octets = Buffer.from(lines)
  // Where most is beyond ASCII, base64 is shorter.
  if (octets.length > 1.5 * lines.length) return `${type}Content-Transfer-Encoding: base64\r\n\r\n${base64(octets)}`
  const encoded = wrapQuotedPrintable(quotedPrintable(octets))
  return `${type}Content-Transfer-Encoding: quoted-printable\r\n\r\n${ended(encoded)}`
}

/** Ends of lines that are not CRLF. */
const BARE = /\r(?!\n)|(?<!\r)\n/
/** What cannot be sent as it is, RFC 2045 §2.7. */
const ENCODED = /[^\t\r\n -~]/

/** Whether a line is too long to be sent as it is, RFC 2045 §2.7. Where a CR alone ends one, it may be taken for too long: then it is encoded. */
function isLong(text: string): boolean {
  let from = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
    if (at - from > MUST - 1) return true
    from = at + 1
  }
  return text.length - from > MUST - 2
}

function ended(text: string): string {
  return text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`
}

function filePart({ filename, content, contentType, cid }: File): string {
  const name = filename === undefined ? '' : parametersOf(filename)
  return [
    `Content-Type: ${contentType}\r\n`,
    `Content-Transfer-Encoding: base64\r\n`,
    `Content-Disposition: ${cid === undefined ? 'attachment' : 'inline'}${name}\r\n`,
    ...(cid === undefined ? [] : [`Content-ID: <${cid}>\r\n`]),
    `\r\n${base64(content)}`,
  ].join('')
}

/** RFC 2231 where the name is long or not ASCII. */
function parametersOf(filename: string): string {
  return buildHeaderParam('filename', filename, 50)
    .map(({ key, value }) => `;\r\n ${key}=${key.endsWith('*') ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`}`)
    .join('')
}

function base64(content: Buffer): string {
  const text = content.toString('base64')
  const lines: string[] = []
  for (let at = 0; at < text.length; at += BASE64_LINE) lines.push(text.slice(at, at + BASE64_LINE))
  return lines.length === 0 ? '' : `${lines.join('\r\n')}\r\n`
}

/** Fields with a grammar, in which an encoded word would mean something else. */
function isStructured(name: string): boolean {
  return /^(?:list-|Feedback-ID$|cfbl-|in-reply-to$|references$|auto-submitted$|precedence$|sender$|disposition-notification-to$)/i.test(
    name,
  )
}

let second = { at: 0, text: '' }

/** RFC 5322 §3.3. */
export function dateOf(date: number): string {
  const at = Math.floor(date / 1_000)
  // Many messages are made in one second.
  if (second.at !== at || second.text === '')
    second = { at, text: new Date(date).toUTCString().replace('GMT', '+0000') }
  return second.text
}
