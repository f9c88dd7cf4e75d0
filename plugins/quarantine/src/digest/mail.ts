/** A digest as a message: what was set aside for somebody, as text and as HTML, with links. */
import { createHash } from 'node:crypto'
import { escapeHtml } from '@postroad/options/link'
import type { DigestContent, DigestItem } from './collect.ts'
import type { LinkAction } from './link.ts'
import { messagesInWords, plainWords, strangeHtml, timeInWords } from './text.ts'

/** What is written. */
export interface DigestMail extends DigestContent {
  /** Address that it is from, and the name before it. */
  readonly from: string
  readonly name: string
  readonly hostname: string
  readonly timeZone: string
  /** When it is written, milliseconds since the epoch. */
  readonly date: number
  /** What came until then is in it; with the recipient it makes the Message-ID: one that is sent twice is known by it. */
  readonly until: number
  readonly actions: readonly LinkAction[]
  linkOf(item: DigestItem, action: LinkAction): string
}

/** The parts of it that people see. */
export interface WrittenDigest {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** `digest.…@mx.example.com`, without angle brackets. */
export function digestId({ owner, until, hostname }: Pick<DigestMail, 'owner' | 'until' | 'hostname'>): string {
  const hash = createHash('sha256').update(`${owner}\0${until}`).digest('hex')
  return `digest.${hash.slice(0, 24)}@${hostname}`
}

/** Subject, text and HTML. */
export function writeDigest(mail: DigestMail): WrittenDigest {
  const subject = `${messagesInWords(mail.total)} in quarantine`
  return { subject, text: textOf(mail), html: htmlOf(mail, subject) }
}

/** Its octets. `mark`: that of `digestMark`, by which one that comes back is known. */
export function encodeDigest(mail: DigestMail, mark: string): Buffer {
  const { subject, text, html } = writeDigest(mail)
  const id = digestId(mail)
  const boundary = `=_digest_${createHash('sha256').update(id).digest('hex').slice(0, 24)}`
  const fields = [
    `From: ${phrase(mail.name)} <${mail.from}>`,
    `To: <${mail.owner}>`,
    `Subject: ${subject}`,
    `Date: ${new Date(mail.date).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${id}>`,
    // RFC 3834 §5: nobody on holiday is to answer it; the second is for Exchange, which knows no other way.
    'Auto-Submitted: auto-generated',
    'X-Auto-Response-Suppress: All',
    `X-Postroad-Digest: ${mark}`,
    'MIME-Version: 1.0',
    `Content-Type: multipart/alternative;\r\n boundary="${boundary}"`,
  ]
  const part = (type: string, body: string): string =>
    [
      `--${boundary}`,
      `Content-Type: ${type}; charset=utf-8`,
      'Content-Transfer-Encoding: quoted-printable',
      '',
      quotedPrintable(body),
      '',
    ].join('\r\n')
  const body = `${part('text/plain', text)}${part('text/html', html)}--${boundary}--\r\n`
  return Buffer.from(`${fields.join('\r\n')}\r\n\r\n${body}`)
}

const WORDS: Readonly<Record<LinkAction, string>> = { release: 'Release', delete: 'Delete' }
const MEANT: Readonly<Record<LinkAction, string>> = {
  release: 'Release brings a message to your mailbox',
  delete: 'Delete removes it at once',
}

function lede({ total, owner }: DigestMail): string {
  return `${messagesInWords(total)} for ${owner} ${total === 1 ? 'was' : 'were'} held back as suspicious.`
}

function advice({ actions }: DigestMail): string {
  const first = 'What you do not want needs no answer: it is deleted by itself.'
  return actions.length === 0 ? first : `${first} ${actions.map((one) => MEANT[one]).join('; ')}, after a question.`
}

function rest({ total, items }: DigestMail): string | undefined {
  const more = total - items.length
  return more === 0 ? undefined : `${messagesInWords(more)} more ${more === 1 ? 'is' : 'are'} not shown here.`
}

/** From whom it says it is; where the envelope says otherwise, that too. */
function senderOf({ entry }: DigestItem): string {
  const envelope = entry.from === '' ? '<>' : entry.from
  if (entry.author === undefined) return envelope
  return entry.author.toLowerCase().includes(entry.from.toLowerCase()) && entry.from !== ''
    ? entry.author
    : `${entry.author} (sent by ${envelope})`
}

function reasonOf({ entry: { reason, points } }: DigestItem): string {
  const words = reason === '' ? 'suspicious' : reason
  const text = `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`
  return points > 0 ? `${text} (${Math.round(points * 10) / 10} points)` : text
}

function subjectOf({ entry: { subject } }: DigestItem): string {
  return subject === undefined || subject.trim() === '' ? '(no subject)' : subject
}

function factsOf(item: DigestItem, { owner, timeZone }: DigestMail): readonly (readonly [string, string])[] {
  const { entry, address } = item
  return [
    ['From', senderOf(item)],
    ...(address.toLowerCase() === owner ? [] : [['To', address] as const]),
    ['Date', timeInWords(entry.at, timeZone)],
    ['Reason', reasonOf(item)],
    ['Kept until', timeInWords(entry.expiresAt, timeZone)],
  ]
}

function textOf(mail: DigestMail): string {
  const line = (name: string, value: string): string => `   ${`${name}:`.padEnd(12)}${value}`
  const blocks = mail.items.map((item, n) =>
    [
      `${n + 1}. ${plainWords(subjectOf(item))}`,
      ...factsOf(item, mail).map(([name, value]) => line(name, plainWords(value))),
      ...mail.actions.map((action) => line(WORDS[action], mail.linkOf(item, action))),
    ].join('\n'),
  )
  const end = rest(mail)
  return [lede(mail), advice(mail), ...blocks, ...(end === undefined ? [] : [end]), `-- \n${mail.hostname}`].join(
    '\n\n',
  )
}

/** Styles stand in attributes: many mail programs take sheets away. */
function htmlOf(mail: DigestMail, subject: string): string {
  const button = (item: DigestItem, action: LinkAction): string => {
    const colors = action === 'release' ? 'background:#1457b3;color:#ffffff' : 'color:#b4231c;border:1px solid #b4231c'
    return `<a href="${escapeHtml(mail.linkOf(item, action))}" style="display:inline-block;padding:6px 14px;margin:0 8px 0 0;border-radius:6px;text-decoration:none;font-weight:600;${colors}">${WORDS[action]}</a>`
  }
  const facts = (item: DigestItem): string =>
    factsOf(item, mail)
      .map(
        ([name, value]) =>
          `<tr><th scope="row" style="text-align:left;vertical-align:top;padding:1px 12px 1px 0;font-weight:400;color:#5d5951">${name}</th><td style="padding:1px 0">${strangeHtml(value)}</td></tr>`,
      )
      .join('\n')
  const card = (item: DigestItem): string =>
    `<div style="background:#ffffff;border:1px solid #e2dfd7;border-radius:10px;padding:14px 16px;margin:0 0 12px">
<h2 style="font-size:16px;margin:0 0 8px">${strangeHtml(subjectOf(item))}</h2>
<table role="presentation" style="border-collapse:collapse;margin:0 0 10px;font-size:14px">
${facts(item)}
</table>
${mail.actions.map((action) => button(item, action)).join('\n')}
</div>`
  const end = rest(mail)
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(subject)}</title></head>
<body style="margin:0;background:#f6f5f1;color:#1c1b18;font:15px/1.45 system-ui,sans-serif">
<div style="max-width:640px;margin:0 auto;padding:24px 16px">
<h1 style="font-size:20px;margin:0 0 6px">${escapeHtml(lede(mail))}</h1>
<p style="margin:0 0 18px;color:#5d5951">${escapeHtml(advice(mail))}</p>
${mail.items.map(card).join('\n')}
${end === undefined ? '' : `<p>${escapeHtml(end)}</p>`}
<p style="color:#5d5951;font-size:13px">${escapeHtml(mail.hostname)}</p>
</div>
</body>
</html>`
}

/** A display name, RFC 5322 §3.2.5, RFC 2047 §5; the schema has taken line ends out of it. */
function phrase(name: string): string {
  return /^[\x20-\x7e]*$/.test(name)
    ? `"${name.replaceAll(/["\\]/g, '\\$&')}"`
    : `=?utf-8?B?${Buffer.from(name).toString('base64')}?=`
}

/** RFC 2045 §6.7. */
function quotedPrintable(text: string): string {
  return text
    .split('\n')
    .map((line) => {
      const units = [...Buffer.from(line)].map((octet, n, all) => {
        const isPlain = octet >= 0x21 && octet <= 0x7e && octet !== 0x3d
        const isInnerSpace = octet === 0x20 && n < all.length - 1
        return isPlain || isInnerSpace
          ? String.fromCharCode(octet)
          : `=${octet.toString(16).toUpperCase().padStart(2, '0')}`
      })
      let width = 0
      return units
        .map((unit) => {
          if (width + unit.length <= 75) {
            width += unit.length
            return unit
          }
          width = unit.length
          return `=\r\n${unit}`
        })
        .join('')
    })
    .join('\r\n')
}
