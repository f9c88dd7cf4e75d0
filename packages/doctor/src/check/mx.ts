/** Where others bring the mail of a domain. */
import { isIP } from 'node:net'
import type { HealthFinding } from '@postroad/plugin'
import type { Check, DoctorContext } from '../check.ts'
import { fault, ok, remark, unknown } from '../finding.ts'
import { addressesOf, canonicalAddress, look } from '../look.ts'

/** MX records of each domain. */
export const mx: Check = {
  name: 'mx',
  group: 'outside',
  summary: 'The MX records of the domain name hosts that exist, and one of them is this one.',
  rfc: 'RFC 5321 §5.1',
  run: async (context) => (await Promise.all(context.domains.map((domain) => ofDomain(domain, context)))).flat(),
}

const RFC = 'RFC 5321 §5.1'

async function ofDomain(domain: string, context: DoctorContext): Promise<readonly HealthFinding[]> {
  const { dns, signal, hostname } = context
  const found = await look(dns.mx(domain, signal))
  if (!found.isKnown) return [unknown(domain, `MX ${domain}`, found.code)]
  if (!found.exists)
    return [
      fault(domain, 'the domain does not exist (NXDOMAIN)', {
        rfc: RFC,
        fix: `Register ${domain}, or correct its name.`,
      }),
    ]
  const hosts = found.records.toSorted((one, other) => one.preference - other.preference)
  if (hosts.length === 0) return [await withoutMx(domain, context)]
  if (hosts.some(({ exchange }) => exchange === '' || exchange === '.')) {
    const text = hosts.length === 1 ? 'a null MX: the domain says that it takes no mail' : 'a null MX beside others'
    return [
      fault(domain, text, {
        rfc: 'RFC 7505 §3',
        fix: `Publish ${domain}. IN MX 10 ${hostname}. in place of "MX 0 .".`,
      }),
    ]
  }
  const judged = await Promise.all(hosts.map(({ exchange }) => ofHost(domain, exchange.toLowerCase(), context)))
  const problems = judged.flatMap(({ finding }) => (finding ? [finding] : []))
  const shown = hosts.map(({ preference, exchange }) => `${preference} ${exchange}`).join(', ')
  const isOurs = judged.some(({ isUs }) => isUs)
  if (problems.length === 0 && !isOurs && judged.every(({ isKnown }) => isKnown))
    return [
      fault(domain, `none of its mail hosts is this one: ${shown}`, {
        rfc: RFC,
        fix: `Publish ${domain}. IN MX 10 ${hostname}., or give this server the name and address that is there.`,
      }),
    ]
  return problems.length > 0 ? problems : [ok(domain, shown)]
}

/** RFC 5321 §5.1: without MX the address of the domain itself counts. */
async function withoutMx(domain: string, { dns, signal, hostname }: DoctorContext): Promise<HealthFinding> {
  const own = await addressesOf(domain, dns, signal)
  if (own === undefined) return unknown(domain, `A ${domain}`, 'no answer')
  const fix = `Publish ${domain}. IN MX 10 ${hostname}.`
  if (own.length === 0) return fault(domain, 'no MX record and no address: nobody can bring mail', { rfc: RFC, fix })
  return remark(domain, `no MX record; mail goes to its own address ${own.join(', ')}`, { rfc: RFC, fix })
}

interface JudgedHost {
  readonly finding?: HealthFinding
  readonly isUs: boolean
  readonly isKnown: boolean
}

async function ofHost(domain: string, host: string, context: DoctorContext): Promise<JudgedHost> {
  const { dns, signal, hostname, addresses } = context
  const bad = (text: string, rfc: string, fix: string): JudgedHost => ({
    finding: fault(domain, text, { rfc, fix }),
    isUs: false,
    isKnown: true,
  })
  if (isIP(host) !== 0)
    return bad(
      `the MX record names an address, ${host}: many take that for no host`,
      'RFC 5321 §5.1',
      `Name a host: ${domain}. IN MX 10 ${hostname}.`,
    )
  const alias = await look(dns.cname(host, signal))
  if (alias.isKnown && alias.records.length > 0)
    return bad(
      `${host} is an alias (CNAME) of ${alias.records[0]}`,
      'RFC 2181 §10.3',
      `Give ${host} an A record, or name ${alias.records[0]} in the MX record.`,
    )
  const found = await addressesOf(host, dns, signal)
  if (found === undefined) return { isUs: false, isKnown: false }
  if (found.length === 0)
    return bad(
      `${host} has no address`,
      'RFC 5321 §5.1',
      `Publish an A or AAAA record of ${host}, or take it out of the MX records.`,
    )
  const isUs = host === hostname.toLowerCase() || found.some((one) => addresses.map(canonicalAddress).includes(one))
  return { isUs, isKnown: true }
}
