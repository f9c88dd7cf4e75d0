/** What a domain publishes of TLS on the way to it: MTA-STS, TLSA, TLS-RPT. */
import type { X509Certificate } from 'node:crypto'
import type { HealthFinding } from '@postroad/plugin'
import { adviseTlsa, stsAnswer, stsId } from '@postroad/tls-policy'
import type { Check, DoctorContext, ShownCertificate } from '../check.ts'
import { fault, ok, remark, unknown } from '../finding.ts'
import { look, tags } from '../look.ts'
import { certificatesOf } from './certificate.ts'

/** MTA-STS. */
export const mtaSts: Check = {
  name: 'mta-sts',
  group: 'outside',
  summary: 'The MTA-STS record has a policy behind it that can be fetched and names the mail hosts.',
  rfc: 'RFC 8461 §3',
  run: async (context) => Promise.all(context.domains.map((domain) => ofDomain(domain, context))),
}

async function ofDomain(domain: string, context: DoctorContext): Promise<HealthFinding> {
  const { dns, signal } = context
  const found = await look(dns.txt(`_mta-sts.${domain}`, signal))
  if (!found.isKnown) return unknown(domain, `TXT _mta-sts.${domain}`, found.code)
  if (found.records.length === 0)
    return remark(domain, 'no MTA-STS: who cannot use DANE sends in the clear when somebody on the way wants it', {
      rfc: 'RFC 8461 §3',
      fix: 'Serve a policy with the plugin mta-sts (serve), and publish its record.',
    })
  const id = stsId(found.records)
  if (id === undefined)
    return fault(domain, `no record that counts: ${found.records.join(' | ').slice(0, 120)}`, {
      rfc: 'RFC 8461 §3.1',
      fix: `Publish exactly one: _mta-sts.${domain}. IN TXT "v=STSv1; id=20260101".`,
    })
  const fetched = await context.fetchSts(domain, signal)
  if ('failure' in fetched)
    return fault(domain, `the policy cannot be had: ${fetched.reason}`, {
      rfc: 'RFC 8461 §3.3',
      fix: `Serve https://mta-sts.${domain}/.well-known/mta-sts.txt with a valid certificate (docs/http.md).`,
    })
  const { policy } = fetched
  if (policy.mode === 'none')
    return remark(domain, 'mode: none, which asks for nothing', {
      rfc: 'RFC 8461 §5',
      fix: 'Say mode: testing, and later enforce.',
    })
  const hosts = await look(dns.mx(domain, signal))
  if (!hosts.isKnown) return unknown(domain, `MX ${domain}`, hosts.code)
  // `stsAnswer` says whom the policy rules out; in another mode nobody is.
  const isOut = (host: string): boolean => 'refusal' in (stsAnswer({ ...policy, mode: 'enforce' }, domain, host) ?? {})
  const unnamed = hosts.records.map(({ exchange }) => exchange).filter(isOut)
  if (unnamed.length > 0)
    return fault(domain, `the policy does not name ${unnamed.join(', ')}: who obeys it brings no mail there`, {
      rfc: 'RFC 8461 §4.1',
      fix: `Add ${unnamed.map((host) => `mx: ${host}`).join(', ')} to the policy, and change the id of the record.`,
    })
  if (policy.maxAge < 86_400)
    return remark(domain, `max_age: ${policy.maxAge}, less than a day`, {
      rfc: 'RFC 8461 §3.2',
      fix: 'Say some weeks: a short one protects nobody who writes rarely.',
    })
  if (policy.mode === 'testing')
    return remark(domain, `mode: testing, id ${id}`, {
      rfc: 'RFC 8461 §5',
      fix: 'When reports show no failures, say mode: enforce.',
    })
  return ok(domain, `enforced, id ${id}, ${policy.mx.join(', ')}`)
}

