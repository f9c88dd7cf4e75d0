/** Replies as large providers and old servers phrase them (names replaced), and what they come to. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSink } from '@postroad/testing'
import { fixedTransport } from './fixed-transport.ts'
import { job } from './support/fixture.ts'

interface Case {
  readonly who: string
  readonly at: 'CONNECT' | 'MAIL' | 'RCPT' | 'DATA' | 'DOT'
  readonly says: string
  /** Kind, code, status. */
  readonly is: string
  readonly retryAfterMs?: number
  readonly end?: 'close'
}

const CASES: readonly Case[] = [
  {
    who: 'Gmail',
    at: 'RCPT',
    says: "550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking the recipient's email address for typos or\n550-5.1.1 unnecessary spaces. For more information, go to\n550 5.1.1  https://support.example/mail/?p=NoSuchUser a1-20020a - gsmtp",
    is: 'failed 550 5.1.1',
  },
  { who: 'Gmail, over quota', at: 'RCPT', says: '452-4.2.2 The recipient’s inbox is out of storage space and inactive. Please\n452 4.2.2 direct the recipient elsewhere - gsmtp', is: 'deferred 452 4.2.2' },
  { who: 'Gmail, rate', at: 'DOT', says: '421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from\n421 4.7.28 your IP address. - gsmtp', is: 'deferred 421 4.7.28' },
  { who: 'Gmail, unauthenticated', at: 'DOT', says: '550-5.7.26 This mail has been blocked because the sender is unauthenticated.\n550 5.7.26 - gsmtp', is: 'failed 550 5.7.26' },
  { who: 'Outlook, unknown', at: 'RCPT', says: '550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [AM0.example 2026-11-22T01:02:03.004Z 08DB]', is: 'failed 550 5.5.0' },
  { who: 'Exchange Online, throttled', at: 'MAIL', says: '451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719) [VI1.example]', is: 'deferred 451 4.7.500' },
  { who: 'Exchange Online, blocked', at: 'RCPT', says: '550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal visit https://sender.example/ (S4242)', is: 'failed 550 5.7.606' },
  { who: 'Exchange, concurrent', at: 'CONNECT', says: '421 4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel', is: 'deferred 421 4.3.2', end: 'close' },
  { who: 'Yahoo, deferred', at: 'CONNECT', says: '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.example/error-codes', is: 'deferred 421 4.7.0', end: 'close' },
  { who: 'Yahoo, rejected', at: 'DOT', says: '554 Message not allowed - [299]', is: 'failed 554 undefined' },
  { who: 'GMX', at: 'CONNECT', says: '554-gmx.example (mxgmx117) Nemesis ESMTP Service not available\n554-No SMTP service\n554 IP address is block listed.', is: 'deferred 554 undefined', end: 'close' },
  { who: 'iCloud', at: 'RCPT', says: '450 4.1.8 <a@from.test>: Sender address rejected: Domain not found', is: 'deferred 450 4.1.8' },
  { who: 'Postfix with postgrey', at: 'RCPT', says: '450 4.2.0 <b@to.test>: Recipient address rejected: Greylisted, see http://postgrey.example/help/to.test.html', is: 'deferred 450 4.2.0' },
  { who: 'Exim, greylisting', at: 'RCPT', says: '451 Greylisted, please retry in 5 minutes', is: 'deferred 451 undefined', retryAfterMs: 300_000 },
  { who: 'milter-greylist', at: 'RCPT', says: '451 4.7.1 Greylisting in action, please come back later in 00:04:59', is: 'deferred 451 4.7.1' },
  { who: 'postscreen', at: 'RCPT', says: '450 4.3.2 Service currently unavailable', is: 'deferred 450 4.3.2' },
  { who: 'qmail', at: 'RCPT', says: "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", is: 'failed 553 undefined' },
  { who: 'Barracuda', at: 'RCPT', says: '550 permanent failure for one or more recipients (b@to.test:blocked)', is: 'failed 550 undefined' },
  { who: 'Mimecast', at: 'DATA', says: '451 Internal resources are temporarily unavailable - https://community.example/docs/DOC-1369#451 [x]', is: 'deferred 451 undefined' },
  { who: 'a status of another class', at: 'RCPT', says: '550 4.2.1 Mailbox disabled for now', is: 'failed 550 undefined' },
  { who: 'no text', at: 'DOT', says: '250', is: 'delivered 250 undefined' },
  { who: 'Latin-1', at: 'DOT', says: '250 2.0.0 Aceptado, señor', is: 'delivered 250 2.0.0' },
] // biome-ignore format: a table

test('what providers say comes to what they mean', async () => {
  for (const { who, at, says, is, retryAfterMs, end } of CASES) {
    const script = ({ verb }: { readonly verb: string }) => (verb === at ? { reply: says, ...(end && { end }) } : undefined)
    const sink = await createSink({ script })
    const transport = fixedTransport({ hostname: 'client.test', host: '127.0.0.1', port: sink.port, tls: { mode: 'none' } })
    const [outcome] = await transport.deliver(job(['b@to.test']))
    assert.equal(`${outcome?.kind} ${outcome?.reply.code} ${outcome?.reply.status}`, is, who)
    assert.equal(outcome?.retryAfterMs, retryAfterMs, who)
    assert.ok((outcome?.reply.text.split('\n').length ?? 9) === says.split('\n').length, who)
    await transport.close()
    await sink.close()
  }
})
