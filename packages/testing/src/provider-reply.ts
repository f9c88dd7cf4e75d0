/** Replies as large providers and old servers phrase them (names replaced), and what they come to. */
import type { SinkAnswer, SinkStep } from './sink.ts'

/** One reply, and how a sender is to read it. */
export interface ProviderReply {
  readonly who: string
  /** The step of a sink at which it is said. */
  readonly at: 'CONNECT' | 'MAIL' | 'RCPT' | 'DATA' | 'DOT'
  /** Lines separated by `\n`. */
  readonly says: string
  /** What becomes of the recipient, code, enhanced status: `deferred 450 4.2.0`. */
  readonly is: string
  /** Class of the bounce table; none for a success. */
  readonly means?: string
  /** Milliseconds it asks to wait. */
  readonly retryAfterMs?: number
  readonly end?: 'close'
}

/**
 * The script of a sink that says it.
 *
 * @example
 * for (const reply of PROVIDER_REPLIES) await using sink = await createSink({ script: providerScript(reply) })
 */
export function providerScript({ at, says, end }: ProviderReply): (step: SinkStep) => SinkAnswer | undefined {
  return ({ verb }) => (verb === at ? { reply: says, ...(end && { end }) } : undefined)
}

/** Gmail, Microsoft, Yahoo, greylisting in its many words, and servers that say little. */
export const PROVIDER_REPLIES: readonly ProviderReply[] = [
  {
    who: 'Gmail',
    at: 'RCPT',
    says: "550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking the recipient's email address for typos or\n550-5.1.1 unnecessary spaces. For more information, go to\n550 5.1.1  https://support.example/mail/?p=NoSuchUser a1-20020a - gsmtp",
    is: 'failed 550 5.1.1',
    means: 'invalid-mailbox',
  },
  { who: 'Gmail, over quota', at: 'RCPT', says: '452-4.2.2 The recipient’s inbox is out of storage space and inactive. Please\n452 4.2.2 direct the recipient elsewhere - gsmtp', is: 'deferred 452 4.2.2', means: 'quota' },
  { who: 'Gmail, rate', at: 'DOT', says: '421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from\n421 4.7.28 your IP address. - gsmtp', is: 'deferred 421 4.7.28', means: 'rate' },
  { who: 'Gmail, unauthenticated', at: 'DOT', says: '550-5.7.26 This mail has been blocked because the sender is unauthenticated.\n550 5.7.26 - gsmtp', is: 'failed 550 5.7.26', means: 'authentication' },
  { who: 'Outlook, unknown', at: 'RCPT', says: '550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [AM0.example 2026-11-22T01:02:03.004Z 08DB]', is: 'failed 550 5.5.0', means: 'invalid-mailbox' },
  { who: 'Exchange Online, throttled', at: 'MAIL', says: '451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719) [VI1.example]', is: 'deferred 451 4.7.500', means: 'rate' },
  { who: 'Exchange Online, blocked', at: 'RCPT', says: '550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal visit https://sender.example/ (S4242)', is: 'failed 550 5.7.606', means: 'reputation' },
  { who: 'Exchange, concurrent', at: 'CONNECT', says: '421 4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel', is: 'deferred 421 4.3.2', means: 'rate', end: 'close' },
  { who: 'Yahoo, deferred', at: 'CONNECT', says: '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.example/error-codes', is: 'deferred 421 4.7.0', means: 'rate', end: 'close' },
  { who: 'Yahoo, rejected', at: 'DOT', says: '554 Message not allowed - [299]', is: 'failed 554 undefined', means: 'policy' },
  { who: 'GMX', at: 'CONNECT', says: '554-gmx.example (mxgmx117) Nemesis ESMTP Service not available\n554-No SMTP service\n554 IP address is block listed.', is: 'deferred 554 undefined', means: 'spam-block', end: 'close' },
  { who: 'iCloud', at: 'RCPT', says: '450 4.1.8 <a@from.test>: Sender address rejected: Domain not found', is: 'deferred 450 4.1.8', means: 'policy' },
  { who: 'Postfix with postgrey', at: 'RCPT', says: '450 4.2.0 <b@to.test>: Recipient address rejected: Greylisted, see http://postgrey.example/help/to.test.html', is: 'deferred 450 4.2.0', means: 'greylist' },
  { who: 'Exim, greylisting', at: 'RCPT', says: '451 Greylisted, please retry in 5 minutes', is: 'deferred 451 undefined', means: 'greylist', retryAfterMs: 300_000 },
  { who: 'milter-greylist', at: 'RCPT', says: '451 4.7.1 Greylisting in action, please come back later in 00:04:59', is: 'deferred 451 4.7.1', means: 'greylist', retryAfterMs: 299_000 },
  { who: 'postscreen', at: 'RCPT', says: '450 4.3.2 Service currently unavailable', is: 'deferred 450 4.3.2', means: 'system' },
  { who: 'qmail', at: 'RCPT', says: "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", is: 'failed 553 undefined', means: 'relaying' },
  { who: 'Barracuda', at: 'RCPT', says: '550 permanent failure for one or more recipients (b@to.test:blocked)', is: 'failed 550 undefined', means: 'spam-block' },
  { who: 'Mimecast', at: 'DATA', says: '451 Internal resources are temporarily unavailable - https://community.example/docs/DOC-1369#451 [x]', is: 'deferred 451 undefined', means: 'system' },
  { who: 'a status of another class', at: 'RCPT', says: '550 4.2.1 Mailbox disabled for now', is: 'failed 550 undefined', means: 'inactive-mailbox' },
  { who: 'Gmail, greeting busy', at: 'CONNECT', says: '421-4.7.0 Try again later, closing connection. (EHLO) a1-20020a\n421 4.7.0 - gsmtp', is: 'deferred 421 4.7.0', means: 'rate', end: 'close' },
  { who: 'Gmail, receiving too fast', at: 'RCPT', says: '450-4.2.1 The user you are trying to contact is receiving email at a rate that\n450-4.2.1 prevents additional messages from being delivered. Please resend your\n450 4.2.1 message at a later time. - gsmtp', is: 'deferred 450 4.2.1', means: 'rate' },
  { who: 'Outlook, blocked', at: 'MAIL', says: '550 5.7.1 Unfortunately, messages from [192.0.2.1] weren’t sent. Please contact your Internet service provider since part of their network is on our block list (S3140).', is: 'failed 550 5.7.1', means: 'spam-block' },
  { who: 'Exchange Online, tenant attribution', at: 'RCPT', says: '550 5.7.64 TenantAttribution; Relay Access Denied [AM0.example]', is: 'failed 550 5.7.64', means: 'relaying' },
  { who: 'Exchange Online, full', at: 'DOT', says: '554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException', is: 'failed 554 5.2.2', means: 'quota' },
  { who: 'Yahoo, unknown', at: 'DOT', says: '554 delivery error: dd Requested mail action aborted, mailbox not found - atlas', is: 'failed 554 undefined', means: 'invalid-mailbox' },
  { who: 'Yahoo, too many', at: 'DOT', says: '451 Message temporarily deferred - [140]', is: 'deferred 451 undefined', means: 'system' },
  { who: 'Spamhaus at the greeting', at: 'RCPT', says: '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.example/query/ip/192.0.2.1', is: 'failed 554 5.7.1', means: 'spam-block' },
  { who: 'Postfix, relay', at: 'RCPT', says: '454 4.7.1 <b@to.test>: Relay access denied', is: 'deferred 454 4.7.1', means: 'relaying' },
  { who: 'Exim, callout', at: 'RCPT', says: '550-Verification failed for <a@from.test>\n550-The mail server could not deliver mail to a@from.test.\n550 Sender verify failed', is: 'failed 550 undefined', means: 'policy' },
  { who: 'Exchange, size', at: 'MAIL', says: '552 5.3.4 Message size exceeds fixed maximum message size', is: 'failed 552 5.3.4', means: 'too-big' },
  { who: 'no text', at: 'DOT', says: '250', is: 'delivered 250 undefined' },
  { who: 'Latin-1', at: 'DOT', says: '250 2.0.0 Aceptado, señor', is: 'delivered 250 2.0.0' },
] // biome-ignore format: a table
