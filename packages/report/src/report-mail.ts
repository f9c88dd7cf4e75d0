/** A report as a message: what people read, and what programs read as an attachment. RFC 8460 §5.3, RFC 9990 §3.5.2. */
import { createHash } from 'node:crypto'

/** What is put into it; every text is ASCII, for names are A-labels. */
export interface ReportMail {
  readonly from: string
  readonly to: string
  /** Domain that it is about. */
  readonly domain: string
  /** Domain that it is from. */
  readonly submitter: string
  /** `left@right`. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly date: number
  /** `tlsrpt`, for a multipart/report; undefined: multipart/mixed. */
  readonly reportType?: string
  /** Fields that belong to this kind of report. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly text: string
  readonly attachment: { readonly type: string; readonly name: string; readonly octets: Uint8Array }
}

/** The message, octet by octet the same for the same report. */
export function writeReportMail(mail: ReportMail): Buffer {
  const { from, to, domain, submitter, id, date, reportType, fields, text, attachment } = mail
  const boundary = `=_report_${createHash('sha256').update(id).digest('hex').slice(0, 24)}`
  const kind = reportType === undefined ? 'mixed' : `report; report-type="${reportType}"`
  const head = [
    ['From', `<${from}>`],
    ['To', `<${to}>`],
    ['Subject', `Report Domain: ${domain}\r\n Submitter: ${submitter}\r\n Report-ID: <${id}>`],
    ['Date', dateOf(date)],
    ['Message-ID', `<${id}>`],
    ...fields,
    // RFC 3834 §5: nobody on holiday is to answer it.
    ['Auto-Submitted', 'auto-generated'],
    ['MIME-Version', '1.0'],
    ['Content-Type', `multipart/${kind};\r\n boundary="${boundary}"`],
  ]
  const parts = [
    `Content-Type: text/plain; charset=us-ascii\r\n\r\n${text.replaceAll(/\r?\n/g, '\r\n')}\r\n`,
    [
      `Content-Type: ${attachment.type}`,
      'Content-Transfer-Encoding: base64',
      `Content-Disposition: attachment;\r\n filename="${attachment.name}"`,
      '',
      Buffer.from(attachment.octets)
        .toString('base64')
        .replaceAll(/.{76}(?=.)/g, '$&\r\n'),
      '',
    ].join('\r\n'),
  ]
  return Buffer.from(
    [
      ...head.map(([name, value]) => `${name}: ${value}`),
      '',
      ...parts.map((part) => `--${boundary}\r\n${part}`),
      `--${boundary}--`,
      '',
    ].join('\r\n'),
    'latin1',
  )
}

/** RFC 5322 §3.3. */
function dateOf(ms: number): string {
  return new Date(ms).toUTCString().replace('GMT', '+0000')
}
