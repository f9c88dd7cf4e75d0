/** What a domain asks others to do with mail in its name that is not its own, RFC 9989, and to whom they report, RFC 9990. */
import type { HealthFinding } from '@postroad/plugin'
import type { Check, DoctorContext } from '../check.ts'
import { fault, ok, remark, unknown } from '../finding.ts'
import { look, recordOf, tags } from '../look.ts'

/** The record, and whether who is to have reports wants them. */
export const dmarc: Check = {
  name: 'dmarc',
  group: 'outside',
  summary: 'One DMARC record with a policy; whoever is to have reports outside of the domain says that they want them.',
  rfc: 'RFC 9989 §4.7',
  run: async (context) => (await Promise.all(context.domains.map((domain) => ofDomain(domain, context)))).flat(),
}

/** What is published of a domain, by itself or a domain above it: a walk as in RFC 9989 §4.10, of at most eight steps. */
export async function findDmarc(
  domain: string,
  { dns, signal }: Pick<DoctorContext, 'dns' | 'signal'>,
): Promise<
  { readonly at: string; readonly record: string; readonly several: boolean } | { readonly failure: string } | undefined
> {
  const labels = domain.split('.')
  const names = [domain, ...labels.map((_, from) => labels.slice(from + 1).join('.')).filter((name) => name !== '')]
  for (const at of [...new Set([...names.slice(0, 1), ...names.slice(1).slice(-7)])]) {
    const found = await look(dns.txt(`_dmarc.${at}`, signal))
    if (!found.isKnown) return { failure: found.code }
    const { one, several } = recordOf(found.records, /^v\s*=\s*DMARC1\s*(?:;|$)/)
    if (one !== undefined) return { at, record: one, several }
  }
  return undefined
}

async function ofDomain(domain: string, context: DoctorContext): Promise<readonly HealthFinding[]> {
  const found = await findDmarc(domain, context)
  const fix = `Publish _dmarc.${domain}. IN TXT "v=DMARC1; p=none; rua=mailto:dmarc@${domain}".`
  if (found === undefined)
    return [fault(domain, 'no DMARC record: the large providers ask for one', { rfc: 'RFC 9989 §4.7', fix })]
  if ('failure' in found) return [unknown(domain, `TXT _dmarc.${domain}`, found.failure)]
  if (found.several)
    return [
      fault(domain, `several records at _dmarc.${found.at}: to others that is none`, {
        rfc: 'RFC 9989 §4.10',
        fix: 'Keep one of them.',
      }),
    ]
  const known = tags(found.record)
  const policy = known.get('p')?.toLowerCase()
  if (policy === undefined || !/^(?:none|quarantine|reject)$/.test(policy)) {
    const what = policy === undefined ? 'no policy (p=)' : `a policy that does not exist (p=${policy})`
    return [
      fault(domain, `${what}: ${found.record}`, { rfc: 'RFC 9989 §4.7', fix: 'Say p=none, p=quarantine or p=reject.' }),
    ]
  }
  const reports = await Promise.all(
    ['rua', 'ruf'].flatMap((tag) =>
      destinationsOf(known.get(tag)).map((uri) => authorised(found.at, uri, { tag, context })),
    ),
  )
  const said = reports.filter((one) => one !== undefined)
  if (policy === 'none')
    said.push(
      remark(domain, 'p=none: mail in its name from others is not kept back', {
        rfc: 'RFC 9989 §4.7',
        fix: 'When the reports show that your own mail passes, say p=quarantine or p=reject.',
      }),
    )
  if (!known.has('rua'))
    said.push(
      remark(domain, 'nobody is to have reports (rua=)', {
        rfc: 'RFC 9990 §4',
        fix: `Add rua=mailto:dmarc@${domain}.`,
      }),
    )
  return said.length > 0 ? said : [ok(domain, found.record)]
}

function destinationsOf(value: string | undefined): readonly string[] {
  return (value ?? '')
    .split(',')
    .map((uri) => uri.trim())
    .filter((uri) => uri !== '')
}

/** RFC 9990 §4: whoever is outside of the domain has to say that they want them, or nobody sends any. */
async function authorised(
  domain: string,
  uri: string,
  { tag, context: { dns, signal } }: { readonly tag: string; readonly context: DoctorContext },
): Promise<HealthFinding | undefined> {
  const host = /^mailto:[^@\s]+@([a-z0-9.-]+)(?:!\d+[kmgt]?)?$/i.exec(uri)?.[1]?.toLowerCase()
  if (host === undefined)
    return fault(domain, `${tag}=${uri} is no address for mail`, {
      rfc: 'RFC 9990 §4',
      fix: `Write ${tag}=mailto:dmarc@${domain}.`,
    })
  if (host === domain || host.endsWith(`.${domain}`) || domain.endsWith(`.${host}`)) return undefined
  const name = `${domain}._report._dmarc.${host}`
  const found = await look(dns.txt(name, signal))
  if (!found.isKnown) return unknown(domain, `TXT ${name}`, found.code)
  if (found.records.some((text) => /^v\s*=\s*DMARC1/.test(text))) return undefined
  return fault(domain, `${host} does not say that it takes reports on ${domain}: none will be sent`, {
    rfc: 'RFC 9990 §4',
    fix: `Whoever has ${host} publishes ${name}. IN TXT "v=DMARC1"; or name an address in ${domain}.`,
  })
}
