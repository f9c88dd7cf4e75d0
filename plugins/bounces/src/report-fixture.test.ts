/** Reports as mail servers write them. */

/** Lines of a message, as they go over the wire. */
export function lines(...text: readonly string[]): Buffer {
  return Buffer.from(text.join('\n').replaceAll('\n', '\r\n'))
}

/** A report of a type, with its machine-readable part, and what it returns. */
export function reportOf(type: string, status: string, returned = 'Subject: x\nFrom: news@example.com\n'): Buffer {
  const [, kind] = /^message\/(?:global-)?(.*)$/.exec(type) ?? []
  return lines(
    'From: Mail Delivery System <MAILER-DAEMON@mx.example.org>',
    'Subject: Undelivered Mail Returned to Sender',
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=${kind}; boundary="b"`,
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'Your message could not be delivered.',
    '',
    '--b',
    `Content-Type: ${type}`,
    '',
    status,
    '--b',
    'Content-Type: text/rfc822-headers',
    '',
    returned,
    '--b--',
    '',
  )
}

/** A notification about one recipient. */
export function dsnOf(recipient: string, reply = '550 5.1.1 User unknown', action = 'failed'): Buffer {
  return reportOf(
    'message/delivery-status',
    [
      'Reporting-MTA: dns; mx.example.org',
      '',
      `Final-Recipient: rfc822; ${recipient}`,
      `Action: ${action}`,
      'Status: 5.0.0',
      `Diagnostic-Code: smtp; ${reply}`,
      '',
    ].join('\n'),
  )
}
