/** The message that `postroad send` sends: a file, standard input, or one that is made. */

import { readFile } from 'node:fs/promises'
import os from 'node:os'
import { basename } from 'node:path'
import { textOf } from '@postroad/plugin'
import MailComposer from 'nodemailer/lib/mail-composer'
import { UsageError } from '../config/usage-error.ts'

/** What a message is made of. */
export interface MessageParts {
  readonly from: string
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
  /** Whole fields: `Name: value`. */
  readonly header: readonly string[]
  /** Files. */
  readonly attach: readonly string[]
}

/**
 * The octets, lines ending in CRLF.
 *
 * @throws {UsageError} when a file cannot be read, or a header field is none
 */
export async function readMessage(file: string | undefined, parts: MessageParts): Promise<Buffer> {
  // RFC 5322 §2.2: printable ASCII but the colon.
  for (const field of parts.header)
    if (!/^[!-9;-~]+:[^\r\n]*$/.test(field))
      throw new UsageError(`--header ${JSON.stringify(field)} is not 'Name: value'`)
  if (file !== undefined && parts.attach.length > 0)
    throw new UsageError('--attach is for a message that is made, not for a file')
  const octets = file === undefined ? await made(parts) : await read(file)
  const fields = parts.header.map((field) => `${field}\r\n`).join('')
  return Buffer.concat([
    Buffer.from(fields),
    Buffer.from(octets.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1'),
  ])
}

async function made({ from, to, subject, text, attach }: MessageParts): Promise<Buffer> {
  const attachments = await Promise.all(
    attach.map(async (path) => ({ filename: basename(path), content: await read(path) })),
  )
  const author = /^<?>?$/.test(from) ? `mailer-daemon@${os.hostname()}` : from
  return await new MailComposer({ from: author, to: [...to], subject, text, attachments, newline: '\r\n' })
    .compile()
    .build()
}

async function read(file: string): Promise<Buffer> {
  try {
    if (file !== '-') return await readFile(file)
    const chunks: Buffer[] = []
    for await (const chunk of process.stdin) chunks.push(chunk)
    return Buffer.concat(chunks)
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${textOf(cause)}`, { cause })
  }
}
