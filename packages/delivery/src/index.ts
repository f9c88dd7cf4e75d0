/**
 * Transports: how a message gets to its next stop. The queue calls them, and so do the plugins `proxy` and `maildir`; they know neither.
 *
 * A transport is a `Transport` of `@postroad/mail`: `deliver(job)` resolves to one outcome a recipient, whatever the next hop does. Which one is
 * asked says the `via` of a route; openTransports opens what an operator's options ask for.
 *
 *   smtpTransport        by MX (mx.ts) or to a smarthost; TLS as the policy of each host wants it
 *   fixedTransport       to one server, SMTP or LMTP; lmtpTransport is the same with LMTP's options
 *   maildirTransport     into files, synced with their directory before the outcome
 *   discardTransport     nowhere
 *
 * Those that connect share three parts. Pool (pool.ts) keeps connections by target and lends them. sendTo (send.ts) is one transaction on a
 * leased connection: MAIL, RCPT and DATA in one write where the server pipelines, the content as the server can take it (seven-bit.ts,
 * client/fitness.ts). The folder client/ is one connection: connecting, TLS and its trust, replies, time limits. Relay (relay.ts) is a
 * transaction in step with a client's, for `proxy`.
 *
 * What fails on the way (ConnectError, RouteError) becomes a reply of our own: a transport rejects only when it is misused.
 *
 * Where to begin: smtp-transport.ts from `deliver` down, then send.ts.
 */
export { ConnectError } from './client/connect-error.ts'
export { keyExchangeGroup } from './client/identity.ts'
export { describeTarget, required, type Target } from './client/target.ts'
export { targetKey } from './client/target-key.ts'
export type { TlsSession } from './client/tls-session.ts'
export { discardTransport } from './discard-transport.ts'
export { fixedTarget, fixedTransport, lmtpTransport } from './fixed-transport.ts'
export { maildirTransport } from './maildir.ts'
export { openTransports, type Transports, transportFolders } from './open-transports.ts'
export { Pool } from './pool.ts'
export { Relay, type RelayOptions } from './relay.ts'
export { sendTo } from './send.ts'
export { smtpTransport } from './smtp-transport.ts'
export { tlsCommand } from './survey/tls-command.ts'
