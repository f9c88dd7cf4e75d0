/** Where a domain wants its reports: the `rua` of its record. RFC 9989 §4.7, RFC 8460 §3. */
import { type Address, parseAddress } from '@postroad/mail'

/** One place that takes reports. */
export type ReportDestination =
  | { readonly kind: 'mail'; readonly address: Address; readonly maxOctets: number | undefined }
  | { readonly kind: 'post'; readonly url: URL }

/** URIs that are looked at: a domain with more has a mistake, or wants us to work. */
const MAX_URIS = 10
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1_024,
  m: 1_048_576,
  g: 1_073_741_824,
  t: 1_099_511_627_776,
}

/** The tags of a record: `v=DMARC1; rua=…`. Of a tag that stands there twice the first counts. */
export function tagsOf(record: string): ReadonlyMap<string, string> {
  const tags = new Map<string, string>()
  for (const part of record.slice(0, 8_192).split(';')) {
    const at = part.indexOf('=')
    const name = part.slice(0, Math.max(at, 0)).trim().toLowerCase()
    if (name !== '' && !tags.has(name)) tags.set(name, part.slice(at + 1).trim())
  }
  return tags
}

/** The destinations that can be used, in the order given; what is malformed is left out, RFC 9990 §3.5. */
export function destinationsOf(rua: string): readonly ReportDestination[] {
  const found = rua
    .split(',')
    .slice(0, MAX_URIS)
    .flatMap((uri) => destinationOf(uri.trim()) ?? [])
  const seen = new Set<string>()
  return found.filter((one) => {
    const name = one.kind === 'mail' ? one.address.toString().toLowerCase() : one.url.href
    return !seen.has(name) && seen.add(name)
  })
}

function destinationOf(uri: string): ReportDestination | undefined {
  if (/^mailto:/i.test(uri)) return mailOf(uri.slice(7))
  if (!/^https:/i.test(uri) || !URL.canParse(uri)) return undefined
  const url = new URL(uri)
  // Whoever reads a record may not choose what we log in as.
  return url.username === '' && url.password === '' ? { kind: 'post', url } : undefined
}

/** `reports@example.com!10m`: what follows the mark is the largest report that is taken, RFC 9989 §4.7. */
function mailOf(text: string): ReportDestination | undefined {
  const [, written = '', size, unit = ''] = /^([^?!]*)(?:!(\d{1,12})([kmgt]?))?(?:\?.*)?$/i.exec(text) ?? []
  const address = parseAddress(decoded(written) ?? '')
  if (!address || address.domain.startsWith('[')) return undefined
  const maxOctets = size === undefined ? undefined : Number(size) * (UNITS[unit.toLowerCase()] ?? 1)
  return { kind: 'mail', address, maxOctets }
}

/** A comma or a mark in an address is written as `%2C`, `%21`, RFC 9989 §4.7. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined // half of an escape is no address
  }
}
