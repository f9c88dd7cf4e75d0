/** The message that a program pipes into sendmail: what is missing is added, whom it is for is read, hidden copies stay hidden. */
import { randomBytes } from 'node:crypto'
import type { Message } from '@postroad/mail'
import { messageFromBytes } from '@postroad/message'
import addressparser from 'nodemailer/lib/addressparser'
import { encodeWords } from 'nodemailer/lib/mime-funcs'
import type { SendmailArguments } from './sendmail-arguments.ts'

/** Ready to be sent. */
export interface PipedMessage {
  readonly octets: Buffer
  readonly to: readonly string[]
}

/** What is added is made of these. */
export interface PipedContext {
  /** The reverse-path. */
  readonly from: string
  readonly hostname: string
  readonly now: Date
}

/** @param input as it came; lines end with LF or CRLF */
export async function pipedMessage(
  input: Buffer,
  args: Pick<SendmailArguments, 'fromFields' | 'keepsDots' | 'fullName' | 'to'>,
  { from, hostname, now }: PipedContext,
): Promise<PipedMessage> {
  let text = input.toString('latin1').replace(/\r?\n/g, '\n')
  if (!args.keepsDots) text = text.replace(/(^|\n)\.\n[\s\S]*$/, '$1')
  // A mailbox file has such a line before each message.
  text = text.replace(/^From [^\n]*\n/, '')
  // Without fields it is all body, as `echo Done | sendmail ann` means it.
  if (!/^(?:[!-9;-~]+[ \t]*:|\n)/.test(text)) text = `\n${text}`
  const message = messageFromBytes(Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1'))
  const fields = [...message.headers]
  const to = args.fromFields
    ? [...args.to, ...['to', 'cc', 'bcc'].flatMap((name) => addressesOf(message, name))]
    : args.to
  const has = (name: string): boolean => fields.some((field) => field.name.toLowerCase() === name)
  const added = [
    ...(has('from') ? [] : [`From: ${mailbox(args.fullName, from === '' ? `MAILER-DAEMON@${hostname}` : from)}`]),
    ...(has('date') ? [] : [`Date: ${now.toUTCString().replace('GMT', '+0000')}`]),
    ...(has('message-id')
      ? []
      : [`Message-ID: <${now.getTime().toString(36)}.${randomBytes(9).toString('hex')}@${hostname}>`]),
  ]
  const shown = message.withoutHeader('Bcc')
  const chunks: Uint8Array[] = [Buffer.from(added.map((line) => `${line}\r\n`).join(''))]
  for await (const chunk of shown.raw()) chunks.push(chunk)
  return { octets: Buffer.concat(chunks), to: [...new Set(to.map(bare))].filter((address) => address !== '') }
}

/** Groups and names are looked through. */
function addressesOf(message: Message, name: string): readonly string[] {
  return message.headers
    .all(name)
    .flatMap((value) => addressparser(value, { flatten: true }).map(({ address }) => address))
}

/** RFC 5322 §3.4; a name beyond ASCII is an encoded word, RFC 2047. */
function mailbox(name: string | undefined, address: string): string {
  if (name === undefined || name === '') return `<${address}>`
  if (/^[\x20-\x7e]*$/.test(name)) return `"${name.replace(/["\\]/g, '\\$&')}" <${address}>`
  return `${encodeWords(name.replace(/[\u0000-\u001f\u007f]/g, ''), 'B', 52, true)} <${address}>`
}

function bare(address: string): string {
  return address.trim().replace(/^<(.*)>$/s, '$1')
}
