/**
 * The words of mail, each once: types and pure functions that import nothing, and that everybody may import.
 *
 * A client names itself (`Helo`), may prove who it is (`AuthAttempt`, `Identity`, `TlsInfo`), and begins a transaction: an
 * `Envelope` has the reverse-path, an `Address` or none, and each `Recipient`. Both come with parameters (`MailParameters`,
 * `RcptParameters`). A plugin gives a recipient a `Route`, with the settings its transport takes (`@postroad/mail/settings`); recipients that share one are a `Delivery`.
 *
 * What is carried is a `Message`: the octets, and views of them. To a queue or a transport it is a `MessageSource`.
 * A `Transport` is given a `Job` (one message, some recipients) and gives one `Outcome` a recipient, each with the `Reply`
 * that decided it.
 *
 * Addresses come from the wire by `parseReversePath` and `parseForwardPath`, from configurations by `parseAddress`, and are
 * made from parts by `makeAddress`. Begin reading with `envelope.ts`, then `transport.ts`.
 */
export { type Address, Mailbox, makeAddress, parseAddress, sameMailbox } from './address.ts'
export { isAtext } from './character.ts'
export { normalizeDomain } from './domain.ts'
export type { Edits, HeaderEdit } from './edits.ts'
export {
  type Delivery,
  type Envelope,
  type Recipient,
  type Route,
  type RoutedRecipient,
  reversePathOf,
  waysOf,
} from './envelope.ts'
export { isQueueId, makeQueueId, makeSessionId } from './id.ts'
export type { AuthAttempt, CloseReason, Endpoint, Helo, Identity, Mechanism, ScramKeys, TlsInfo } from './identity.ts'
export { groupsFrom, HYBRID_GROUPS, type MinimumGroup, meetsGroup } from './key-exchange.ts'
export {
  type Ambiguity,
  type ArchivedFile,
  type ArchiveListing,
  type Attachment,
  type HeaderField,
  type Headers,
  type MailingList,
  type Message,
  type MessageSource,
  type Mime,
  memorySource,
  type NamedAddress,
  readAll,
} from './message.ts'
export type { MailParameters, RcptParameters } from './parameters.ts'
export { parseForwardPath, parseReversePath } from './path.ts'
export type { Reply } from './reply.ts'
export {
  describeTls,
  type TlsAnswer,
  type TlsFailure,
  type TlsNote,
  type TlsOutcome,
  type TlsPeer,
  type TlsPolicy,
  type TlsQuestion,
  type TlsRefusal,
  type TlsVerdict,
} from './tls-policy.ts'
export {
  type Job,
  type JobLog,
  NotTried,
  type Outcome,
  outcomeKind,
  type Transport,
  type Unanswered,
} from './transport.ts'
