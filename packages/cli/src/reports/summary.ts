/** Adds reports up: on DMARC by policy and by source, on TLS by policy, and what fails most. */
import type { DmarcReport, TlsReport, TlsReportPolicy } from '@postroad/report'
import type { FoundReport } from './collect.ts'

/** A line of a table, and of `--json`. */
export type ReportRow = Readonly<Record<string, string | number>>

/** What all reports together say. */
export interface Summary {
  readonly dmarcPolicies: readonly ReportRow[]
  /** Those that fail most first. */
  readonly dmarcSources: readonly ReportRow[]
  readonly tlsPolicies: readonly ReportRow[]
  readonly tlsFailures: readonly ReportRow[]
  readonly reports: readonly ReportRow[]
  readonly mistakes: readonly ReportRow[]
  /** Reports that came more than once, and files without one. */
  readonly repeated: number
  readonly others: number
}

/** Sums by key. */
class Table {
  readonly #rows = new Map<
    string,
    { readonly names: ReportRow; readonly sums: Record<string, number>; readonly of: Set<string> }
  >()

  /** `of` are things that are counted once each. */
  add(names: ReportRow, sums: Readonly<Record<string, number>>, of: string): void {
    const key = JSON.stringify(Object.values(names))
    let row = this.#rows.get(key)
    if (row === undefined)
      this.#rows.set(
        key,
        (row = { names, sums: Object.fromEntries(Object.keys(sums).map((name) => [name, 0])), of: new Set() }),
      )
    for (const [name, value] of Object.entries(sums)) row.sums[name] = (row.sums[name] ?? 0) + value
    row.of.add(of)
  }

  rows(distinct: string, first: string, second: string): readonly ReportRow[] {
    return [...this.#rows.values()]
      .sort((a, b) => (b.sums[first] ?? 0) - (a.sums[first] ?? 0) || (b.sums[second] ?? 0) - (a.sums[second] ?? 0))
      .map(({ names, sums, of }) => ({ ...names, ...sums, [distinct]: of.size }))
  }
}

/** Adds up. */
export class Summing {
  readonly #policies = new Table()
  readonly #sources = new Table()
  readonly #tlsPolicies = new Table()
  readonly #tlsFailures = new Table()
  readonly #reports: ReportRow[] = []
  readonly #mistakes: ReportRow[] = []
  readonly #seen = new Set<string>()
  #repeated = 0
  #others = 0

  add({ file, read, dkim }: FoundReport): void {
    if (read === undefined) return void this.#others++
    if (read.kind === 'none') return void this.#mistakes.push({ file, mistake: read.mistake })
    const { organization, id, begin, end } = read.report
    const domain = read.kind === 'dmarc' ? read.report.published.domain : domainsOf(read.report)
    const key = JSON.stringify([read.kind, organization, id, begin, domain])
    if (this.#seen.has(key)) return void this.#repeated++
    this.#seen.add(key)
    this.#reports.push({
      kind: read.kind,
      from: organization,
      domain,
      begin: dayOf(begin),
      end: dayOf(end),
      dkim,
      file,
    })
    if (read.kind === 'dmarc') this.#addDmarc(read.report)
    else for (const policy of read.report.policies) this.#addTls(policy, organization)
  }

  #addDmarc({ published, records, organization }: DmarcReport): void {
    for (const record of records) {
      const isPass = record.dkim === 'pass' || record.spf === 'pass'
      const { count, disposition } = record
      const results = { messages: count, passed: isPass ? count : 0, failed: isPass ? 0 : count }
      this.#policies.add({ domain: published.domain, policy: published.p }, results, organization)
      this.#sources.add(
        { source: record.source, domain: record.headerFrom || published.domain },
        {
          ...results,
          dkim: record.dkim === 'pass' ? count : 0,
          spf: record.spf === 'pass' ? count : 0,
          refused: disposition === 'reject' || disposition === 'quarantine' ? count : 0,
        },
        organization,
      )
    }
  }

  #addTls({ domain, type, successful, failed, failures }: TlsReportPolicy, organization: string): void {
    this.#tlsPolicies.add({ domain, policy: type }, { sessions: successful + failed, failed }, organization)
    for (const failure of failures)
      this.#tlsFailures.add(
        {
          domain,
          result: failure.type,
          host: failure.mxHost ?? failure.mxHelo ?? '',
          address: failure.receivingIp ?? '',
          reason: failure.reason ?? failure.information ?? '',
        },
        { sessions: failure.count },
        organization,
      )
  }

  get summary(): Summary {
    return {
      dmarcPolicies: this.#policies.rows('reporters', 'messages', 'failed'),
      dmarcSources: this.#sources.rows('reporters', 'failed', 'messages'),
      tlsPolicies: this.#tlsPolicies.rows('reporters', 'sessions', 'failed'),
      tlsFailures: this.#tlsFailures.rows('reporters', 'sessions', 'sessions'),
      reports: this.#reports,
      mistakes: this.#mistakes,
      repeated: this.#repeated,
      others: this.#others,
    }
  }
}

function domainsOf({ policies }: TlsReport): string {
  return [...new Set(policies.map(({ domain }) => domain))].slice(0, 3).join(' ')
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16)
}
