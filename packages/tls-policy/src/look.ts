/** What is published of a mail host, whether anybody obeys it or not: for who explains. */
import type { TlsNote, TlsQuestion } from '@postroad/mail'
import type { Dns } from '@postroad/plugin'
import { type DaneDns, findDane } from './dane.ts'
import { fetchStsPolicy } from './sts-fetch.ts'
import { namesHost, type StsPolicy, stsId } from './sts-policy.ts'

/** Looks up TLSA records and the MTA-STS policy. Does not reject. */
export async function lookPublished(
  question: TlsQuestion,
  { dns, signal }: { readonly dns: DaneDns & Pick<Dns, 'txt'>; readonly signal: AbortSignal },
): Promise<readonly TlsNote[]> {
  const domain = stsDomain(question)
  const [{ reason, records }, sts] = await Promise.all([
    findDane(question, { dns, signal, insecureMx: 'off', now: Date.now }),
    domain === undefined ? undefined : lookSts(domain, question.host.name, { dns, signal }),
  ])
  return [{ source: 'dane', reason, records }, ...(sts ? [sts] : [])]
}

/** Whose policy counts; undefined for what has none. RFC 8461 §2: with a relay that the operator has named, it is that of the relay. */
export function stsDomain({ domain, host }: Pick<TlsQuestion, 'domain' | 'host'>): string | undefined {
  const name = domain ?? host.name
  return name.startsWith('[') || !name.includes('.') || /^[\d.]+$|:/.test(name) ? undefined : name
}

async function lookSts(
  domain: string,
  host: string,
  { dns, signal }: { readonly dns: DaneDns & Pick<Dns, 'txt'>; readonly signal: AbortSignal },
): Promise<TlsNote> {
  let id: string | undefined
  try {
    id = stsId((await dns.txt(`_mta-sts.${domain}`, signal)).records)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error'
    if (code !== 'NODATA' && code !== 'NXDOMAIN')
      return { source: 'sts', reason: `DNS does not say whether there is a policy (${code})`, records: [] }
  }
  if (id === undefined) return { source: 'sts', reason: 'no policy is published', records: [] }
  const fetched = await fetchStsPolicy(domain, { dns, signal, timeoutMs: PATIENCE_MS })
  if ('failure' in fetched)
    return { source: 'sts', reason: `the policy ${id} could not be had: ${fetched.reason}`, records: [] }
  return stsNote(id, fetched.policy, host)
}

/** Milliseconds that who looks waits for a web server. */
const PATIENCE_MS = 15_000

/** A policy in words, and what it says of the host. */
export function stsNote(id: string, policy: StsPolicy, host: string): TlsNote {
  const { mode, mx, maxAge } = policy
  const says =
    mode === 'none' ? 'demands nothing' : namesHost(policy, host) ? 'names the host' : 'does not name the host'
  return {
    source: 'sts',
    reason: `the policy ${id} ${says}`,
    records: [`mode: ${mode}`, ...mx.slice(0, MAX_SHOWN).map((name) => `mx: ${name}`), `max_age: ${maxAge}`],
  }
}

/** Hosts of a policy that are shown. */
const MAX_SHOWN = 20
