/** Everything a plugin author imports; the words of mail among it. */
export type {
  Address,
  Attachment,
  AuthAttempt,
  CloseReason,
  Delivery,
  Endpoint,
  Envelope,
  HeaderField,
  Headers,
  Helo,
  Identity,
  MailParameters,
  Mechanism,
  Message,
  Mime,
  RcptParameters,
  Recipient,
  Reply,
  Route,
  RoutedRecipient,
  ScramKeys,
  TlsInfo,
} from '@postroad/mail'
export { waysOf } from '@postroad/mail'
export * from './context.ts'
export * from './define.ts'
export * from './fact.ts'
export * from './hooks.ts'
export * from './policy.ts'
export * from './service.ts'
export * from './session.ts'
export * from './thrown.ts'
export * from './verdict.ts'
