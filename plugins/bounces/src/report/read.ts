/** Reads a report out of a message, whatever its format, within bounds. */
import { type Section, sectionsOf } from '@postroad/message'
import type { Message } from '@postroad/plugin'
import { readArf } from './arf.ts'
import { readDsn } from './dsn.ts'
import { readMdn } from './mdn.ts'
import type { MailReport } from './report.ts'
import { isFromMailer, readText } from './text.ts'

/** Octets of a message that are looked at: the machine-readable part comes before what is returned. */
const MESSAGE = 2 * 1024 * 1024
/** Octets of the machine-readable part. */
const PART = 1024 * 1024
/** Octets of a text, and of the header section of what is returned. */
const WORDS = 64 * 1024

type Reader = (text: string) => Omit<MailReport, 'format' | 'returned'> | undefined

const READERS: ReadonlyMap<string, readonly [format: MailReport['format'], read: Reader]> = new Map([
  ['message/delivery-status', ['dsn', readDsn]],
  ['message/global-delivery-status', ['dsn', readDsn]],
  ['message/feedback-report', ['arf', readArf]],
  ['message/disposition-notification', ['mdn', readMdn]],
  ['message/global-disposition-notification', ['mdn', readMdn]],
] as const)

const RETURNED: ReadonlySet<string> = new Set([
  'message/rfc822',
  'message/global',
  'text/rfc822-headers',
  'message/global-headers',
])

/** Undefined: it is no report, or none that can be read. */
export async function readReport(message: Message): Promise<MailReport | undefined> {
  const { octets, isWhole } = await head(message)
  const found = sectionsOf(octets)
  if (!found) return undefined
  const { sections } = found
  const returned = returnedIn(sections)
  for (const section of sections) {
    const [format, read] = READERS.get(section.type) ?? []
    if (!format || !read) continue
    const part = section.read(PART + 1)
    const said = read(part.subarray(0, PART).toString('utf8'))
    if (said) return { format, ...said, isTruncated: said.isTruncated || part.length > PART || !isWhole, returned }
  }
  if (!isFromMailer(message)) return undefined
  const text = sections
    .find(({ type }) => type === 'text/plain')
    ?.read(WORDS)
    .toString('utf8')
  const said = text === undefined ? undefined : readText(text, message)
  return said && { format: 'text', ...said, returned }
}

/** The beginning of the message, in one piece. */
async function head(message: Message): Promise<{ readonly octets: Buffer; readonly isWhole: boolean }> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const chunk of message.raw()) {
    pieces.push(chunk)
    size += chunk.length
    if (size >= MESSAGE) break
  }
  return { octets: Buffer.concat(pieces).subarray(0, MESSAGE), isWhole: message.size <= MESSAGE }
}

function returnedIn(sections: readonly Section[]): string | undefined {
  const part = sections.findLast(({ type }) => RETURNED.has(type))
  if (!part) return undefined
  const text = part.read(WORDS).toString('utf8')
  const end = /\r?\n\r?\n/.exec(text)?.index ?? text.length
  return text.slice(0, end)
}
