/** Who may send for a domain, RFC 7208. */
import { evaluateSpf, nodeResolver } from '@postroad/mailauth'
import type { HealthFinding } from '@postroad/plugin'
import type { Check, DoctorContext } from '../check.ts'
import { fault, ok, remark, unknown } from '../finding.ts'
import { look } from '../look.ts'
import { isPrivate } from '../private.ts'
import { countSpf, type SpfCount } from '../spf-count.ts'

/** The record of each domain, and of the host name. */
export const spf: Check = {
  name: 'spf',
  group: 'outside',
  summary: 'One SPF record, of at most ten lookups, that lets our addresses send and not everybody.',
  rfc: 'RFC 7208 §4',
  async run(context) {
    const { domains, hostname } = context
    const names = [...new Set([...domains, hostname.toLowerCase()])]
    return (await Promise.all(names.map((name) => ofDomain(name, context)))).flat()
  },
}

async function ofDomain(domain: string, context: DoctorContext): Promise<readonly HealthFinding[]> {
  const { dns, signal, hostname, domains } = context
  const found = await look(dns.txt(domain, signal))
  if (!found.isKnown) return [unknown(domain, `TXT ${domain}`, found.code)]
  const records = found.records.filter((text) => /^v=spf1(?: |$)/i.test(text))
  const [record] = records
  if (record === undefined) {
    const fix = `Publish ${domain}. IN TXT "v=spf1 ${domains.includes(domain) ? 'mx' : 'a'} -all".`
    const almost = found.records.find((text) => /spf/i.test(text) && !/^v=spf1/i.test(text))
    if (almost !== undefined)
      return [
        fault(domain, `no record: "${almost.slice(0, 60)}" does not begin with "v=spf1 "`, {
          rfc: 'RFC 7208 §4.5',
          fix,
        }),
      ]
    // RFC 7208 §2.3: the name of EHLO is checked as well; without a record it is nothing.
    const rfc = domains.includes(domain) ? 'RFC 7208 §4.5' : 'RFC 7208 §10.1.3'
    return [(domains.includes(domain) ? fault : remark)(domain, 'no SPF record', { rfc, fix })]
  }
  if (records.length > 1)
    return [
      fault(domain, `${records.length} SPF records: to others that is an error`, {
        rfc: 'RFC 7208 §4.5',
        fix: 'Join them to one record.',
      }),
    ]
  const count = await countSpf(record, domain, { dns, signal })
  const wrong = judge(domain, record, count)
  if (wrong.some(({ state }) => state === 'fault')) return wrong
  const answers = await Promise.all(
    context.addresses
      .filter((one) => !isPrivate(one))
      .map((ip) => forAddress(domain, ip, { record, hostname, context })),
  )
  return [
    ...wrong,
    ...answers.filter((one) => one !== undefined),
    ...(wrong.length + answers.length === 0 ? [ok(domain, record)] : []),
  ]
}

function judge(domain: string, record: string, { lookups, voids, terms, mistake }: SpfCount): HealthFinding[] {
  if (mistake !== undefined)
    return [
      fault(domain, `${mistake} in "${record.slice(0, 120)}"`, {
        rfc: 'RFC 7208 §4.6',
        fix: 'Correct the record: until then it is an error to others.',
      }),
    ]
  const said: HealthFinding[] = []
  if (lookups > 10)
    said.push(
      fault(domain, `${lookups} lookups of 10: ${terms.join(', ')}`, {
        rfc: 'RFC 7208 §4.6.4',
        fix: 'Name networks (ip4:, ip6:) in place of include, or take out what is not used: beyond ten the record is an error.',
      }),
    )
  else if (lookups > 8)
    said.push(
      remark(domain, `${lookups} lookups of 10: ${terms.join(', ')}`, {
        rfc: 'RFC 7208 §4.6.4',
        fix: 'One more include of somebody else is enough to break it: name networks in place of some.',
      }),
    )
  if (voids > 2)
    said.push(
      fault(domain, `${voids} of the names in it do not exist, two may`, {
        rfc: 'RFC 7208 §4.6.4',
        fix: 'Take the names out that do not exist any more.',
      }),
    )
  if (/(?:^| )\+?all(?: |$)/i.test(record))
    said.push(
      fault(domain, `everybody may send: ${record}`, {
        rfc: 'RFC 7208 §8.2',
        fix: 'End the record with -all, or with ~all to begin with.',
      }),
    )
  else if (/ \?all(?: |$)/i.test(record) || !/(?: [-~]all(?: |$)| redirect=)/i.test(record))
    said.push(
      remark(domain, `the record says nothing of others: ${record}`, {
        rfc: 'RFC 7208 §10.1.1',
        fix: 'End it with -all, or with ~all to begin with.',
      }),
    )
  if (/ [+?~-]?ptr(?:[ :/]|$)/i.test(record))
    said.push(
      remark(domain, 'the mechanism ptr, which is not to be used', {
        rfc: 'RFC 7208 §5.5',
        fix: 'Name the hosts (a:) or networks (ip4:) in its place.',
      }),
    )
  return said
}

async function forAddress(
  domain: string,
  ip: string,
  {
    record,
    hostname,
    context: { dns, signal },
  }: { readonly record: string; readonly hostname: string; readonly context: DoctorContext },
): Promise<HealthFinding | undefined> {
  const { result, comment } = await spfOf(domain, ip, { dns, hostname, signal })
  if (result === 'pass') return ok(domain, `${ip} passes: ${record}`)
  if (result === 'temperror') return unknown(domain, `what the SPF record of ${domain} leads to`, 'temperror')
  const fix = `Add ${ip.includes(':') ? 'ip6' : 'ip4'}:${ip} to the record of ${domain}.`
  if (result === 'permerror')
    return fault(domain, `the record is an error to others: ${comment ?? record}`, {
      rfc: 'RFC 7208 §2.6.7',
      fix: 'Correct the record.',
    })
  return fault(domain, `${ip}, from where we send, gets ${result}: ${record}`, { rfc: 'RFC 7208 §2.6', fix })
}

/** What SPF says of mail with a reverse-path in this domain, from this address. */
export async function spfOf(
  domain: string,
  ip: string,
  { dns, hostname, signal }: Pick<DoctorContext, 'dns' | 'hostname' | 'signal'>,
): Promise<{ readonly result: string; readonly comment?: string }> {
  const { status } = await evaluateSpf({
    sender: `postmaster@${domain}`,
    ip,
    helo: hostname,
    mta: hostname,
    resolver: nodeResolver(dns, signal),
    strict: true,
    maxElapsedTime: 20_000,
  })
  return status as { readonly result: string; readonly comment?: string } // mailauth's own words
}
