/** What the owner of the author's domain asks for, and whether it matters here, RFC 9989 §5.3; the evaluation is that of the npm package mailauth. */
import type { Arc, Dkim, Dmarc, NodeResolver, Spf } from '@postroad/authres'
import { type DmarcResponse, evaluateDmarc } from 'mailauth/lib/dmarc/index.js'
import type { Author } from './author.ts'
import type { DmarcOptions, Trust } from './options.ts'

/** What is known of a message. */
export interface DmarcEvidence {
  readonly author: Author
  /** `undefined`: it was not checked, though it should have been. */
  readonly spf: Spf | undefined
  readonly dkim: Dkim | undefined
  readonly arc: Arc | undefined
  /** Of the client. */
  readonly address: string
}

/** How to judge it. */
export interface DmarcMeans {
  readonly resolver: NodeResolver
  readonly trust: Trust
  readonly options: Pick<DmarcOptions, 'arc'>
}

/** Evaluates DMARC. Never rejects: what goes wrong is a temperror. */
export async function checkDmarc(evidence: DmarcEvidence, means: DmarcMeans): Promise<Dmarc> {
  const { author, spf, dkim } = evidence
  try {
    const { response, reason, authorDomains } = await evaluateDmarc({
      headerFrom: author.addresses,
      fromFields: author.fields,
      spfDomains: spf?.mailFrom.result === 'pass' ? [{ domain: spf.mailFrom.domain }] : [],
      dkimDomains: (dkim?.signatures ?? [])
        .filter(({ result }) => result === 'pass')
        .map(({ domain, unsigned }) => ({ domain, underSized: unsigned })),
      resolver: means.resolver,
      strict: true,
    })
    return response === false ? withoutAuthor(reason, authorDomains) : weigh(response, evidence, means)
  } catch (error) {
    return { ...NOTHING, result: 'temperror', comment: error instanceof Error ? error.message : undefined }
  }
}

const NOTHING = { domain: '', policyDomain: undefined, policy: undefined, aligned: [], override: undefined, comment: undefined } as const

/** RFC 9989 §5.3.1: without exactly one author domain there is nothing to ask. No domain at all is odd; several are a disguise. */
function withoutAuthor(reason: string | undefined, domains: readonly string[] | undefined): Dmarc {
  return {
    ...NOTHING,
    result: reason === 'no-author-domain' ? 'none' : 'permerror',
    domain: domains?.length === 1 ? (domains[0] ?? '') : '',
    comment: reason,
  }
}

function weigh(response: DmarcResponse, evidence: DmarcEvidence, means: DmarcMeans): Dmarc {
  const { status, policyDomain, policy, alignment, error, testMode } = response
  const aligned = [
    alignment?.spf.result === undefined ? [] : ['spf' as const],
    alignment?.dkim.result === undefined ? [] : ['dkim' as const],
  ].flat()
  const known = {
    ...NOTHING,
    domain: status.header?.from ?? '',
    policyDomain,
    policy,
    aligned,
    comment: error ?? (testMode ? 't=y' : undefined),
  }
  if (status.result === 'pass' || status.result === 'none') return { ...known, result: status.result }
  if (status.result !== 'fail') return { ...known, result: 'temperror' }
  const doubt = findDoubt(evidence)
  const override = findOverride(known.domain, evidence, means)
  // What could not be checked might have passed, RFC 9989 §5.3; a trusted forwarder settles it all the same.
  if (doubt !== undefined && override === undefined) return { ...known, result: 'temperror', comment: doubt }
  return { ...known, result: 'fail', override }
}

function findDoubt({ spf, dkim, arc }: DmarcEvidence): string | undefined {
  if (spf === undefined || dkim === undefined) return `${spf === undefined ? 'SPF' : 'DKIM'} was not checked`
  if (spf.mailFrom.result === 'temperror') return 'SPF could not be checked'
  if (dkim.signatures.some(({ result }) => result === 'temperror')) return 'DKIM could not be checked'
  return arc?.isTemporary ? 'ARC could not be checked' : undefined
}

/** Local knowledge goes before the published policy, RFC 9989 §5.3. */
function findOverride(domain: string, { spf, dkim, arc, address }: DmarcEvidence, { trust, options }: DmarcMeans): Dmarc['override'] {
  const senders = [spf?.mailFrom, spf?.helo].filter((check) => check?.result === 'pass').map((check) => check?.domain ?? '')
  const signers = (dkim?.signatures ?? []).filter(({ result }) => result === 'pass').map((signature) => signature.domain)
  if (trust.hasAddress(address) || [...senders, ...signers].some((name) => trust.hasDomain(name))) return 'forwarder'
  return options.arc && sawPass(domain, arc) ? 'arc' : undefined
}

/** RFC 8617 §7.2.1: the results of a trusted sealer stand for what we would have found before the change. */
function sawPass(domain: string, arc: Arc | undefined): boolean {
  const dmarc = arc?.trusted?.results.find(({ method }) => method === 'dmarc')
  const from = dmarc?.properties.find(({ type, name }) => type === 'header' && name === 'from')?.value.toLowerCase()
  return dmarc?.result === 'pass' && (from === undefined || from === domain)
}
