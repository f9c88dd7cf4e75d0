/** What MTA-STS makes of a mail host, RFC 8461 §4 and §5. */
import type { TlsAnswer, TlsPeer, TlsVerdict } from '@postroad/mail'
import type { StsFetched } from './sts-fetch.ts'
import { namesHost, type StsPolicy } from './sts-policy.ts'

/** Kept apart by host: each answer is one object, so that the pool makes its key once. */
const enforced = new Map<string, TlsAnswer>()
const tested = new Map<string, TlsAnswer>()
const doubted = new Map<string, TlsAnswer>()
const MAX_HOSTS = 10_000

type Trouble = Extract<StsFetched, { readonly failure: unknown }>

/** The answer for a host of the domain; undefined where the policy demands nothing. For one that is published and cannot be had: what is the trouble. */
export function stsAnswer(policy: StsPolicy | Trouble, domain: string, host: string): TlsAnswer | undefined {
  if ('failure' in policy) return doubt(policy, host)
  if (policy.mode === 'none') return undefined
  const isNamed = namesHost(policy, host)
  // RFC 8461 §5: with `testing` mail goes as it would without, and what would have failed is noted.
  if (policy.mode === 'testing') return kept(tested, `${isNamed} ${host}`, () => testing(host, isNamed))
  if (!isNamed)
    return {
      refusal: { code: 451, status: '4.7.5', text: `The MTA-STS policy of ${domain} does not name the host ${host}` },
      failure: 'validation-failure',
      source: 'sts',
    }
  return kept(enforced, host, () => ({
    mode: 'required',
    source: 'sts',
    // What is verified does not depend on whose policy it is: hosts of many domains share their connections.
    id: `sts:${host}`,
    servername: host,
    isHostAuthentic: true,
    authenticate: (peer) => verify(peer, host),
  }))
}

function testing(host: string, isNamed: boolean): TlsAnswer {
  return {
    mode: 'opportunistic',
    source: 'sts',
    id: `sts-testing:${isNamed}:${host}`,
    servername: host,
    isAdvice: true,
    authenticate: (peer) =>
      isNamed ? verify(peer, host) : { failure: 'validation-failure', text: 'The policy does not name the host' },
  }
}

/**
 * The answer where a policy is published and cannot be had. Mail goes as it would without one, RFC 8461 §5.1, and each session is one that
 * failed in this way, RFC 8460 §4.3.2.2.
 */
function doubt({ failure, reason }: Extract<StsFetched, { readonly failure: unknown }>, host: string): TlsAnswer {
  return kept(doubted, `${failure} ${host} ${reason}`, () => ({
    mode: 'opportunistic',
    source: 'sts',
    id: `sts-unknown:${failure}:${host}`,
    servername: host,
    isAdvice: true,
    authenticate: () => ({ failure, text: reason }),
  }))
}

function kept(known: Map<string, TlsAnswer>, key: string, make: () => TlsAnswer): TlsAnswer {
  let answer = known.get(key)
  if (answer === undefined) {
    if (known.size >= MAX_HOSTS) known.clear()
    known.set(key, (answer = make()))
  }
  return answer
}

/** RFC 8461 §4.2: trusted, in time, and one of its alternative names is that of the host. */
function verify({ chain: [certificate], untrusted }: TlsPeer, host: string): TlsVerdict {
  if (untrusted !== undefined) {
    const failure = untrusted === 'CERT_HAS_EXPIRED' ? 'certificate-expired' : 'certificate-not-trusted'
    return { failure, text: `The certificate was not accepted (${untrusted})` }
  }
  if (certificate.checkHost(host, { subject: 'never', partialWildcards: false }) !== undefined)
    return { verified: 'pkix' }
  return { failure: 'certificate-host-mismatch', text: `The certificate is not for ${host}` }
}
