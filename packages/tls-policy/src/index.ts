/**
 * What domains and hosts publish of the TLS with which mail is to be brought to them, and whether a server fits it.
 *
 * It is what the plugins `dane` and `mta-sts` answer the hook `tls` with: plain functions, so that a command can show the same decision step by step, and so
 * that it can be tested without a socket.
 *
 *   dane.ts            RFC 7672 §2: MX, addresses and aliases, TLSA records; does DANE hold for this host, and what if DNS does not answer
 *   dane-match.ts      RFC 7672 §3: do the certificates that a server shows fit the records
 *   tlsa.ts            RFC 6698: which records can be used, digests, RFC 7671 §9
 *   resolver-proof.ts  does the resolver validate at all, and does it tell us
 *   sts.ts             RFC 8461 §4, §5: what the policy of a domain makes of a host
 *   sts-policy.ts      RFC 8461 §3: the record, the policy, the names of hosts
 *   sts-fetch.ts       fetches it, and connects to nothing that is not public
 *   sts-serve.ts       the other side: a policy of one's own, its record, and whether all of it agrees
 *   tlsa-advice.ts     and: what a host of one's own should publish, and whether it does
 *   look.ts            all of it for one host, and in words: for who explains
 *
 * What comes out is a `TlsAnswer` of `@postroad/mail`: a policy, whose `id` names the set of records, so that no connection is shared between two
 * sets; or that a host must not get mail now. Nothing here validates a signature: that is the resolver's work, and its AD bit counts only where
 * the way to it is safe (`packages/dns`).
 *
 * Where to begin: findDane in dane.ts, stsAnswer in sts.ts.
 */
export { type DaneFinding, findDane, unsigned } from './dane.ts'
export { lookPublished, stsDomain, stsNote } from './look.ts'
export { proveResolver, type ResolverProof } from './resolver-proof.ts'
export { stsAnswer } from './sts.ts'
export { fetchStsPolicy, isPublic, type StsFetched } from './sts-fetch.ts'
export { KEPT, parseKept, type StsPolicy, stsId, textOfPolicy } from './sts-policy.ts'
export { adviseSts, type ServedSts, serveSts } from './sts-serve.ts'
export { adviseTlsa, type TlsaAdvice } from './tlsa-advice.ts'
