/** Reports as receivers send them. */

const lines = (...all: readonly string[]): string => all.join('\r\n')

/** A notification that mail to an address has failed, RFC 3464. */
export function dsnOf(address: string, reply: string): string {
  const [, code = '550', status = code.startsWith('4') ? '4.0.0' : '5.0.0'] =
    /^(\d{3}) ?(\d\.\d{1,3}\.\d{1,3})?/.exec(reply) ?? []
  return lines(
    'From: MAILER-DAEMON@mx.test',
    'Subject: Undelivered Mail Returned to Sender',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'It could not be delivered.',
    '--b',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx.test',
    '',
    `Final-Recipient: rfc822; ${address}`,
    'Action: failed',
    `Status: ${status}`,
    `Diagnostic-Code: smtp; ${reply}`,
    '',
    '--b--',
  )
}

/** A complaint, RFC 5965, with every address blacked out. */
export function arfOf(headers: string): string {
  return lines(
    'From: fbl@provider.test',
    'Subject: FW: News of today',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=feedback-report; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'This is a complaint.',
    '--b',
    'Content-Type: message/feedback-report',
    '',
    'Feedback-Type: abuse',
    'User-Agent: provider/1.0',
    'Version: 1',
    'Original-Rcpt-To: <redacted@redacted.invalid>',
    '',
    '--b',
    'Content-Type: text/rfc822-headers',
    '',
    headers.replaceAll(/[^\s<>@,;:=]+@[^\s<>,;:?]+/g, 'redacted@redacted.invalid'),
    '',
    '--b--',
  )
}
