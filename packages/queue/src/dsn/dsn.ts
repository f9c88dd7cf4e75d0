/**
 * Writes delivery status notifications: the mail that tells a sender what became of their mail. Format RFC 3464 in a
 * multipart/report of RFC 6522, content RFC 3461 §6, international form RFC 6533, marked as automatic by RFC 3834 §5.
 */
import type { Address } from '@postroad/plugin'
import type { QueuedMessage, RecipientState } from '../model.ts'
import type { Report, ReportAction } from '../state.ts'
import { field, oneLine, paragraph } from './foreign-text.ts'
import type { ReturnedContent } from './return-part.ts'

/** One recipient of the report, with the delivery it belongs to. */
export interface DsnRecipient extends Report {
  /** Index in the message's deliveries. */
  readonly delivery: number
}

/** What a notification is made of. */
export interface DsnInput {
  readonly message: QueuedMessage
  readonly recipients: readonly DsnRecipient[]
  readonly returned: ReturnedContent
  /** Queue id of the notification; part of its Message-ID and boundary. */
  readonly id: string
  readonly hostname: string
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Who is told instead of the sender: the postmaster, of mail that has none. */
  readonly to?: Address | undefined
}

/** The octets of a notification, and what its envelope must ask for. */
export interface Dsn {
  readonly octets: Buffer
  readonly needs8bit: boolean
  readonly needsUtf8: boolean
}

/** Kinds of notification: recipients of one kind share one mail. */
export type DsnKind = 'failed' | 'delayed' | 'success'

/** The kind an action belongs to. */
export function kindOf(action: ReportAction): DsnKind {
  return action === 'failed' || action === 'delayed' ? action : 'success'
}

const SUBJECTS: Readonly<Record<DsnKind, string>> = {
  failed: 'Undelivered mail returned to sender',
  delayed: 'Delayed mail (still being retried)',
  success: 'Successful mail delivery report',
}

const INTRODUCTIONS: Readonly<Record<DsnKind, string>> = {
  failed: 'Your message could not be delivered to one or more recipients. It is not being tried any more.',
  delayed: 'Your message could not be delivered yet. It is still being tried; you need not send it again.',
  success: 'Your message was delivered, or handed on, to the recipients below. You asked for this report.',
}

const TO_POSTMASTER = {
  subject: 'Undelivered mail that cannot be returned',
  introduction:
    'This message could not be delivered, and it has no sender to whom it could be returned: nobody else is told. Perhaps it is a notification, and somebody waits for what it says.',
}

/**
 * Writes one notification. All recipients must be of one kind.
 *
 * @throws {TypeError} when the message has the null reverse-path: RFC 3461 §6.1 forbids reports about it
 */
export function writeDsn(input: DsnInput): Dsn {
  const { message, returned } = input
  if (message.from === undefined && input.to === undefined)
    throw new TypeError('writeDsn: a message with the null reverse-path is not reported on')
  const needsUtf8 = isInternational(input)
  const needs8bit = needsUtf8 || !isAscii(returned.octets)
  const boundary = `=_${input.id}/${input.hostname.slice(0, 40).replace(/[^a-z0-9.-]/gi, '')}`
  const kind = kindOf(input.recipients[0]?.action ?? 'failed')
  const cte = needs8bit ? '8bit' : '7bit'
  const head = headerOf(input, { kind, boundary, cte })
  const text = `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ${needsUtf8 ? '8bit' : '7bit'}\r\n\r\n${textOf(input, kind, needsUtf8)}`
  const status = `Content-Type: message/${needsUtf8 ? 'global-' : ''}delivery-status\r\nContent-Transfer-Encoding: ${needsUtf8 ? '8bit' : '7bit'}\r\n\r\n${statusOf(input, needsUtf8)}`
  const type = returnedType(returned, needsUtf8)
  const open = `\r\n--${boundary}\r\n`
  const before = `${head}This is a multipart/report message, RFC 6522.\r\n${open}${text}${open}${status}${open}Content-Type: ${type}\r\nContent-Transfer-Encoding: ${cte}\r\n\r\n`
  return {
    octets: Buffer.concat([Buffer.from(before), returned.octets, Buffer.from(`\r\n--${boundary}--\r\n`)]),
    needs8bit,
    needsUtf8,
  }
}

