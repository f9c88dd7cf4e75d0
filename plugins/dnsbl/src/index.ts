/** DNS block and allow lists, RFC 5782. */
export { dnsbl, dnsListed } from './dnsbl.ts'
