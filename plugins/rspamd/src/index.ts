/** Rspamd for Postroad. */
export { type RspamdFact, rspamd, rspamdFact } from './rspamd.ts'