function headerOf(
  { message, id, hostname, now, to }: DsnInput,
  options: { kind: DsnKind; boundary: string; cte: string },
): string {
  return [
    `Date: ${dateOf(now)}`,
    `From: Mail Delivery System <MAILER-DAEMON@${hostname}>`,
    `To: <${to ?? message.from}>`,
    `Subject: ${to ? TO_POSTMASTER.subject : SUBJECTS[options.kind]}`,
    `Message-ID: <${id}@${hostname}>`,
    // RFC 3834 §5: nobody's autoresponder is to answer this.
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="${options.boundary}"`,
    `Content-Transfer-Encoding: ${options.cte}`,
    '\r\n',
  ].join('\r\n')
}

function textOf(input: DsnInput, kind: DsnKind, utf8: boolean): string {
  let text = `This is the mail system at ${input.hostname}.\r\n\r\n${paragraph(input.to ? TO_POSTMASTER.introduction : INTRODUCTIONS[kind], '')}`
  for (const recipient of input.recipients) {
    const { reply, remote } = recipient.state
    text += `\r\n${paragraph(`<${oneLine(addressOf(input, recipient), utf8)}>: ${oneLine(WORDS[recipient.action])}`, '')}`
    // RFC 3464 §2: the words of the next hop are quoted, not made ours.
    if (reply)
      text += paragraph(
        `${remote === undefined ? 'Reason' : `${oneLine(remote)} said`}: ${diagnostic(recipient.state, utf8)}`,
        '    ',
      )
    if (recipient.until !== undefined) text += `    It will be tried until ${dateOf(recipient.until)}.\r\n`
  }
  return text
}

const WORDS: Readonly<Record<ReportAction, string>> = {
  failed: 'delivery failed',
  delayed: 'delivery is delayed',
  delivered: 'delivered',
  relayed: 'handed on to a server that will not report on the delivery',
}

/** The machine's part, RFC 3464 §2.2 and §2.3. */
function statusOf(input: DsnInput, utf8: boolean): string {
  const { message, hostname } = input
  const groups = [
    [
      message.parameters.envid === undefined ? '' : field('Original-Envelope-Id', oneLine(message.parameters.envid)),
      field('Reporting-MTA', `dns; ${hostname}`),
      field('Arrival-Date', dateOf(message.queuedAt)),
    ].join(''),
    ...input.recipients.map((recipient) => recipientFields(input, recipient, utf8)),
  ]
  return groups.join('\r\n')
}

function recipientFields(input: DsnInput, recipient: DsnRecipient, utf8: boolean): string {
  const { state, action } = recipient
  const { orcpt } = queuedRecipient(input, recipient).parameters
  const address = queuedRecipient(input, recipient).address
  return [
    orcpt === undefined
      ? ''
      : field(
          'Original-Recipient',
          `${oneLine(orcpt.type).replace(/[^a-z0-9-]/gi, '')}; ${oneLine(orcpt.address, utf8)}`,
        ),
    field('Final-Recipient', `${address.isInternational ? 'utf-8' : 'rfc822'}; ${oneLine(address.toString(), utf8)}`),
    field('Action', action),
    field('Status', statusCode(recipient)),
    // RFC 3464 §2.3.6: `smtp` is what another server said in SMTP, and not what we say ourselves.
    state.remote === undefined ? '' : field('Remote-MTA', `dns; ${oneLine(state.remote)}`),
    state.reply === undefined
      ? ''
      : field('Diagnostic-Code', `${state.remote === undefined ? 'x-postroad' : 'smtp'}; ${diagnostic(state, utf8)}`),
    state.at === undefined ? '' : field('Last-Attempt-Date', dateOf(state.at)),
    recipient.until === undefined ? '' : field('Will-Retry-Until', dateOf(recipient.until)),
  ].join('')
}

/** RFC 3464 §2.3.4: the class fits the action; a next hop's code is kept where it does. */
function statusCode({ action, state }: DsnRecipient): string {
  if (state.fate === 'expired') return '4.4.7'
  const digit = action === 'failed' ? '5' : action === 'delayed' ? '4' : '2'
  const { status } = state.reply ?? {}
  return status?.startsWith(`${digit}.`) && /^\d\.\d{1,3}\.\d{1,3}$/.test(status) ? status : `${digit}.0.0`
}

function diagnostic({ reply }: RecipientState, utf8: boolean): string {
  if (!reply) return ''
  return oneLine(`${reply.code} ${reply.status === undefined ? '' : `${reply.status} `}${reply.text}`, utf8)
}

function queuedRecipient({ message }: DsnInput, { delivery, recipient }: DsnRecipient) {
  const found = message.deliveries[delivery]?.recipients[recipient]
  if (!found) throw new RangeError(`writeDsn: no recipient ${recipient} in delivery ${delivery}`)
  return found
}

function addressOf(input: DsnInput, recipient: DsnRecipient): string {
  return queuedRecipient(input, recipient).address.toString()
}

/** RFC 6533 §3: the international form only when something in it needs it; most readers know the old one. */
function isInternational(input: DsnInput): boolean {
  if ((input.to ?? input.message.from)?.isInternational) return true
  return (
    input.recipients.some((recipient) => queuedRecipient(input, recipient).address.isInternational) ||
    !isAsciiHeader(input)
  )
}

/** Raw UTF-8 in the header section is allowed in SMTPUTF8 mail only, RFC 6532. */
function isAsciiHeader({ message, returned }: DsnInput): boolean {
  if (message.parameters.smtputf8 !== true) return true
  const end = returned.octets.indexOf('\r\n\r\n')
  return isAscii(end === -1 ? returned.octets : returned.octets.subarray(0, end))
}

function returnedType({ isWhole }: ReturnedContent, utf8: boolean): string {
  if (isWhole) return utf8 ? 'message/global' : 'message/rfc822'
  return utf8 ? 'message/global-headers' : 'text/rfc822-headers'
}

function isAscii(octets: Uint8Array): boolean {
  return octets.every((octet) => octet < 0x80)
}

/** RFC 5322 §3.3. */
function dateOf(ms: number): string {
  return new Date(ms).toUTCString().replace('GMT', '+0000')
}
