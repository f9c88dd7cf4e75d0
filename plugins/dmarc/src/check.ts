/** What the owner of the author's domain asks for, and whether it matters here, RFC 9989 §5.3; the evaluation is that of the npm package mailauth. */
import type { Arc, Dkim, Dmarc, Property, Spf } from '@postroad/authres'
import { DnsMemo, normaliseName } from '@postroad/dns'
import {
  type DmarcEvaluation,
  type DmarcInput,
  type DmarcResponse,
  evaluateDmarc,
  nodeResolver,
} from '@postroad/mailauth'
import type { Dns } from '@postroad/plugin'
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
export interface DmarcDeps {
  readonly dns: Dns
  /** Whose signal ends it; read only when there is something to wait for. */
  readonly context?: { readonly signal: AbortSignal }
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly trust: Trust
  readonly options: Pick<DmarcOptions, 'arc'>
}

type Question = Omit<DmarcInput, 'resolver' | 'strict'>

/** Longer ones are evaluated anew each time. */
const MAX_KEY = 500

/** Evaluates, and remembers what a domain asks for as long as the records it rests on may be kept. */
export class DmarcChecks {
  readonly #memo = new DnsMemo<DmarcEvaluation>()

  /** Evaluates DMARC; at once when the policy is known. Never rejects: what goes wrong is a temperror. */
  check(evidence: DmarcEvidence, deps: DmarcDeps): Dmarc | Promise<Dmarc> {
    const evaluation = this.#evaluate(questionOf(evidence), deps)
    if (!(evaluation instanceof Promise)) return this.#conclude(evaluation, evidence, deps)
    return evaluation.then(
      (found) => this.#conclude(found, evidence, deps),
      (error: unknown) => ({
        ...NOTHING,
        result: 'temperror',
        comment: error instanceof Error ? error.message : undefined,
      }),
    )
  }

  #evaluate(question: Question, { dns, context, now }: DmarcDeps): DmarcEvaluation | Promise<DmarcEvaluation> {
    const key = keyOf(question)
    const known = key === undefined ? undefined : this.#memo.get(key, now)
    if (known !== undefined) return known
    const draw = (asked: Dns) =>
      evaluateDmarc({ ...question, resolver: nodeResolver(asked, context?.signal), strict: true })
    return key === undefined ? draw(dns) : this.#memo.learn(key, { dns, now, draw })
  }

  /** Where an identifier could not be checked it is asked what a pass of it would change: one that cannot align leaves the failure a failure. */
  #conclude(evaluation: DmarcEvaluation, evidence: DmarcEvidence, deps: DmarcDeps): Dmarc | Promise<Dmarc> {
    const doubt = hasFailed(evaluation) ? findDoubt(evidence, deps) : undefined
    const imagined = doubt === undefined ? undefined : imagine(evidence, deps)
    if (imagined === undefined) return conclude(evaluation, { evidence, deps, doubt })
    const settle = (other: DmarcEvaluation) =>
      conclude(evaluation, { evidence, deps, doubt: hasFailed(other) ? undefined : doubt })
    const other = this.#evaluate(questionOf(imagined), deps)
    return other instanceof Promise
      ? other.then(settle, () => conclude(evaluation, { evidence, deps, doubt }))
      : settle(other)
  }
}

/** Evaluates DMARC once. Never rejects: what goes wrong is a temperror. */
export async function checkDmarc(evidence: DmarcEvidence, deps: DmarcDeps): Promise<Dmarc> {
  return new DmarcChecks().check(evidence, deps)
}

/** What the policy and its alignment depend on. */
function questionOf({ author, spf, dkim }: DmarcEvidence): Question {
  return {
    headerFrom: author.addresses.map(plainAuthor),
    fromFields: author.fields,
    spfDomains: spf?.mailFrom.result === 'pass' ? [{ domain: spf.mailFrom.domain }] : [],
    dkimDomains: (dkim?.signatures ?? [])
      .filter(({ result }) => result === 'pass')
      .map(({ domain, unsigned }) => ({ domain, underSized: unsigned })),
  }
}

/**
 * Only the domain matters; what is no plain local part is left to be judged as it is. RFC 9989 §5.3.1: A-labels; of what is written
 * otherwise (full width, ideographic dots) the name that a reader is led to by it.
 */
function plainAuthor(address: string): string {
  const at = address.lastIndexOf('@') + 1
  const domain = address.slice(at)
  const author = /[^\x00-\x7f]/.test(domain) ? `${address.slice(0, at)}${normaliseName(domain) ?? domain}` : address
  // The root's dot is no part of a name, and whoever compares names would have to know.
  return author.replace(/^[\w.+-]+@/, 'x@').replace(/([^.])\.$/, '$1')
}

/** What is no plain author is evaluated anew each time, so that no text of a stranger can be taken for another question. */
function keyOf({ headerFrom, fromFields, spfDomains, dkimDomains }: Question): string | undefined {
  const [author = '', ...others] = headerFrom
  if (others.length > 0 || !PLAIN_AUTHOR.test(author)) return undefined
  let key = `${fromFields} ${author}`
  for (const { domain } of spfDomains) key += ` spf:${domain}`
  for (const { domain, underSized } of dkimDomains) key += ` dkim:${domain}:${underSized}`
  return key.length <= MAX_KEY ? key : undefined
}

const PLAIN_AUTHOR = /^x@[a-z0-9._-]+$/i

