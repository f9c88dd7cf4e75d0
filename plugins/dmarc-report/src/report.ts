/** Makes the report on a domain of the rows that were counted, RFC 9990 §3.1. */
import { type DmarcPublished, type DmarcRecord, type DmarcReport, tagsOf } from '@postroad/report'
import { rowOfText } from './row.ts'

/** The policy as the record says it; tags that it does not have have their default values. */
export function publishedOf(domain: string, record: string): DmarcPublished {
  const tags = tagsOf(record)
  const policy = (name: string): string | undefined => {
    const value = tags.get(name)?.toLowerCase()
    return value === 'none' || value === 'quarantine' || value === 'reject' ? value : undefined
  }
  const p = policy('p') ?? 'none'
  const sp = policy('sp') ?? p
  return {
    domain,
    discovery: 'treewalk',
    p,
    sp,
    np: policy('np') ?? sp,
    adkim: tags.get('adkim') === 's' ? 's' : 'r',
    aspf: tags.get('aspf') === 's' ? 's' : 'r',
    fo: tags.get('fo')?.slice(0, 20) || '0',
    testing: tags.get('t') === 'y' ? 'y' : 'n',
  }
}

/** Most messages first. */
export function recordsOf(rows: ReadonlyMap<string, number>): readonly DmarcRecord[] {
  return [...rows].map(([text, count]) => ({ ...rowOfText(text), count })).sort((a, b) => b.count - a.count)
}

/** For people. */
export function describeDmarcReport({ organization, published, records }: DmarcReport, day: string): string {
  const sum = (list: readonly DmarcRecord[]) => list.reduce((total, { count }) => total + count, 0)
  const passed = sum(records.filter(({ dkim, spf }) => dkim === 'pass' || spf === 'pass'))
  return [
    `This is an aggregate report on DMARC (RFC 9990) from ${organization.replaceAll(/[^\x20-\x7e]/g, '?')}, about mail`,
    `that said it was from ${published.domain} on ${day} (UTC): ${sum(records)} messages, ${passed} of which passed.`,
    'Programs read the attachment.',
  ].join('\n')
}
