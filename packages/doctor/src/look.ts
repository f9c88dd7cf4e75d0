/** Questions to DNS of which "there is none" is an answer, and "nobody knows" is told apart. */
import type { DnsAnswer } from '@postroad/plugin'

/** What DNS says. */
export type Looked<T> =
  | {
      readonly isKnown: true
      readonly records: readonly T[]
      readonly isSigned: boolean
      readonly exists: boolean
      readonly canonical: string
    }
  | { readonly isKnown: false; readonly code: string }

/** Does not reject. */
export async function look<T>(question: Promise<DnsAnswer<T>>): Promise<Looked<T>> {
  try {
    const { records, secure, canonical } = await question
    return { isKnown: true, records, isSigned: secure, exists: true, canonical }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error'
    if (code !== 'NXDOMAIN' && code !== 'NODATA') return { isKnown: false, code }
    const isSigned = error instanceof Error && 'secure' in error && error.secure === true
    return { isKnown: true, records: [], isSigned, exists: code === 'NODATA', canonical: '' }
  }
}

/** The addresses of a name; undefined: nobody knows. */
export async function addressesOf(
  name: string,
  dns: {
    a(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>
    aaaa(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>
  },
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const [four, six] = await Promise.all([look(dns.a(name, signal)), look(dns.aaaa(name, signal))])
  if (!four.isKnown && !six.isKnown) return undefined
  return [...(four.isKnown ? four.records : []), ...(six.isKnown ? six.records : [])].map(canonicalAddress)
}

/** One spelling of an address, so that two can be compared. */
export function canonicalAddress(address: string): string {
  if (!address.includes(':')) return address
  try {
    return new URL(`http://[${address}]/`).hostname.slice(1, -1)
  } catch {
    return address // it is compared as it stands
  }
}

/** The one record that begins as it has to; `several` when there are more. */
export function recordOf(
  texts: readonly string[],
  begin: RegExp,
): { readonly one: string | undefined; readonly several: boolean } {
  const fitting = texts.filter((text) => begin.test(text))
  return { one: fitting[0], several: fitting.length > 1 }
}

/** `tag=value` pairs of DKIM, DMARC and their like, RFC 6376 §3.2; names in lower case. */
export function tags(record: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const part of record.split(';')) {
    const equals = part.indexOf('=')
    if (equals < 0) continue
    const name = part.slice(0, equals).trim().toLowerCase()
    if (!found.has(name)) found.set(name, part.slice(equals + 1).trim())
  }
  return found
}
