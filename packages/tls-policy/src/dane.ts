/** What DNSSEC says of a mail host, RFC 7672 §2: whether it has TLSA records that count, and what is to be done where it cannot be known. */
import { isIP } from 'node:net'
import type { Reply, TlsAnswer, TlsQuestion } from '@postroad/mail'
import type { Dns } from '@postroad/plugin'
import { matchDane } from './dane-match.ts'
import { hashOf, isUsable, type TlsaAssociation } from './tlsa.ts'

/** What is asked. */
export type DaneDns = Pick<Dns, 'a' | 'aaaa' | 'cname' | 'tlsa'>

/** How it is asked. */
export interface DaneOptions {
  readonly dns: DaneDns
  readonly signal?: AbortSignal
  /** Hosts whose name comes from an MX record that nobody vouches for: `off` is not DANE, `try` is, RFC 7672 §2.2.1. */
  readonly insecureMx: 'off' | 'try'
  /** Milliseconds since the epoch, for the dates of certificates. */
  readonly now: () => number
}

/** What was found, and why; `answer` is undefined where DANE says nothing of the host. */
export interface DaneFinding {
  readonly answer: TlsAnswer | undefined
  /** A sentence for `explain`. */
  readonly reason: string
  /** What was found, as it stands in zone files. */
  readonly records: readonly string[]
}

/** Why DANE says nothing of the host, where that is known without a question; undefined where it has to be asked. */
export function unsigned(
  { domain, host, address, isAddressSecure, canonical }: TlsQuestion,
  insecureMx: 'off' | 'try',
): string | undefined {
  // The operator's own word needs no proof; an MX record does.
  if (domain !== undefined && !host.isSecure && insecureMx === 'off') return 'the MX record is not signed'
  if (domain?.startsWith('[') || isIP(host.name) !== 0) return 'an address has no name to sign'
  // RFC 7672 §2.2.2: a TLSA query to such a zone may well fail, and would stop all its mail.
  return address !== undefined && !isAddressSecure && canonical === host.name
    ? 'the addresses of the host are not signed'
    : undefined
}

/** Looks a host up. Does not reject: where DNS does not answer the host is left out for now. */
export async function findDane(question: TlsQuestion, options: DaneOptions): Promise<DaneFinding> {
  const { host } = question
  const known = unsigned(question, options.insecureMx)
  if (known !== undefined) return nothing(known)
  try {
    const bases = await findBases(question, options)
    if (bases.length === 0) return nothing('the addresses of the host are not signed')
    return await findRecords(question, bases, options)
  } catch (error) {
    return unknown(error, host.name)
  }
}

function nothing(reason: string): DaneFinding {
  return { answer: undefined, reason, records: [] }
}

function unknown(error: unknown, name: string): DaneFinding {
  const code = codeOf(error)
  const refusal: Reply = {
    code: 451,
    status: '4.7.5',
    text: `DNS does not say whether ${name} has TLSA records (${code})`,
  }
  return { answer: { refusal, failure: 'dnssec-invalid', source: 'dane' }, reason: refusal.text, records: [] }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'ERROR'
}

function isDenial(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'NODATA' || code === 'NXDOMAIN'
}

/** RFC 7672 §2.2.2, §2.2.3: the names whose TLSA records count, best first; none where nobody vouches for the addresses. */
async function findBases(question: TlsQuestion, options: DaneOptions): Promise<readonly string[]> {
  const { name } = question.host
  const { isSecure, canonical } = question.address === undefined ? await lookUp(name, options) : addressOf(question)
  if (isSecure) return canonical === name ? [name] : [canonical, name]
  if (canonical === name) return []
  try {
    return (await options.dns.cname(name, options.signal)).secure ? [name] : []
  } catch (error) {
    if (isDenial(error)) return []
    throw error
  }
}

interface Way {
  readonly isSecure: boolean
  readonly canonical: string
}

function addressOf({ isAddressSecure, canonical }: TlsQuestion): Way {
  return { isSecure: isAddressSecure, canonical }
}

/** Of a next hop that is not looked up before it is connected to: one family that is signed will do. */
async function lookUp(name: string, { dns, signal }: DaneOptions): Promise<Way> {
  const answers = await Promise.allSettled([dns.a(name, signal), dns.aaaa(name, signal)])
  const found = answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const best = found.find(({ secure }) => secure) ?? found[0]
  if (best) return { isSecure: best.secure, canonical: best.canonical }
  for (const one of answers) if (one.status === 'rejected' && !isDenial(one.reason)) throw one.reason
  return { isSecure: false, canonical: name }
}

async function findRecords(
  question: TlsQuestion,
  bases: readonly string[],
  options: DaneOptions,
): Promise<DaneFinding> {
  for (const base of bases) {
    const records = await askTlsa(`_${question.port}._tcp.${base}`, options)
    if (records !== undefined) return findingOf(question, { base, records }, options)
  }
  return nothing('there are no signed TLSA records')
}

/** Undefined: there are none that count, RFC 7672 §2.2. @throws when that cannot be known */
async function askTlsa(name: string, { dns, signal }: DaneOptions): Promise<readonly TlsaAssociation[] | undefined> {
  try {
    const { records, secure } = await dns.tlsa(name, signal)
    return secure ? records : undefined
  } catch (error) {
    if (isDenial(error)) return undefined
    throw error
  }
}

interface Found {
  readonly base: string
  readonly records: readonly TlsaAssociation[]
}

function findingOf(question: TlsQuestion, { base, records }: Found, { now }: DaneOptions): DaneFinding {
  const { domain, host } = question
  const shown = records.map(textOf)
  const isHostAuthentic = domain === undefined || host.isSecure
  const policy = { mode: 'required', source: 'dane', servername: base, isHostAuthentic, published: shown } as const
  // RFC 7672 §2.2: records that cannot be used still say that there is TLS, and nothing of the certificate.
  if (!records.some(isUsable))
    return {
      answer: { ...policy, id: 'dane:unusable' },
      reason: 'TLSA records, none of which can be used: TLS without a certificate',
      records: shown,
    }
  const names = namesOf(question, base)
  const answer: TlsAnswer = {
    ...policy,
    id: `dane:${hashOf(records, names)}`,
    authenticate: (peer) => matchDane(peer, { records, names }, now()),
  }
  return { answer, reason: `TLSA records of ${base}`, records: shown }
}

/** RFC 7672 §3.2.2: the base first, and what it was derived from, where each step of that was signed. */
function namesOf({ domain, canonicalDomain = domain, host }: TlsQuestion, base: string): readonly string[] {
  if (domain === undefined) return [...new Set([base, host.name])]
  return host.isSecure ? [...new Set([base, domain, canonicalDomain ?? domain])] : [base]
}

/** As it stands in a zone file: `3 1 1 0123…`. */
function textOf({ usage, selector, matching, data }: TlsaAssociation): string {
  return `${usage} ${selector} ${matching} ${Buffer.from(data).toString('hex')}`
}
