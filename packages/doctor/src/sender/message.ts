/** What stands in messages, as receivers have them: whether they are well-formed, may be left by one click, and came by TLS. */
import type { HealthFinding } from '@postroad/plugin'
import type { Check, DoctorContext } from '../check.ts'
import { fault, ok, remark } from '../finding.ts'
import type { SampleMessage } from './sample-message.ts'
import { GMAIL } from './sender-context.ts'

const NONE = {
  fix: 'Give one: --message FILE, as a mailbox at another provider has it (in Gmail: Show original, Download).',
}

/** RFC 5322. */
export const format: Check = {
  name: 'format',
  group: 'outside',
  summary:
    'Messages are of the form of RFC 5322: one From, one Date, one Message-ID, nothing twice that may be there once.',
  rfc: 'RFC 5322 §3.6',
  run: async (context) => ofMessages(context, formed),
}

const ONCE = ['From', 'Sender', 'Reply-To', 'To', 'Cc', 'Message-ID', 'In-Reply-To', 'References', 'Subject', 'Date']
const LONGEST = 998

function formed(message: SampleMessage): readonly HealthFinding[] {
  const { name, fields, octets, strayLines, fromDomain } = message
  const wrong: string[] = []
  const add = (isWrong: boolean, text: string): void => {
    if (isWrong) wrong.push(text)
  }
  for (const field of ['From', 'Date', 'Message-ID']) add(fields(field).length === 0, `no ${field}`)
  for (const field of ONCE) add(fields(field).length > 1, `${fields(field).length} fields ${field}`)
  add(
    fields('From').length === 1 && fromDomain === undefined,
    `From is not one address: ${fields('From')[0]?.slice(0, 80)}`,
  )
  const [date] = fields('Date')
  add(
    date !== undefined && Number.isNaN(Date.parse(date.replaceAll(/\([^()]*\)/g, ''))),
    `a Date that is none: ${date?.slice(0, 60)}`,
  )
  const [id] = fields('Message-ID')
  add(id !== undefined && !/^<[^<>@\s]+@[^<>\s]+>$/.test(id), `a Message-ID that is none: ${id?.slice(0, 60)}`)
  add(strayLines > 0, `${strayLines} lines in the header section that are no fields`)
  add(fields('Content-Type').length > 0 && fields('MIME-Version').length === 0, 'Content-Type without MIME-Version')
  const text = octets.toString('latin1')
  add(
    text.split('\r\n').some((line) => line.length > LONGEST),
    `a line of more than ${LONGEST} octets`,
  )
  add(/\r(?!\n)/.test(text), 'CR without LF')
  const rfc = `${GMAIL}; RFC 5322 §3.6`
  return wrong.length === 0
    ? [ok(name, `From ${fromDomain}, Date, Message-ID`)]
    : wrong.map((what) => fault(name, what, { rfc, fix: 'Correct it in the program that writes the message.' }))
}

/** RFC 8058. */
export const oneClick: Check = {
  name: 'one-click',
  group: 'outside',
  summary: 'Bulk mail can be left by one click, by fields that a signature covers.',
  rfc: 'RFC 8058 §3.1',
  askedBy: ['Gmail', 'Yahoo'],
  run: async (context) => ofMessages(context, leavable),
}

