/** DNS block and allow lists, RFC 5782. */
export { dnsbl, dnsListed, type ListedOn } from './dnsbl.ts'
export { type DnsblOptions, options } from './options.ts'
