import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import fc from 'fast-check'
import { layTo } from '../lay.ts'
import { lines, reportOf } from '../report-fixture.test.ts'
import { groupsOf } from './fields.ts'
import { readReport } from './read.ts'
import { replyIn } from './reply.ts'

const read = (octets: Buffer) => readReport(messageFromBytes(octets))

/** What a report says, a line a recipient. */
async function said(octets: Buffer): Promise<string[]> {
  const report = await read(octets)
  return report
    ? layTo(undefined, report).map(({ kind, reported, reply, class: as, fault, detail }) =>
        [kind, reported ?? '-', reply?.code, reply?.status, as, fault, detail]
          .filter((one) => one !== undefined)
          .join(' '),
      )
    : []
}

test('RFC 3464 appendix E: each recipient has its group, and the words of the remote server go before the status', async () => {
  const status = [
    'Reporting-MTA: dns; cs.utk.edu',
    '',
    'Original-Recipient: rfc822;louisl@larry.slip.umd.edu',
    'Final-Recipient: rfc822;louisl@larry.slip.umd.edu',
    'Action: failed',
    'Status: 4.0.0',
    'Diagnostic-Code: smtp; 426 connection timed out',
    'Last-Attempt-Date: Thu, 7 Jul 1994 17:15:49 -0400',
    '',
    'Final-Recipient: RFC822; Full@Example.COM',
    'Action: Failed (permanently)',
    'Status: 5.2.2 (mailbox full)',
    'Diagnostic-Code: smtp; 552 5.2.2 Over',
    '  quota',
    '',
    'Original-Recipient: rfc822;a+2Bb@example.com',
    'Final-Recipient: rfc822;',
    'Action: delayed',
    'Status: 4.4.1',
    '',
  ]
  assert.deepEqual(await said(reportOf('message/delivery-status', status.join('\n'))), [
    'failed louisl@larry.slip.umd.edu 426 network transport',
    'failed Full@example.com 552 5.2.2 quota mailbox',
    'delayed a+2Bb@example.com 451 4.4.1 network transport',
  ])
})

test('a status by itself is read for what it says, and one that says nothing for nothing: nobody is dead of 5.0.0', async () => {
  const of = (status: string) =>
    `Reporting-MTA: dns; a.test\n\nFinal-Recipient: rfc822; a@b.test\nAction: failed\nStatus: ${status}\n`
  assert.deepEqual(await said(reportOf('message/delivery-status', of('5.1.1'))), [
    'failed a@b.test 554 5.1.1 invalid-mailbox address',
  ])
  assert.deepEqual(await said(reportOf('message/delivery-status', of('5.0.0'))), [
    'failed a@b.test 554 5.0.0 other transport',
  ])
})

test('RFC 6533 §3: addresses beyond ASCII, in both of their forms', async () => {
  const group = (address: string) => `Final-Recipient: ${address}\nAction: failed\nStatus: 5.1.1\n`
  const status = `Reporting-MTA: dns; a.test\n\n${group('utf-8; \\x{6E2C}a@example.com')}\n${group('utf-8; 測b@example.com')}`
  assert.deepEqual(await said(reportOf('message/global-delivery-status', status)), [
    'failed 測a@example.com 554 5.1.1 invalid-mailbox address',
    'failed 測b@example.com 554 5.1.1 invalid-mailbox address',
  ])
})

test('RFC 5965 §2: complaints, with whom they name; a report on authentication is none', async () => {
  const of = (type: string) =>
    `Feedback-Type: ${type}\nUser-Agent: SomeGenerator/1.0\nVersion: 1\nOriginal-Mail-From: <news@example.com>\nOriginal-Rcpt-To: <user@example.net>\n`
  assert.deepEqual(await said(reportOf('message/feedback-report', of('abuse'))), ['complaint user@example.net abuse'])
  assert.deepEqual(await said(reportOf('message/feedback-report', of('not-spam'))), [
    'not-spam user@example.net not-spam',
  ])
  assert.deepEqual(await said(reportOf('message/feedback-report', of('auth-failure'))), [])
  assert.deepEqual(await said(reportOf('message/feedback-report', 'Feedback-Type: opt-out\nVersion: 0.1\n')), [
    'complaint - opt-out',
  ])
})

test('RFC 8098 §9: a receipt', async () => {
  const status = [
    'Reporting-UA: joes-pc.cs.example.com; Foomail 97.1',
    'Original-Recipient: rfc822;Joe_Recipient@example.com',
    'Final-Recipient: rfc822;Joe_Recipient@example.com',
    'Original-Message-ID: <199509192301.23456@example.org>',
    'Disposition: manual-action/MDN-sent-manually; displayed',
    '',
  ]
  assert.deepEqual(await said(reportOf('message/disposition-notification', status.join('\n'))), [
    'disposition Joe_Recipient@example.com displayed',
  ])
})

