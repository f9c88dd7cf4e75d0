/** Outbound TLS as the policies of domains demand it: MTA-STS, RFC 8461. */
export { mtaSts } from './mta-sts.ts'
