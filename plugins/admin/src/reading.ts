/** A message of a stranger, for an operator to read: as text, in stretches. Nothing of it is run, loaded, or followed. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import type { Attachment, Message, Mime } from '@postroad/plugin'
import { type Omitted, readHtml } from './cage.ts'
import { linkStretch, plainStretches, type Stretch, stretches } from './stretch.ts'

/** What is read of a message. */
export type Reading = Pick<
  ApiAnswer<'quarantineText'>,
  'fields' | 'source' | 'body' | 'truncated' | 'omitted' | 'attachments' | 'proof'
>

/** Characters of a body. */
const MOST = 200_000
const FIELDS = ['From', 'Sender', 'To', 'Cc', 'Reply-To', 'Date', 'Subject', 'Message-ID', 'List-Id']
/** Endings of files that run. */
const RUNS = /\.(?:exe|scr|com|pif|bat|cmd|js|jse|vbs|vbe|wsf|hta|lnk|msi|ps1|jar|reg|dll|cpl|iso|img|vhd)$/i
const INVISIBLE_NAME = /[\u0000-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/

/** Reads it. @param hostname whose Authentication-Results count */
export async function reading(message: Message, hostname: string): Promise<Reading> {
  const mime = await message.mime()
  const omitted: Omitted = { images: 0, scripts: 0, forms: 0, frames: 0, other: 0 }
  const isHtml = mime.text.trim() === '' || (mime.html !== undefined && mime.text === mime.htmlText)
  const { source, body } = bodyOf(mime, isHtml, omitted)
  return {
    fields: fieldsOf(message),
    source,
    body,
    truncated: mime.isTruncated || mime.text.length > MOST,
    omitted,
    attachments: mime.attachments.slice(0, 100).map(attachmentOf),
    proof: proofOf(message, hostname),
  }
}

function bodyOf(mime: Mime, isHtml: boolean, omitted: Omitted): Pick<Reading, 'source' | 'body'> {
  if (mime.html !== undefined) {
    const body = fromHtml(mime.html, omitted)
    if (isHtml) return { source: 'html', body }
  }
  if (mime.text.trim() === '') return { source: 'none', body: [] }
  return { source: 'text', body: stretches(mime.text.slice(0, MOST)) }
}

/** What a reader would see of HTML; what it counts as left out is also counted for mails whose text is shown. */
function fromHtml(html: string, omitted: Omitted): Stretch[] {
  const body: Stretch[] = []
  let [text, size] = ['', 0]
  let link: { readonly target: string; readonly before: string } | undefined
  const flush = (): void => {
    if (text !== '') body.push(...stretches(text))
    text = ''
  }
  const add = (more: string): void => {
    size += more.length
    if (size <= MOST) text += more
  }
  readHtml(html, {
    text: (more) => add(more.replace(/[ \t\r\n\f]+/g, ' ')),
    line() {
      if (link === undefined && !text.endsWith('\n\n')) text = `${text.replace(/[ \t]+$/, '')}\n`
    },
    openLink(target) {
      flush()
      link = { target, before: '' }
    },
    closeLink() {
      if (link === undefined) return
      if (text.trim() !== '') body.push(linkStretch(text.trim(), link.target))
      text = ''
      link = undefined
    },
    omitted(what, tag) {
      omitted[what]++
      if (what !== 'images' && what !== 'forms') return
      if (link !== undefined) return
      flush()
      body.push({ kind: 'omitted', what: tag === 'img' ? 'image' : tag })
    },
  })
  flush()
  return body
}

function fieldsOf({ headers }: Message): Reading['fields'] {
  return FIELDS.flatMap((name) =>
    headers
      .all(name)
      .slice(0, 5)
      .map((value) => ({ name, value: plainStretches(value.slice(0, 2_000)) })),
  )
}

function attachmentOf({ filename = '', contentType, sniffedType, size }: Attachment): ApiShape<'attachment'> {
  const warnings: string[] = []
  if (RUNS.test(filename.trim())) warnings.push('a program')
  if (INVISIBLE_NAME.test(filename))
    warnings.push('its name has characters that nobody sees, or that change its direction')
  if (/\.[a-z0-9]{2,4}\s*\.[a-z0-9]{2,4}$/i.test(filename) && RUNS.test(filename)) warnings.push('two endings')
  if (sniffedType !== undefined && sniffedType !== contentType && contentType !== 'application/octet-stream')
    warnings.push('it is not what it says')
  return {
    name: plainStretches(filename.slice(0, 500)),
    declared: contentType,
    ...(sniffedType !== undefined && { found: sniffedType }),
    octets: size,
    warnings,
  }
}

/** Results of our own server alone: what others have written there is a stranger's words. */
function proofOf({ headers }: Message, hostname: string): Record<string, string> {
  const proof = new Map<string, string>()
  for (const value of headers.all('Authentication-Results')) {
    const [by = '', ...results] = value.split(';')
    if ((by.trim().split(/\s/)[0] ?? '').toLowerCase() !== hostname.toLowerCase()) continue
    for (const one of results) {
      const [, method, result] = /^\s*(spf|dkim|dmarc|arc)\s*=\s*([a-z]+)/i.exec(one) ?? []
      if (method !== undefined && result !== undefined && !proof.has(method))
        proof.set(method.toLowerCase(), result.toLowerCase())
    }
  }
  return Object.fromEntries(proof)
}
