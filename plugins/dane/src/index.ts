/** Outbound TLS as the TLSA records of mail hosts demand it: DANE, RFC 7672. */
export { dane } from './dane.ts'
