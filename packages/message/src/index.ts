/** A received message: address grammar, header fields, lazy MIME, header edits, a body in memory or on disk. */
export { type Address, makeAddress, parseAddress, type SameMailboxOptions, sameMailbox } from './address.ts'
export { type DomainOptions, normalizeDomain } from './domain.ts'
export { fieldBytes } from './header-edit.ts'
export { type HeaderField, type Headers, isFieldName, parseHeaders } from './headers.ts'
export type { AddressOptions } from './mailbox-reader.ts'
export { type ForwardPath, parseForwardPath, parseReversePath, type ReversePath } from './path.ts'
