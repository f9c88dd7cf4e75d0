/** What of a message is counted, RFC 9990 §3.1.1: where it came from, what was found out about it, and what became of it. */
import type { Dkim, DkimSignature, Dmarc, Spf } from '@postroad/authres'
import type { DmarcReason, DmarcRecord } from '@postroad/report'

/** A row without how many there were. */
export type DmarcRow = Omit<DmarcRecord, 'count'>

/** What is known of a message. */
export interface Evidence {
  readonly dmarc: Dmarc
  readonly dkim: Dkim | undefined
  readonly spf: Spf | undefined
  readonly address: string
  /** Domain of the reverse-path; empty: the null one. */
  readonly envelopeFrom: string
  readonly envelopeTo: string | undefined
  /** Whether DMARC's own word was followed, where it was a refusal. */
  readonly isRefused: boolean
}

/** RFC 9990 §3.1.3: more are not of use. */
const MAX_SIGNATURES = 100

/** The row of a message, as a key. */
export function rowOf(evidence: Evidence): string {
  const { dmarc, dkim, spf, address, envelopeFrom, envelopeTo } = evidence
  const disposition = dispositionOf(evidence)
  const reason = reasonOf(dmarc, disposition)
  const { mailFrom } = spf ?? {}
  return JSON.stringify([
    address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address,
    disposition,
    dmarc.aligned.includes('dkim') ? 1 : 0,
    dmarc.aligned.includes('spf') ? 1 : 0,
    dmarc.domain,
    unless(dmarc.domain, envelopeFrom),
    envelopeTo ?? 0,
    mailFrom && mailFrom.domain !== '' ? [unless(dmarc.domain, mailFrom.domain), mailFrom.result] : 0,
    reason === undefined ? 0 : [reason.type, reason.comment ?? ''],
    signaturesOf(dkim?.signatures ?? [], dmarc.domain),
  ])
}

/** Most domains of most rows are the author's: written once they make a row half as long, and the counting half as dear. */
function unless(author: string, domain: string): ShortDomain {
  return domain === author ? 1 : domain
}

function long(author: string, domain: ShortDomain): string {
  return domain === 1 ? author : domain
}

/** 1: that of the author. */
type ShortDomain = string | 1

/** RFC 9990 §3.1.3: those that pass first, and the author's own before others. */
function signaturesOf(signatures: readonly DkimSignature[], author: string): Written[9] {
  const ranked = signatures.length < 2 ? signatures : signatures.toSorted((a, b) => rank(a, author) - rank(b, author))
  return ranked
    .slice(0, MAX_SIGNATURES)
    .map(({ domain, selector, result }) => [unless(author, domain), selector, result])
}

function rank({ domain, result }: DkimSignature, author: string): number {
  if (result !== 'pass') return 3
  return domain === author ? 0 : author.endsWith(`.${domain}`) || domain.endsWith(`.${author}`) ? 1 : 2
}

/** RFC 9990 Appendix A: `pass` is `none` where the domain asks for something. */
function dispositionOf({ dmarc, isRefused }: Evidence): DmarcRow['disposition'] {
  const { result, policy, disposition = 'none' } = dmarc
  if (result === 'pass') return policy === 'quarantine' || policy === 'reject' ? 'pass' : 'none'
  // A refusal that was not followed, as in shadow mode, was none.
  return disposition === 'reject' && !isRefused ? 'none' : disposition
}

/** RFC 9990 §3.1.6: why something else was done than is asked for. */
function reasonOf(dmarc: Dmarc, disposition: DmarcRow['disposition']): DmarcReason | undefined {
  const { result, policy = 'none', override, comment } = dmarc
  if (result === 'pass') return undefined
  if (override === 'forwarder') return { type: 'trusted_forwarder' }
  if (override === 'arc') return { type: 'local_policy', comment: 'arc=pass' }
  if (disposition !== policy) return { type: 'local_policy' }
  return comment === 't=y' ? { type: 'policy_test_mode' } : undefined
}

type Written = readonly [
  source: string,
  disposition: DmarcRow['disposition'],
  dkim: number,
  spf: number,
  headerFrom: string,
  envelopeFrom: ShortDomain | 0,
  envelopeTo: string | 0,
  spfResult: readonly [domain: ShortDomain, result: string] | 0,
  reason: readonly [type: string, comment: string] | 0,
  signatures: readonly (readonly [domain: ShortDomain, selector: string, result: string])[],
]

/** The row that a key is of. */
export function rowOfText(text: string): DmarcRow {
  const [source, disposition, dkim, spf, headerFrom, envelopeFrom, envelopeTo, spfResult, reason, signatures] =
    JSON.parse(text) as Written // written above
  return {
    source,
    disposition,
    dkim: dkim === 1 ? 'pass' : 'fail',
    spf: spf === 1 ? 'pass' : 'fail',
    reasons: reason === 0 ? [] : [{ type: reason[0], ...(reason[1] !== '' && { comment: reason[1] }) }],
    headerFrom,
    envelopeFrom: envelopeFrom === 0 ? undefined : long(headerFrom, envelopeFrom),
    envelopeTo: envelopeTo === 0 ? undefined : envelopeTo,
    signatures: signatures.map(([domain, selector, result]) => ({
      domain: long(headerFrom, domain),
      selector,
      result,
    })),
    spfResult: spfResult === 0 ? undefined : { domain: long(headerFrom, spfResult[0]), result: spfResult[1] },
  }
}

/** Without the envelope and with signatures that pass only: those are what a sender can make as many of as they like. */
export function coarseRow(text: string): string {
  const [source, disposition, dkim, spf, headerFrom, , , , reason, signatures] = JSON.parse(text) as Written // written above
  const passed = signatures.filter(([, , result]) => result === 'pass').slice(0, 1)
  return JSON.stringify([source, disposition, dkim, spf, headerFrom, 0, 0, 0, reason, passed])
}
