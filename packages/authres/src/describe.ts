/** From what the plugins found out to the content of an Authentication-Results field, RFC 8601 §2.7. */
import type { Arc, Dkim, Dmarc, Spf, SpfCheck } from './fact.ts'
import type { AuthResults, MethodResult } from './field.ts'

/** Facts that may be there. */
export interface Findings {
  readonly spf?: Spf | undefined
  readonly dkim?: Dkim | undefined
  readonly arc?: Arc | undefined
  readonly dmarc?: Dmarc | undefined
  /** Account of an authenticated client, RFC 8601 §2.7.4. */
  readonly auth?: string | undefined
}

/** One Authentication-Results field of what is known. */
export function describe(authservId: string, findings: Findings): AuthResults {
  const { spf, dkim, arc, dmarc, auth } = findings
  const results: MethodResult[] = []
  if (auth !== undefined)
    results.push({ method: 'auth', result: 'pass', properties: [{ type: 'smtp', name: 'auth', value: auth }] })
  if (spf?.helo !== undefined && spf.mailFrom.identity !== 'helo') results.push(describeSpf(spf.helo))
  if (spf !== undefined) results.push(describeSpf(spf.mailFrom))
  if (dkim !== undefined) results.push(...describeDkim(dkim))
  if (arc !== undefined) results.push(describeArc(arc))
  if (dmarc !== undefined) results.push(describeDmarc(dmarc))
  return { authservId, results }
}

/** RFC 8601 §2.7.2: the domain only, because readers of the message need not know the local part. */
function describeSpf({ identity, result, domain, comment }: SpfCheck): MethodResult {
  return build('spf', result, comment, [['smtp', identity, domain]])
}

function describeDkim({ signatures, ignored }: Dkim): MethodResult[] {
  if (signatures.length === 0 && ignored === 0) return [{ method: 'dkim', result: 'none', properties: [] }]
  const results = signatures.map((signature) =>
    build('dkim', signature.result, signature.comment, [
      ['header', 'd', signature.domain],
      ['header', 'i', signature.identity],
      ['header', 's', signature.selector],
      ['header', 'a', signature.algorithm],
      ['header', 'b', signature.b],
    ]),
  )
  return ignored === 0
    ? results
    : [...results, build('dkim', 'policy', `${ignored} more signatures were not looked at`, [])]
}

function describeArc({ result, comment, sealers }: Arc): MethodResult {
  return build(
    'arc',
    result,
    comment ?? (sealers.length > 0 ? `i=${sealers.length} sealed by ${sealers.join(' ')}` : undefined),
    [],
  )
}

function describeDmarc({ result, domain, policy, policyDomain, override, comment }: Dmarc): MethodResult {
  const found =
    policy === undefined ? undefined : `p=${policy}${policyDomain === domain ? '' : ` from ${policyDomain}`}`
  const parts = [found, override && `not applied: ${override}`, comment].filter(
    (part) => part !== undefined && part !== '',
  )
  // RFC 9989 §9.1: policy.dmarc is the policy after its options.
  const properties: [string, string, string | undefined][] = [
    ['header', 'from', domain],
    ['policy', 'dmarc', policy],
  ]
  return build('dmarc', result, parts.length > 0 ? parts.join(', ') : undefined, properties)
}

function build(
  method: string,
  result: string,
  comment: string | undefined,
  properties: readonly [string, string, string | undefined][],
): MethodResult {
  const present = properties.flatMap(([type, name, value]) =>
    value === undefined || value === '' ? [] : [{ type, name, value }],
  )
  return comment === undefined
    ? { method, result, properties: present }
    : { method, result, comment, properties: present }
}
