/** From an address to its names and back: forward-confirmed reverse DNS, RFC 8601 §3. */
import { domainName, networkOf } from '@postroad/options'
import type { Dns, ReverseDns } from '@postroad/plugin'

/** Names looked at, RFC 8601 §3: a limit is needed, as addresses of large hosters have hundreds. */
const NAMES = 10
const WHOLE = { v4: 32, v6: 128 }

/** Looks an address up, and its names back; never rejects for what DNS says. */
export async function reverseOf(address: string, dns: Dns, signal: AbortSignal): Promise<ReverseDns> {
  const asked = await records(dns.ptr(address, signal))
  if (asked === undefined) return { result: 'temperror', name: undefined, names: [] }
  if (asked.length === 0) return { result: 'none', name: undefined, names: [] }
  const names = asked.slice(0, NAMES)
  const own = networkOf(address, WHOLE)
  const lookUp = (name: string) => records(address.includes(':') ? dns.aaaa(name, signal) : dns.a(name, signal))
  const found = await Promise.all(names.map(lookUp))
  const at = found.findIndex((addresses) => addresses?.some((each) => networkOf(each, WHOLE) === own))
  const name = at < 0 ? undefined : domainName(names[at] ?? '')
  if (name !== undefined) return { result: 'pass', name, names }
  return { result: found.includes(undefined) ? 'temperror' : 'fail', name: undefined, names }
}

/** The records; none when there are none; undefined when nobody knows. */
export async function records<T>(
  answer: Promise<{ readonly records: readonly T[] }>,
): Promise<readonly T[] | undefined> {
  try {
    return (await answer).records
  } catch (error) {
    const code = (error as { readonly code?: unknown }).code // what Dns rejects with has a code
    if (code === 'NXDOMAIN' || code === 'NODATA') return []
    if (code === 'SERVFAIL' || code === 'TIMEOUT' || code === 'REFUSED' || code === 'BUDGET') return undefined
    throw error
  }
}

/**
 * Whether a name is made of the address: all octets of an IPv4 address, or the last three, in order or reversed, in decimal
 * or hexadecimal.
 */
export function looksDynamic(name: string, address: string): boolean {
  const octets = address.split('.').map(Number)
  if (octets.length !== 4) return false
  const numbers = (name.match(/\d+/g) ?? []).map(Number)
  const orders = [octets, octets.toReversed(), octets.slice(1), octets.slice(1).toReversed()]
  if (orders.some((order) => contains(numbers, order))) return true
  const hex = octets.map((octet) => octet.toString(16).padStart(2, '0')).join('')
  return name.toLowerCase().includes(hex)
}

function contains(numbers: readonly number[], wanted: readonly number[]): boolean {
  return numbers.some((_, start) => wanted.every((number, i) => numbers[start + i] === number))
}
