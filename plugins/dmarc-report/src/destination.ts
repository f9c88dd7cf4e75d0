/** Who gets the report on a domain: whom its record names, and outside of the domain only whoever says that they want it. RFC 9990 §4. */
import { evaluateDmarc, nodeResolver } from '@postroad/mailauth'
import type { Dns } from '@postroad/plugin'
import { destinationsOf, type ReportDestination, tagsOf } from '@postroad/report'

/** What is asked. */
export interface Asking {
  readonly dns: Dns
  readonly signal: AbortSignal
}

type MailDestination = Extract<ReportDestination, { readonly kind: 'mail' }>

/**
 * The destinations that may have the report. Without the check anybody could have reports on their mail sent to a victim.
 *
 * @throws {Error} with the code of the DNS failure, when it cannot be known now
 */
export async function wantedBy(domain: string, rua: string, asking: Asking): Promise<readonly MailDestination[]> {
  const named = mailOf(rua)
  const found = new Map<string, MailDestination>()
  for (const destination of named)
    for (const one of await allowedFor(domain, destination, asking)) found.set(one.address.toString(), one)
  return [...found.values()]
}

/** RFC 9990 §3.5: mail is the only way that it knows. */
function mailOf(rua: string): readonly MailDestination[] {
  return destinationsOf(rua).filter((one): one is MailDestination => one.kind === 'mail')
}

async function allowedFor(
  domain: string,
  destination: MailDestination,
  asking: Asking,
): Promise<readonly MailDestination[]> {
  const host = destination.address.domain.toLowerCase()
  if (host === domain || (await orgOf(host, asking)) === (await orgOf(domain, asking))) return [destination]
  const name = `${domain}._report._dmarc.${host}`
  if (name.length > 253) return []
  const records = (await textsOf(name, asking)).map(tagsIfDmarc).filter((tags) => tags !== undefined)
  if (records.length === 0) return []
  const override = records.map((tags) => tags.get('rua')).find((rua) => rua !== undefined)
  if (override === undefined) return [destination]
  const others = mailOf(override)
  // RFC 9990 §4, step 9: whoever leads elsewhere again gets nothing at all.
  return others.every(({ address }) => address.domain.toLowerCase() === host) ? others : []
}

function tagsIfDmarc(text: string): ReadonlyMap<string, string> | undefined {
  const tags = tagsOf(text)
  const [first] = tags
  return first?.[0] === 'v' && first[1] === 'DMARC1' ? tags : undefined
}

async function textsOf(name: string, { dns, signal }: Asking): Promise<readonly string[]> {
  try {
    return (await dns.txt(name, signal)).records
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'NODATA' || code === 'NXDOMAIN') return []
    throw error
  }
}

/** The organizational domain, by the tree walk of RFC 9989 §4.10. */
async function orgOf(domain: string, { dns, signal }: Asking): Promise<string> {
  const { response } = await evaluateDmarc({
    headerFrom: [`x@${domain}`],
    fromFields: 1,
    spfDomains: [],
    dkimDomains: [],
    resolver: nodeResolver(dns, signal),
    strict: true,
  })
  if (response === false) return domain
  if (response.status.result === 'temperror')
    throw Object.assign(new Error('DNS does not answer'), { code: 'SERVFAIL' })
  return response.domain ?? domain
}
