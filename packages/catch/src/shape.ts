/** Messages as the REST API of Mailpit has them, so that its clients can read them. Names of fields are Mailpit's. */
import { createHash } from 'node:crypto'
import { linksOf } from '@postroad/content'
import type { Attachment, Message, Mime } from '@postroad/plugin'
import { type CaughtEntry, filesOf, mimeOf, type Name } from './entry.ts'

/** Links of a message that are told. */
const LINKS = 200

const address = ({ name, address }: Name) => ({ Name: name, Address: address })

/** One of a list. */
export function summaryOf(entry: CaughtEntry) {
  return {
    ID: entry.id,
    MessageID: entry.messageId,
    Read: entry.read,
    From: entry.from && address(entry.from),
    To: entry.to.map(address),
    Cc: entry.cc.map(address),
    Bcc: entry.bcc.map(address),
    ReplyTo: entry.replyTo.map(address),
    Subject: entry.subject,
    Created: new Date(entry.at).toISOString(),
    Username: entry.username,
    Tags: entry.tags,
    Size: entry.size,
    Attachments: entry.attachments,
    Snippet: entry.snippet,
  }
}

/** One message, decoded. What Mailpit has not is in `Postroad`. */
export async function messageOf(entry: CaughtEntry, message: Message) {
  const mime = await mimeOf(message)
  const { inline, attached } = filesOf(mime)
  const { Read: _, Created: created, Snippet: _snippet, ...summary } = summaryOf(entry)
  return {
    ...summary,
    ReturnPath: entry.sender,
    ListUnsubscribe: unsubscribeOf(message),
    Date: message.date?.toISOString() ?? created,
    Text: mime?.text ?? '',
    HTML: mime?.html ?? '',
    Inline: inline.map(fileOf),
    Attachments: attached.map(fileOf),
    Postroad: {
      Received: created,
      Recipients: entry.recipients,
      Client: entry.client,
      Authentication: entry.authentication,
      // What filters would say; null: none was asked.
      Findings: entry.findings ?? null,
      Links: mime ? linksShown(mime) : [],
      // What no reader may rely on: parts that mail clients read differently.
      Ambiguous: mime?.ambiguous ?? [],
      IsTruncated: mime?.isTruncated ?? true,
    },
  }
}

/** Where each link leads, and what is shown for it; the same one once. */
function linksShown(mime: Mime) {
  return linksOf(mime)
    .links.slice(0, LINKS)
    .map(({ url, shown, element, host, target }) => ({
      URL: url.href,
      Host: host,
      Shown: shown,
      Element: element,
      LeadsTo: target?.url.href ?? '',
    }))
}

function fileOf(file: Attachment) {
  const sum = (algorithm: string): string => createHash(algorithm).update(file.content).digest('hex')
  return {
    PartID: file.part,
    FileName: file.filename ?? '',
    ContentType: file.contentType,
    ContentID: file.contentId ?? '',
    Size: file.size,
    Checksums: { MD5: sum('md5'), SHA1: sum('sha1'), SHA256: file.sha256 },
  }
}

/** RFC 2369, RFC 8058. */
function unsubscribeOf({ headers, list }: Message) {
  return {
    Header: headers.get('List-Unsubscribe')?.trim() ?? '',
    Links: list?.unsubscribe ?? [],
    Errors: '',
    HeaderPost: headers.get('List-Unsubscribe-Post')?.trim() ?? '',
  }
}

/**
 * All fields: by their names, each with its values in order. Names are `Message-Id` and `Mime-Version`, as Mailpit has them, so that a test finds what
 * it asks for; or as they are written.
 */
export function headersOf({ headers }: Message, asWritten: boolean): Record<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const field of headers) {
    const name = asWritten ? field.name : canonical(field.name)
    found.set(name, [...(found.get(name) ?? []), field.value.trim()])
  }
  return Object.fromEntries(found)
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase())
}
