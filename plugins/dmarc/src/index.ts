/** DMARC for Postroad. */
export { type Author, readAuthor } from './author.ts'
export { checkDmarc, type DmarcDeps, type DmarcEvidence } from './check.ts'
export { dmarc } from './dmarc.ts'
export { dmarcOptions, readTrust, type Trust } from './options.ts'
