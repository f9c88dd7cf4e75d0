/**
 * Receive mail in a program: `receive` makes a whole server (`postroad`) of a few options, checks who sent each message (`spf`, `dkim`, `dmarc`),
 * and calls one function with it. 250 is said when that function has ended well.
 *
 * Where to begin: receive.ts, then inbox.ts.
 *
 *   receive.ts   options to a configuration, the server, and its life
 *   inbox.ts     the plugin in it: it takes what is for our domains and calls the function at `queue`
 *   mail.ts      what the function gets
 *
 * It grows by `plugins`, where anything that a configuration may say stands; who needs scopes, queues or several listeners writes a
 * configuration for `createServer` of `postroad` instead, and loses nothing.
 */
export { type Address, defer, reject } from '@postroad/plugin'
export type { Authentication, ReceivedMail } from './mail.ts'
export { type MailHandler, type ReceiveOptions, type Receiver, receive } from './receive.ts'