/** DANE. */
export const tlsa: Check = {
  name: 'tlsa',
  group: 'outside',
  summary: 'TLSA records of the host are about the certificate that its listeners show, and signed.',
  rfc: 'RFC 7672 §3',
  async run(context) {
    const { certificates, hostname, domains, dns, signal } = context
    const hosts = new Set([hostname.toLowerCase()])
    for (const domain of domains) {
      const found = await look(dns.mx(domain, signal))
      // Only a host of ours shows a certificate of ours.
      if (found.isKnown && found.records.length === 1 && found.records[0]?.exchange)
        hosts.add(found.records[0].exchange.toLowerCase())
    }
    const shown = certificates.filter(({ isPublic }) => isPublic)
    return (await Promise.all(shown.flatMap((files) => [...hosts].map((host) => ofHost(host, files, context))))).flat()
  },
}

async function ofHost(
  host: string,
  files: ShownCertificate,
  { dns, signal, world, now }: DoctorContext,
): Promise<readonly HealthFinding[]> {
  let chain: readonly X509Certificate[]
  try {
    chain = certificatesOf(await world.read(files.cert))
  } catch {
    return [] // the check of certificates says it
  }
  const [first, ...rest] = chain
  if (first === undefined) return []
  const name = `_25._tcp.${host}`
  const found = await look(dns.tlsa(name, signal))
  if (!found.isKnown) return [unknown(name, `TLSA ${name}`, found.code)]
  const { state, advice, present } = adviseTlsa({
    host,
    port: 25,
    chain: [first, ...rest],
    now: now(),
    published: { records: found.records, isSigned: found.isSigned },
  })
  const rfc = 'RFC 7672 §3.1'
  if (state === 'differs')
    return [fault(name, `${advice[0] ?? 'the records are about another key'}`, { rfc, fix: `Publish ${present}.` })]
  if (state === 'unsigned')
    return [
      remark(name, advice[0] ?? 'not signed', {
        rfc: 'RFC 7672 §2.2',
        fix: 'Sign the zone (DNSSEC), or use a resolver that validates: postroad tls tlsa.',
      }),
    ]
  if (state === 'none') return [ok(name, 'no DANE for this host')]
  return [ok(name, `${found.records.length} records, signed, and of the certificate`)]
}

/** Reports on TLS. */
export const tlsRpt: Check = {
  name: 'tls-rpt',
  group: 'outside',
  summary: 'The record that says where reports on TLS go is one, and names an address that can have them.',
  rfc: 'RFC 8460 §3',
  run: async (context) =>
    Promise.all(
      context.domains.map(async (domain) => {
        const name = `_smtp._tls.${domain}`
        const fix = `Publish ${name}. IN TXT "v=TLSRPTv1; rua=mailto:tls-reports@${domain}".`
        const found = await look(context.dns.txt(name, context.signal))
        if (!found.isKnown) return unknown(domain, `TXT ${name}`, found.code)
        const records = found.records.filter((text) => /^v\s*=\s*TLSRPTv1\s*;/.test(text))
        const rfc = 'RFC 8460 §3'
        if (records.length === 0 && found.records.length === 0)
          return remark(domain, 'nobody is told when TLS with this domain fails', { rfc, fix })
        if (records.length !== 1)
          return fault(
            domain,
            records.length === 0
              ? `no record that counts: ${found.records.join(' | ').slice(0, 120)}`
              : `${records.length} records: to others that is none`,
            { rfc, fix },
          )
        const targets = (tags(records[0] ?? '').get('rua') ?? '').split(',').map((uri) => uri.trim())
        const wrong = targets.filter((uri) => !/^(?:mailto:[^@\s]+@[^@\s]+|https:\/\/\S+)$/i.test(uri))
        if (wrong.length > 0)
          return fault(domain, `rua=${wrong.join(',') || '(nothing)'} is neither mailto: nor https:`, {
            rfc: 'RFC 8460 §3',
            fix,
          })
        return ok(domain, targets.join(', '))
      }),
    ),
}