function leavable({ name, fields, signatures }: SampleMessage): readonly HealthFinding[] {
  const rfc = `${GMAIL}; RFC 8058 §3.1`
  const fix = 'Use the plugin unsubscribe for this sender. Mail of a transaction needs no such fields.'
  const values = fields('List-Unsubscribe')
  const uris = [...(values[0] ?? '').matchAll(/<([^<>]*)>/g)].map(([, uri = '']) => uri.replaceAll(/\s/g, ''))
  const [post] = fields('List-Unsubscribe-Post')
  if (values.length === 0 && post === undefined)
    return [remark(name, 'no List-Unsubscribe: right for mail of a transaction, not for bulk mail', { rfc, fix })]
  if (values.length !== 1 || fields('List-Unsubscribe-Post').length > 1)
    return [
      fault(
        name,
        `${values.length} fields List-Unsubscribe, ${fields('List-Unsubscribe-Post').length} List-Unsubscribe-Post`,
        { rfc, fix: 'One of each.' },
      ),
    ]
  if (!uris.some((uri) => /^https:\/\/[^/]/i.test(uri)))
    return [fault(name, `no https link in List-Unsubscribe: ${values[0]?.slice(0, 100)}`, { rfc, fix })]
  if (post === undefined || !/^List-Unsubscribe=One-Click$/i.test(post))
    return [
      fault(name, post === undefined ? 'no List-Unsubscribe-Post' : `List-Unsubscribe-Post is "${post.slice(0, 60)}"`, {
        rfc,
        fix: 'It has to be: List-Unsubscribe-Post: List-Unsubscribe=One-Click',
      }),
    ]
  const passing = signatures.filter(({ result }) => result === 'pass')
  const missing = ['list-unsubscribe', 'list-unsubscribe-post'].filter(
    (field) => !passing.some(({ covers }) => covers.includes(field)),
  )
  if (signatures.some(({ result }) => result === 'temperror') && (passing.length === 0 || missing.length > 0))
    return [
      remark(name, 'DNS does not say whether the signatures pass', { rfc: 'RFC 8058 §4', fix: 'Ask again later.' }),
    ]
  if (passing.length > 0 && missing.length > 0)
    return [
      fault(name, `no signature that passes covers ${missing.join(' and ')}`, {
        rfc: 'RFC 8058 §4',
        fix: 'Sign with these fields in h=, as dkim.sign does.',
      }),
    ]
  if (passing.length === 0)
    return [
      fault(name, 'no signature that passes, so the fields are not believed', {
        rfc: 'RFC 8058 §4',
        fix: 'Sign the message.',
      }),
    ]
  return [ok(name, uris.find((uri) => /^https:/i.test(uri))?.slice(0, 80) ?? '')]
}

/** TLS on the way. */
export const deliveryTls: Check = {
  name: 'delivery-tls',
  group: 'outside',
  summary: 'Mail is brought to receivers by TLS.',
  rfc: 'RFC 3207 §4',
  askedBy: ['Gmail'],
  run: async (context) => ofMessages(context, (message) => broughtByTls(message, context)),
}

/** The hop of our host, in the words of who took it. */
function broughtByTls(
  { name, fields }: SampleMessage,
  { hostname, addresses }: DoctorContext,
): readonly HealthFinding[] {
  const ours = [hostname.toLowerCase(), ...addresses]
  const hops = fields('Received').map((value) => value.toLowerCase())
  const hop = hops.find((value) => /^from /.test(value) && ours.some((one) => value.split(/\sby\s/)[0]?.includes(one)))
  if (hop === undefined)
    return [
      remark(name, `no Received field of a hop from ${hostname}`, {
        rfc: GMAIL,
        fix: 'Give a message as another provider has it, that this host has sent.',
      }),
    ]
  if (/\bwith\s+(?:utf8)?e?smtps(?:a)?\b|\bversion=tls|\btls_|\btlsv?1[._]/.test(hop))
    return [ok(name, hop.slice(0, 160))]
  return [
    fault(name, `without TLS: ${hop.slice(0, 160)}`, {
      rfc: `${GMAIL}; RFC 3207`,
      fix: 'Let the queue use TLS where it is offered: do not set tls: none.',
    }),
  ]
}

function ofMessages(
  context: DoctorContext,
  judge: (message: SampleMessage) => readonly HealthFinding[],
): readonly HealthFinding[] {
  const messages = context.sender?.messages ?? []
  return messages.length === 0
    ? [remark(context.domains[0] ?? '', 'no message to look at', NONE)]
    : messages.flatMap(judge)
}
