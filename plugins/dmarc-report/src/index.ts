/** Aggregate reports on DMARC, RFC 9990. */
export { dmarcReport } from './dmarc-report.ts'
