/** Transports: SMTP and LMTP with pooled connections, Maildir. */
export { ConnectError, type ConnectStage } from './client/connect-error.ts'
export type { Reply } from './client/reply.ts'
export { type Credentials, describeTarget, requireTls, type Target, type TlsPolicy } from './client/target.ts'
export { targetKey } from './client/target-key.ts'
export { TIMEOUTS, type Timeouts } from './client/timeouts.ts'
export { discardTransport } from './discard-transport.ts'
export { type FixedOptions, fixedTarget, fixedTransport, lmtpTransport } from './fixed-transport.ts'
export { type MaildirOptions, type MaildirTransport, maildirTransport } from './maildir.ts'
export { folderName } from './maildir-name.ts'
export { bestMailHosts, type MailHost, type MxResolver } from './mx.ts'
export { openTransports, type TransportContext, type Transports, transportFolders } from './open-transports.ts'
export { type Lease, Pool, type PooledTransport, type PoolOptions, type PoolStats } from './pool.ts'
export { Relay, type RelayOptions } from './relay.ts'
export { sendTo } from './send.ts'
export { type SmtpOptions, smtpTransport, type TlsAnswer, type TlsChooser, type TlsQuestion } from './smtp-transport.ts'
export {
  type Job,
  type JobLog,
  type JobRecipient,
  type JobRoute,
  type MailParameters,
  type MessageSource,
  outcomeKind,
  type RcptParameters,
  type RecipientOutcome,
  type Transport,
  type Unanswered,
} from './transport.ts'
export { type TransportOptions, transportOptions } from './transport-options.ts'
