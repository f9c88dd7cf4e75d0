/** What of a session is counted: for whom, whose policy it was, and how it failed. RFC 8460 §4.3. */
import { isIP } from 'node:net'
import type { TlsSession } from '@postroad/delivery'
import type { TlsReportPolicyType } from '@postroad/report'
import { isPublic } from '@postroad/tls-policy'

/** Sessions that have all of this in common are one row. */
export interface TlsRow {
  readonly type: TlsReportPolicyType
  /** TLSA records, as they stand in zone files. */
  readonly strings: readonly string[]
  readonly mxHost: string
  /** Undefined: it was as it should be. */
  readonly failure?: string | undefined
  readonly receivingIp?: string | undefined
  readonly sendingIp?: string | undefined
  readonly information?: string | undefined
  readonly reason?: string | undefined
}

/** A row, and the domain that is told of it. */
export interface CountedSession {
  readonly domain: string
  readonly row: TlsRow
}

const TYPES: ReadonlyMap<string | undefined, TlsReportPolicyType> = new Map([
  ['dane', 'tlsa'],
  ['sts', 'sts'],
] as const)

/** Undefined for what says nothing about TLS with a domain: a host that could not be reached, a next hop of the operator's own, TLS that was not tried. */
export function countedOf(session: TlsSession): CountedSession | undefined {
  const { host, address, domain: recipients, tls: policy } = session.target
  const type = TYPES.get(policy.source) ?? 'no-policy-found'
  // RFC 8461 §2: with a relay that the operator has named, the policy is that of the relay.
  const domain = recipients ?? (type === 'no-policy-found' ? undefined : host)
  if (domain === undefined || domain.startsWith('[')) return undefined
  const failure = failureOf(session, type)
  if (failure === 'unknown') return undefined
  const row = { type, strings: policy.published ?? [], mxHost: host }
  if (failure === undefined) return { domain, row }
  return { domain, row: { ...row, receivingIp: address, sendingIp: sendingIp(session), ...failure } }
}

/** RFC 8460 §4.4; behind a translation of addresses it is none that the other side has seen, and tells strangers of our network. */
function sendingIp({ local = '' }: TlsSession): string | undefined {
  const address = local.startsWith('::ffff:') && local.includes('.') ? local.slice(7) : local
  return isIP(address) !== 0 && isPublic(address) ? address : undefined
}

type Failure = Pick<TlsRow, 'failure' | 'information' | 'reason'>

function failureOf(
  { target, tls, error, refused }: TlsSession,
  type: TlsReportPolicyType,
): Failure | 'unknown' | undefined {
  if (refused) return { failure: refused.failure, information: refused.refusal.text }
  if (error) {
    if (error.failure === undefined) return 'unknown'
    const { minimumGroup } = target.tls
    const { text } = error.reply
    const isGroup = minimumGroup !== undefined && text.includes(minimumGroup)
    return { failure: error.failure, information: text, ...(isGroup && { reason: `minimum-group:${minimumGroup}` }) }
  }
  if (tls === undefined) return target.tls.mode === 'none' ? 'unknown' : { failure: 'starttls-not-supported' }
  // MTA-STS in `testing`: the mail has passed, and its domain wants to know. Where nobody has published anything nobody asked for a proof.
  return type === 'sts' && tls.doubt !== undefined ? { failure: tls.doubt } : undefined
}

/** Characters of what a server said, or we. */
const MAX_TEXT = 200

/** A row as a key. */
export function textOfRow({
  type,
  strings,
  mxHost,
  failure = '',
  receivingIp = '',
  information = '',
  reason = '',
  sendingIp = '',
}: TlsRow): string {
  return JSON.stringify([
    type,
    strings,
    mxHost,
    failure,
    receivingIp,
    information.slice(0, MAX_TEXT),
    reason,
    sendingIp,
  ])
}

/** The row that a key is of. */
export function rowOfText(text: string): TlsRow {
  const [type, strings, mxHost, failure, receivingIp, information, reason, sendingIp] = JSON.parse(text) as [
    TlsReportPolicyType,
    readonly string[],
    ...string[],
  ] // written above
  return {
    type,
    strings,
    mxHost: mxHost ?? '',
    failure: failure || undefined,
    receivingIp: receivingIp || undefined,
    information: information || undefined,
    reason: reason || undefined,
    sendingIp: sendingIp || undefined,
  }
}

/** Without what differs from session to session. */
export function coarseRow(text: string): string {
  const { type, failure, reason } = rowOfText(text)
  return textOfRow({ type, strings: [], mxHost: '', failure, reason })
}
