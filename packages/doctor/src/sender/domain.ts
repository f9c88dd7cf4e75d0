/** Whether the domain of the field From is one that mail can be answered to, and what passes is of that domain. */
import { evaluateDmarc, nodeResolver } from '@postroad/mailauth'
import type { HealthFinding } from '@postroad/plugin'
import { spfOf } from '../check/spf.ts'
import type { Check, DoctorContext } from '../check.ts'
import { fault, ok, remark, unknown } from '../finding.ts'
import { addressesOf, look } from '../look.ts'
import { isPrivate } from '../private.ts'
import { GMAIL, MICROSOFT } from './sender-context.ts'

/** The author's domain exists, and takes mail. */
export const fromDomain: Check = {
  name: 'from-domain',
  group: 'outside',
  summary: 'The domain of the field From exists and takes mail.',
  rfc: 'RFC 5321 §5.1',
  run: async (context) => Promise.all(authors(context).map((domain) => resolves(domain, context))),
}

async function resolves(domain: string, { dns, signal }: DoctorContext): Promise<HealthFinding> {
  const rfc = 'RFC 5321 §5.1'
  const found = await look(dns.mx(domain, signal))
  if (!found.isKnown) return unknown(domain, `MX ${domain}`, found.code)
  const hosts = found.records.map(({ exchange }) => exchange)
  if (hosts.some((host) => host === '' || host === '.'))
    return fault(domain, 'a null MX: it says that it takes no mail, so nobody can answer', {
      rfc: 'RFC 7505 §4.2',
      fix: 'Send from a domain that takes mail, or give this one a mail host.',
    })
  if (hosts.length > 0) return ok(domain, `MX ${hosts.join(', ')}`)
  const own = await addressesOf(domain, dns, signal)
  if (own === undefined) return unknown(domain, `A ${domain}`, 'no answer')
  if (own.length > 0) return ok(domain, `no MX, and the address ${own.join(', ')}`)
  const text = found.exists ? 'neither an MX record nor an address' : 'the domain does not exist (NXDOMAIN)'
  return fault(domain, `${text}: receivers refuse such mail`, {
    rfc,
    fix: `Publish ${domain}. IN MX 10 and the host that takes its mail, or send from another domain.`,
  })
}

/** SPF and DKIM, both, and one of them of the author's domain. */
export const alignment: Check = {
  name: 'alignment',
  group: 'outside',
  summary:
    'Mail passes SPF and DKIM, both, and at least one of them is of the domain of the field From (DMARC passes).',
  rfc: 'RFC 9989 §4.4',
  run: async (context) => (await Promise.all(authors(context).map((domain) => aligned(domain, context)))).flat(),
}

async function aligned(domain: string, context: DoctorContext): Promise<readonly HealthFinding[]> {
  const { sender, dns, signal } = context
  const own = (sender?.messages ?? []).filter((one) => one.fromDomain === domain)
  const paths = returnPathsOf(domain, context)
  const ip = context.addresses.find((one) => !isPrivate(one))
  const said: HealthFinding[] = []
  const passing: string[] = []
  for (const path of paths) {
    const result = ip === undefined ? undefined : (await spfOf(path, ip, context)).result
    if (result === undefined || result === 'temperror')
      said.push(unknown(path, 'whether SPF passes', result ?? 'no address is known: say --address'))
    else if (result === 'pass') passing.push(path)
    else
      said.push(
        fault(path, `SPF of the reverse-path: ${result} from ${ip}`, {
          rfc: `${GMAIL}; ${MICROSOFT}; RFC 7208 §2.6`,
          fix: `Let ${ip} send in the SPF record of ${path}.`,
        }),
      )
  }
  const signers = await signersOf(domain, context)
  if (signers === undefined)
    said.push(
      remark(
        domain,
        own.length > 0 ? 'DNS does not say whether the signatures pass' : 'not known whether mail is signed',
        {
          rfc: GMAIL,
          fix: 'Give a message as a receiver has it (--message), a selector (--dkim), or the configuration that signs (--config).',
        },
      ),
    )
  else if (signers.length === 0)
    said.push(
      fault(domain, own.length > 0 ? 'no signature of DKIM that passes' : 'nothing signs mail of this domain', {
        rfc: `${GMAIL}; ${MICROSOFT}; RFC 6376`,
        fix: 'Sign with dkim.sign, and publish the key that `postroad dkim keygen` prints.',
      }),
    )
  if (passing.length === 0 && !signers?.length) return said
  const { response } = await evaluateDmarc({
    headerFrom: [`x@${domain}`],
    fromFields: 1,
    spfDomains: passing.map((path) => ({ domain: path })),
    dkimDomains: (signers ?? []).map((one) => ({ domain: one, underSized: 0 })),
    resolver: nodeResolver(dns, signal),
    strict: true,
  })
  const result = response ? response.status.result : 'permerror'
  const shown = `SPF ${passing.join(', ') || 'of nobody'}, DKIM ${signers?.join(', ') || 'of nobody'}`
  if (result === 'pass') return [...said, ok(domain, `${shown}: aligned`)]
  if (result === 'temperror') return [...said, unknown(domain, 'whether DMARC passes', result)]
  // Without a record there is nothing to pass; the check `dmarc` says so.
  if (result === 'none') return said
  return [
    ...said,
    fault(domain, `${shown}: neither is of ${domain}, so DMARC is ${result}`, {
      rfc: `${GMAIL}; ${MICROSOFT}; RFC 9989 §4.4`,
      fix: `Sign with d=${domain}, or send with a reverse-path in ${domain} or below it.`,
    }),
  ]
}

/** Domains of the field From: those of messages, else those that were asked about. */
export function authors({ sender, domains }: DoctorContext): readonly string[] {
  const found = (sender?.messages ?? []).flatMap(({ fromDomain: one }) => one ?? [])
  return [...new Set([...domains, ...found])]
}

/** Domains of the reverse-paths that mail of this author has. */
export function returnPathsOf(domain: string, { sender }: DoctorContext): readonly string[] {
  const own = (sender?.messages ?? []).filter((one) => one.fromDomain === domain)
  const found = [...(sender?.returnPaths ?? []), ...own.flatMap(({ returnPathDomain: one }) => one ?? [])]
  return found.length === 0 ? [domain] : [...new Set(found)]
}

/** Who signs for this author: of messages what passes; else whom the configuration or the command line names. Undefined: nobody knows. */
async function signersOf(
  domain: string,
  { sender, selectors, checks, signal }: DoctorContext,
): Promise<readonly string[] | undefined> {
  const own = (sender?.messages ?? []).filter((one) => one.fromDomain === domain)
  if (own.length > 0) {
    const all = own.flatMap(({ signatures }) => signatures)
    const passing = all.filter(({ result }) => result === 'pass')
    // A key that could not be asked for says nothing of the signature.
    if (passing.length === 0 && all.some(({ result }) => result === 'temperror')) return undefined
    return [...new Set(passing.map((one) => one.domain))]
  }
  if (selectors.length > 0) return [domain]
  const signing = checks.filter(({ check }) => check.name === 'dkim-key')
  if (signing.length === 0) return undefined
  const keys = (await Promise.all(signing.map(({ check }) => check.run(signal)))).flat()
  const all = keys.map(({ subject }) => subject.slice(subject.indexOf('._domainkey.') + '._domainkey.'.length))
  return [...new Set(all.filter((one) => one === domain || domain.endsWith(`.${one}`)))]
}
