import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BOUNCE_TABLE } from './bounce-table.ts'
import { classify } from './classify.ts'

/** Replies as large providers and common servers say them. */
// biome-ignore format: a table
const REPLIES: readonly (readonly [kind: string, code: number, status: string | undefined, text: string])[] = [
  ['invalid-mailbox', 550, '5.1.1', 'The email account that you tried to reach does not exist. Please try double-checking the recipient\'s email address'],
  ['invalid-mailbox', 550, '5.1.10', 'RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'],
  ['invalid-domain', 556, '5.1.10', 'Domain does not accept mail (nullMX)'],
  ['policy', 550, undefined, 'Blocked'],
  ['policy', 550, undefined, 'Access denied'],
  ['reputation', 550, undefined, 'Insecure Mail Relay'],
  ['other', 550, undefined, 'Go away'],
  ['other', 553, undefined, 'Sorry'],
  ['policy', 553, '5.1.8', '<x@example.com>... Domain of sender address y@nowhere.test does not exist'],
  ['policy', 450, '4.1.8', '<y@nowhere.test>: Sender address rejected: Domain not found'],
  ['spam-block', 550, '5.7.1', '<x@example.com>: Recipient address rejected: Spam detected'],
  ['policy', 554, '5.7.1', '<x@example.com>: Recipient address rejected: Access denied'],
  ['rate', 552, undefined, 'Too many recipients'],
  ['rate', 452, '4.5.3', 'Too many recipients'],
  ['system', 452, '4.4.5', 'Insufficient disk space; try again later'],
  ['system', 452, '4.3.1', 'Insufficient system storage'],
  ['too-big', 552, undefined, ''],
  ['too-big', 552, undefined, 'Message size exceeds fixed maximum message size'],
  ['invalid-mailbox', 550, undefined, 'No such user here'],
  ['invalid-mailbox', 550, undefined, 'Unrouteable address'],
  ['invalid-mailbox', 550, undefined, ''],
  ['invalid-mailbox', 550, '5.1.1', '<x@example.com>: Recipient address rejected: User unknown in virtual mailbox table'],
  ['quota', 452, '4.2.2', 'The recipient\'s inbox is out of storage space'],
  ['quota', 552, '5.2.2', 'This message is larger than the current system limit or the recipient\'s mailbox is full'],
  ['greylist', 450, '4.2.0', '<x@example.com>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/example.com.html'],
  ['greylist', 451, '4.7.1', 'Greylisting in action, please come back later'],
  ['greylist', 450, undefined, 'try again'],
  ['rate', 421, '4.7.28', 'Our system has detected an unusual rate of unsolicited mail originating from your IP address'],
  ['rate', 450, '4.2.1', 'The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered'],
  ['rate', 421, undefined, 'Too many connections from your host'],
  ['rate', 451, '4.7.500', 'Server busy. Please try again later: throttled'],
  ['spam-block', 550, '5.7.1', 'Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org'],
  ['spam-block', 550, '5.7.1', 'Our system has detected that this message is likely unsolicited mail'],
  ['authentication', 550, '5.7.26', 'This mail has been blocked because the sender is unauthenticated. Requires either SPF or DKIM'],
  ['authentication', 550, '5.7.1', 'Unauthenticated email from example.com is not accepted due to domain\'s DMARC policy'],
  ['reputation', 550, '5.7.25', 'The IP address sending this message does not have a PTR record setup'],
  ['reputation', 554, '5.7.1', 'Poor reputation of your network'],
  ['relaying', 554, '5.7.1', '<x@example.org>: Relay access denied'],
  ['inactive-mailbox', 550, '5.2.1', 'The email account that you tried to reach is disabled'],
  ['invalid-domain', 550, '5.1.2', 'Host unknown'],
  ['dns', 451, '4.4.3', 'Temporary server error: DNS'],
  ['network', 451, '4.4.1', 'Connection refused'],
  ['network', 421, undefined, 'Service not available, closing transmission channel'],
  ['loop', 554, '5.4.6', 'Too many hops'],
  ['too-big', 552, '5.3.4', 'Message size exceeds fixed limit'],
  ['content', 554, '5.6.0', 'Message content rejected'],
  ['content', 550, '5.7.0', 'This message was blocked because its content presents a potential security issue: virus'],
  ['policy', 550, '5.7.1', 'Administrative prohibition'],
  ['tls', 530, '5.7.0', 'Must issue a STARTTLS command first'],
  ['system', 451, '4.3.0', 'Mail server temporarily rejected message'],
  ['protocol', 501, '5.5.4', 'Invalid domain name: is not good'],
  ['other', 554, undefined, 'No'],
]

test('replies of real servers are read for what they mean', () => {
  const wrong = REPLIES.filter(([kind, code, status, text]) => classify({ code, status, text }) !== kind)
  assert.deepEqual(
    wrong.map(
      ([kind, code, status, text]) => `${code} ${status} ${text}: ${classify({ code, status, text })}, not ${kind}`,
    ),
    [],
  )
})

test('any reply has a class, however long or odd its text', () => {
  const classes = new Set<string>([...BOUNCE_TABLE.map((row) => row.class), 'other'])
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 999 }),
      fc.option(fc.string(), { nil: undefined }),
      fc.string(),
      (code, status, text) => {
        assert.ok(classes.has(classify({ code, status, text })))
      },
    ),
  )
  const before = process.hrtime.bigint()
  classify({ code: 550, text: 'a'.repeat(10_000_000) })
  // Of the millions of characters a thousand are looked at; the bound is for a busy machine.
  assert.ok(process.hrtime.bigint() - before < 5_000_000_000n)
})