test('bounces in words are read where a server’s reply stands in them: qmail, old Exims', async () => {
  const qmail = lines(
    'From: MAILER-DAEMON@qmail.example',
    'Subject: failure notice',
    '',
    'Hi. This is the qmail-send program at qmail.example.',
    "I'm afraid I wasn't able to deliver your message to the following addresses.",
    '',
    '<gone@example.org>:',
    '192.0.2.25 does not like recipient.',
    'Remote host said: 550 5.1.1 <gone@example.org>: User unknown',
    'Giving up on 192.0.2.25.',
    '',
    '<spam@example.org>:',
    'Remote host said: 554 5.7.1 Blocked using zen.spamhaus.org',
    '',
    '--- Below this line is a copy of the message.',
    '',
    'DKIM-Signature: v=1',
    '',
  )
  assert.deepEqual(await said(qmail), [
    'failed gone@example.org 550 5.1.1 invalid-mailbox address',
    'failed spam@example.org 554 5.7.1 spam-block policy',
  ])
  const exim = (words: string) =>
    lines(
      'From: Mailer-Daemon@exim.example',
      'X-Failed-Recipients: a@example.org',
      '',
      'A message that you sent could not be delivered',
      '',
      '  a@example.org',
      `    ${words}`,
      '',
      '------ This is a copy ------',
      '',
      'X: 550 5.1.1 dkim',
      '',
    )
  assert.deepEqual(await said(exim('host mx.example.org [192.0.2.1]: 550 5.2.1 Account disabled')), [
    'failed a@example.org 550 5.2.1 inactive-mailbox address',
  ])
})

test('what a person or an auto-responder writes is no report', async () => {
  const from = (sender: string, ...more: string[]) =>
    lines(`From: ${sender}`, ...more, '', 'I am away. 550 5.1.1 is what I ate.', '')
  assert.deepEqual(await said(from('ann@example.org')), [])
  assert.deepEqual(await said(from('postmaster@example.org', 'Auto-Submitted: auto-replied')), [])
  assert.deepEqual(await said(lines('From: MAILER-DAEMON@example.org', '', 'Something went wrong.', '')), [])
})

test('a report of a megabyte, of 10,000 recipients, and one in reports in reports: bounded', async () => {
  const group = (at: number) => `Final-Recipient: rfc822; user${at}@example.com\nAction: failed\nStatus: 5.1.1\n\n`
  const many = await read(
    reportOf('message/delivery-status', Array.from({ length: 10_000 }, (_, at) => group(at)).join('')),
  )
  assert.equal(many?.recipients.length, 1_000)
  assert.equal(many?.isTruncated, true)
  const long = await read(
    reportOf(
      'message/delivery-status',
      `${group(1)}Final-Recipient: rfc822; a@b.test\nAction: failed\nDiagnostic-Code: smtp; 550 ${'x'.repeat(3_000_000)}`,
    ),
  )
  assert.equal(long?.isTruncated, true)
  assert.ok((long?.recipients.at(-1)?.reply?.text.length ?? 0) <= 500)
  let nested = 'Content-Type: text/plain\r\n\r\nx'
  for (let depth = 0; depth < 60; depth++)
    nested = `Content-Type: multipart/report; boundary="b${depth}"\r\n\r\n--b${depth}\r\n${nested}\r\n--b${depth}--\r\n`
  assert.equal(await read(Buffer.from(`From: MAILER-DAEMON@a.test\r\n${nested}`)), undefined)
})

test('a report within a returned message is not read: it is what a stranger was sent', async () => {
  const inner = reportOf(
    'message/delivery-status',
    'Final-Recipient: rfc822; victim@example.com\nAction: failed\nStatus: 5.1.1\n',
  ).toString()
  const outer = lines(
    'From: ann@example.org',
    'Content-Type: multipart/mixed; boundary="o"',
    '',
    '--o',
    'Content-Type: message/rfc822',
    '',
  )
  assert.equal(await read(Buffer.concat([outer, Buffer.from(`\r\n${inner}\r\n--o--\r\n`)])), undefined)
})

test('any text has groups, no field is longer than the bound, and any reply in it has a code', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const group of groupsOf(text, 10))
        for (const [name, values] of group) {
          assert.equal(name, name.toLowerCase())
          for (const value of values) assert.ok(value.length <= 2_000)
        }
      const reply = replyIn(text)
      assert.ok(reply === undefined || (reply.code >= 400 && reply.code < 600))
    }),
  )
})