function hasFailed({ response }: DmarcEvaluation): boolean {
  return response !== false && response.status.result === 'fail'
}

interface Conclusion {
  readonly evidence: DmarcEvidence
  readonly deps: DmarcDeps
  /** Why a failure might be none. */
  readonly doubt: string | undefined
}

function conclude({ response, reason, authorDomains }: DmarcEvaluation, conclusion: Conclusion): Dmarc {
  return response === false ? withoutAuthor(reason, authorDomains) : weigh(response, conclusion)
}

const NOTHING = {
  domain: '',
  policyDomain: undefined,
  policy: undefined,
  aligned: [],
  override: undefined,
  comment: undefined,
} as const

/** RFC 9989 §5.3.1: without exactly one author domain there is nothing to ask. No domain at all is odd; several are a disguise. */
function withoutAuthor(reason: string | undefined, domains: readonly string[] | undefined): Dmarc {
  return {
    ...NOTHING,
    result: reason === 'no-author-domain' ? 'none' : 'permerror',
    domain: domains?.length === 1 ? (domains[0] ?? '') : '',
    comment: reason,
  }
}

function weigh(response: DmarcResponse, { evidence, deps, doubt }: Conclusion): Dmarc {
  const { status, policyDomain, policy, alignment, error, testMode, rr } = response
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
    ...(rr !== undefined && { record: rr }),
  }
  if (status.result === 'pass' || status.result === 'none') return { ...known, result: status.result }
  const override = findOverride(known.domain, evidence, deps)
  if (status.result !== 'fail') {
    const certain = isCertain(response, known.domain) ? policy : undefined
    return { ...known, result: 'temperror', policy: certain, aligned: alignedAnyway(known.domain, evidence), override }
  }
  // What could not be checked might have passed, RFC 9989 §5.3; a trusted forwarder settles it all the same.
  if (doubt !== undefined && override === undefined) return { ...known, result: 'temperror', comment: doubt }
  return { ...known, result: 'fail', override }
}

/** RFC 9989 §4.10.1: whether `sp` or `np` is the policy may be what could not be found out. */
function isCertain({ policyDomain, sp, np }: DmarcResponse, domain: string): boolean {
  return policyDomain === domain || np === undefined || np === sp
}

/** The author's own domain is aligned with itself in every mode and under every policy, RFC 9989 §3.2.10. */
function alignedAnyway(domain: string, { spf, dkim }: DmarcEvidence): Dmarc['aligned'] {
  if (domain === '') return []
  const bySpf = spf?.mailFrom.result === 'pass' && spf.mailFrom.domain === domain
  const byDkim = dkim?.signatures.some((signature) => signature.result === 'pass' && signature.domain === domain)
  return [...(bySpf ? (['spf'] as const) : []), ...(byDkim ? (['dkim'] as const) : [])]
}

function findDoubt({ spf, dkim, arc }: DmarcEvidence, { options }: DmarcDeps): string | undefined {
  if (spf === undefined || dkim === undefined) return `${spf === undefined ? 'SPF' : 'DKIM'} was not checked`
  if (spf.mailFrom.result === 'temperror') return 'SPF could not be checked'
  if (dkim.signatures.some(({ result }) => result === 'temperror')) return 'DKIM could not be checked'
  return options.arc && arc?.isTemporary ? 'ARC could not be checked' : undefined
}

/** The evidence as it would be if what could not be checked had passed; undefined where that alone would not settle it. */
function imagine(evidence: DmarcEvidence, { options }: DmarcDeps): DmarcEvidence | undefined {
  const { spf, dkim, arc } = evidence
  if (spf === undefined || dkim === undefined || (options.arc && arc?.isTemporary)) return undefined
  const passed = <T extends { readonly result: string }>(one: T): T =>
    one.result === 'temperror' ? { ...one, result: 'pass' } : one
  return {
    ...evidence,
    spf: { ...spf, mailFrom: passed(spf.mailFrom) },
    dkim: { ...dkim, signatures: dkim.signatures.map(passed) },
  }
}

/** Local knowledge goes before the published policy, RFC 9989 §5.3. */
function findOverride(
  domain: string,
  { spf, dkim, arc, address }: DmarcEvidence,
  { trust, options }: DmarcDeps,
): Dmarc['override'] {
  const senders = [spf?.mailFrom, spf?.helo]
    .filter((check) => check?.result === 'pass')
    .map((check) => check?.domain ?? '')
  const signers = (dkim?.signatures ?? [])
    .filter(({ result }) => result === 'pass')
    .map((signature) => signature.domain)
  if (trust.hasAddress(address) || [...senders, ...signers].some((name) => trust.hasDomain(name))) return 'forwarder'
  return options.arc && sawPass(domain, arc) ? 'arc' : undefined
}

/** RFC 8617 §7.2.1: the results of a trusted sealer stand for what we would have found before the change. */
function sawPass(domain: string, arc: Arc | undefined): boolean {
  const seen = arc?.trusted?.results.filter(({ method }) => method === 'dmarc') ?? []
  return seen.length > 0 && seen.every(({ result, properties }) => result === 'pass' && isFor(domain, properties))
}

/** Without a word of whom, it is for the author that the sealer saw; but not where there are words that we do not know. */
function isFor(domain: string, properties: readonly Property[]): boolean {
  const from = properties.find(({ type, name }) => type === 'header' && name === 'from')?.value.toLowerCase()
  return from === undefined ? properties.every(({ type }) => type !== '') : from === domain
}
