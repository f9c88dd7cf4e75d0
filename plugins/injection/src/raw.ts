/** A whole message that a program has made: what must not be in it goes, what is missing is added. The rest stays as it is, octet for octet. */
import type { Address } from '@postroad/mail'
import { mailboxesOf } from './mailbox.ts'
import { type Fault, pointerOf } from './refusal.ts'

/** A message as it is sent, and what its fields say of the envelope. */
export interface RawMessage {
  readonly octets: Buffer
  readonly from: readonly Address[]
  readonly recipients: readonly Address[]
  readonly messageId: string | undefined
}

const NAME = /^[!-9;-~]+$/
/** Header sections beyond that are an attack. */
const MOST = 262_144

/** A sentence when it is no message. */
export function readRaw(
  raw: Buffer,
  added: { readonly messageId: string; readonly date: string },
): RawMessage | string {
  const end = endOf(raw)
  if (end === undefined) return `has a header section of more than ${MOST} octets, or none`
  const fields = fieldsOf(raw.subarray(0, end).toString('latin1'))
  if (typeof fields === 'string') return fields
  const values = (name: string): readonly string[] =>
    fields.filter((field) => field.name === name).map(({ value }) => value)
  const from = values('from')
  if (from.length !== 1) return from.length === 0 ? 'has no field From' : 'has more than one field From'
  const own = values('message-id')[0]
  const more = [
    ...(own === undefined ? [`Message-ID: ${added.messageId}\r\n`] : []),
    ...(values('date').length === 0 ? [`Date: ${added.date}\r\n`] : []),
  ]
  // RFC 5322 §3.6.3: nobody but who wrote it sees who else was written to.
  const kept = fields.filter(({ name }) => name !== 'bcc' && name !== 'resent-bcc').map(({ text }) => text)
  return {
    octets: Buffer.concat([Buffer.from([...more, ...kept].join(''), 'latin1'), raw.subarray(end)]),
    from: mailboxesOf(utf8(from[0] ?? '')),
    recipients: ['to', 'cc', 'bcc'].flatMap((name) => values(name).flatMap((value) => mailboxesOf(utf8(value)))),
    messageId: own?.trim() ?? added.messageId,
  }
}

/** Where the empty line begins. */
function endOf(raw: Buffer): number | undefined {
  const head = raw.subarray(0, MOST)
  const ends = [head.indexOf('\r\n\r\n'), head.indexOf('\n\n')].flatMap((at, which) =>
    at < 0 ? [] : [at + (which === 0 ? 2 : 1)],
  )
  if (ends.length > 0) return Math.min(...ends)
  return raw.length < MOST && raw.length > 0 ? raw.length : undefined
}

interface Field {
  readonly name: string
  readonly text: string
  readonly value: string
}

function fieldsOf(head: string): readonly Field[] | string {
  const fields: Field[] = []
  const lines = (head.endsWith('\n') ? head : `${head}\r\n`).match(/[^\n]*\n/g) ?? []
  let text = ''
  const push = (): boolean => {
    const colon = text.indexOf(':')
    const name = text.slice(0, colon).trimEnd()
    if (colon < 1 || !NAME.test(name)) return false
    fields.push({ name: name.toLowerCase(), text, value: text.slice(colon + 1).replaceAll(/\r?\n/g, '') })
    return true
  }
  for (const line of lines) {
    if (/^[ \t]/.test(line) && text !== '') text += line
    else {
      if (text !== '' && !push()) return notField(text)
      text = line
    }
  }
  if (text !== '' && !push()) return notField(text)
  return fields
}

function notField(text: string): string {
  return `has a line in its header section that is no field: ${JSON.stringify(text.trimEnd().slice(0, 60))}`
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8')
}

/** A fault of the whole message. */
export function rawFault(detail: string): Fault {
  return { pointer: pointerOf(['raw']), detail }
}
