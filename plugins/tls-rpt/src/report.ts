/** Makes the report on a domain of the rows that were counted, RFC 8460 §4. */
import type { TlsReport, TlsReportFailure, TlsReportPolicy } from '@postroad/report'
import { type StsPolicy, textOfPolicy } from '@postroad/tls-policy'
import { rowOfText, type TlsRow } from './row.ts'

interface Group {
  readonly row: TlsRow
  readonly mxHosts: Set<string>
  successful: number
  failed: number
  readonly failures: TlsReportFailure[]
}

/** One entry for each policy that was met; `sts` is the domain's policy, as it was known last. */
export function policiesOf(
  domain: string,
  rows: ReadonlyMap<string, number>,
  sts: StsPolicy | undefined,
): readonly TlsReportPolicy[] {
  const groups = new Map<string, Group>()
  for (const [text, count] of rows) {
    const row = rowOfText(text)
    const key = JSON.stringify([row.type, row.strings])
    let group = groups.get(key)
    if (group === undefined)
      groups.set(key, (group = { row, mxHosts: new Set(), successful: 0, failed: 0, failures: [] }))
    if (row.mxHost !== '') group.mxHosts.add(row.mxHost)
    if (row.failure === undefined) group.successful += count
    else {
      group.failed += count
      group.failures.push(failureOf(row, row.failure, count))
    }
  }
  return [...groups.values()].map((group) => policyOf(domain, group, sts))
}

function policyOf(domain: string, { row, mxHosts, ...counts }: Group, sts: StsPolicy | undefined): TlsReportPolicy {
  const { type, strings } = row
  const isSts = type === 'sts' && sts !== undefined
  return {
    type,
    strings: isSts ? textOfPolicy(sts) : strings,
    domain,
    // RFC 8460 §4.4: the patterns of MTA-STS, and for DANE the hosts.
    mxHosts: isSts ? sts.mx : type === 'tlsa' ? [...mxHosts].sort() : [],
    ...counts,
  }
}

function failureOf(
  { mxHost, receivingIp, sendingIp, information, reason }: TlsRow,
  type: string,
  count: number,
): TlsReportFailure {
  return { type, count, mxHost: mxHost || undefined, receivingIp, sendingIp, information, reason }
}

/** For people. */
export function describeTlsReport({ organization, policies }: TlsReport, domain: string, day: string): string {
  const lines = policies.map(({ type, successful, failed }) => `${type}: ${successful} sessions, ${failed} failed`)
  return [
    `This is a report on TLS (RFC 8460) from ${organization.replaceAll(/[^\x20-\x7e]/g, '?')}: how sessions with the mail`,
    `hosts of ${domain} went on ${day} (UTC). Programs read the attachment.`,
    '',
    ...lines,
  ].join('\n')
}
