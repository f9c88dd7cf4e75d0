/** Networks in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3), and which of many an address is in. */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** Bits of an address: a number for IPv4, which is looked at with every message, and a bigint for IPv6. */
type Bits = number | bigint

/** A network: its bits, and how many of them count. */
export interface Network {
  readonly bits: Bits
  readonly length: number
  /** 32 for IPv4, 128 for IPv6. */
  readonly width: 32 | 128
}

/**
 * Networks by length of their prefix: a look-up is one for each length in use, however many networks there are.
 *
 * @example new NetworkTable([['192.0.2.0/24', 'office']]).find('192.0.2.7') // 'office'
 */
export class NetworkTable<V> {
  readonly #tables = { 32: new Map<number, Map<Bits, V>>(), 128: new Map<number, Map<Bits, V>>() }
  /** Prefix lengths in use, longest first. */
  readonly #lengths: { 32: number[]; 128: number[] } = { 32: [], 128: [] }

  /** @throws {TypeError} when something is not an address or a network */
  constructor(entries: Iterable<readonly [network: string, value: V]> = []) {
    for (const [network, value] of entries) this.add(network, value)
  }

  /** Later entries for the same network replace earlier ones. @throws {TypeError} when it is not an address or a network */
  add(network: string, value: V): void {
    const { bits, length, width } = parseNetwork(network)
    const tables = this.#tables[width]
    const table = tables.get(length) ?? new Map<bigint, V>()
    if (!tables.has(length)) {
      tables.set(length, table)
      this.#lengths[width] = [...tables.keys()].sort((a, b) => b - a)
    }
    table.set(bits, value)
  }

  /** The value of the smallest network the address is in; undefined when there is none, or it is no address. */
  find(address: string): V | undefined {
    const parsed = parseAddress(address)
    if (!parsed) return undefined
    const { bits, width } = parsed
    for (const length of this.#lengths[width]) {
      const table = this.#tables[width].get(length)
      const prefix = cut(bits, length)
      if (table?.has(prefix)) return table.get(prefix)
    }
    return undefined
  }
}

/**
 * Whether an address is in one of the networks.
 *
 * @throws {TypeError} when something is not an address or a network
 * @example networks(['127.0.0.0/8', '::1'])('127.0.0.5') // true
 */
export function networks(list: readonly string[]): (address: string) => boolean {
  if (list.length === 0) return () => false
  const table = new NetworkTable(list.map((network) => [network, true] as const))
  return (address) => table.find(address) ?? false
}

/** RFC 6890: this host, private use, shared, loopback, link-local. Those of documentation are not among them: examples use them for the world. */
export const PRIVATE_NETWORKS: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::/127',
  'fc00::/7',
  'fe80::/10',
]

/** The network of that length around an address, in canonical text; undefined when it is no address. */
export function networkOf(address: string, lengths: { readonly v4: number; readonly v6: number }): string | undefined {
  const parsed = parseAddress(address)
  if (!parsed) return undefined
  const length = parsed.width === 32 ? lengths.v4 : lengths.v6
  return `${format(cut(parsed.bits, length))}/${length}`
}

/** Whether it is an address, or a network in CIDR notation. */
export function isNetwork(text: string): boolean {
  try {
    parseNetwork(text)
    return true
  } catch {
    return false // that is all it says
  }
}

function parseNetwork(text: string): Network {
  const slash = text.indexOf('/')
  const parsed = parseAddress(slash < 0 ? text : text.slice(0, slash))
  const digits = slash < 0 ? undefined : text.slice(slash + 1)
  if (!parsed || (digits !== undefined && !/^\d{1,3}$/.test(digits)))
    throw new TypeError(`not an address or network such as "192.0.2.0/24": ${JSON.stringify(text)}`)
  let length = digits === undefined ? parsed.width : Number(digits)
  // RFC 4291 §2.5.5.2: of `::ffff:192.0.2.0/120` the last 24 bits are of the IPv4 address.
  if (parsed.width === 32 && text.includes(':') && length >= 96) length -= 96
  if (length > parsed.width)
    throw new TypeError(`not an address or network, its prefix is too long: ${JSON.stringify(text)}`)
  return { bits: cut(parsed.bits, length), length, width: parsed.width }
}

function cut(bits: Bits, length: number): Bits {
  if (typeof bits === 'number') return length === 0 ? 0 : (bits & (-1 << (32 - length))) >>> 0
  const rest = BigInt(128 - length)
  return (bits >> rest) << rest
}

/** IPv4-mapped addresses (RFC 4291 §2.5.5.2) are IPv4. */
function parseAddress(text: string): { readonly bits: Bits; readonly width: 32 | 128 } | undefined {
  // The library takes more than the standard forms: `127.1`, `0x7f.0.0.1`, zones.
  const family = isIP(text)
  if (family === 4) return { bits: readQuad(text, 0), width: 32 }
  if (family === 0 || text.includes('%')) return undefined
  const octets = ipaddr.process(withoutDots(text)).toByteArray()
  const hex = Buffer.from(octets).toString('hex')
  return octets.length === 4 ? { bits: Number.parseInt(hex, 16), width: 32 } : { bits: BigInt(`0x${hex}`), width: 128 }
}

/** The four octets of `192.0.2.1` from an offset on; the text was seen to be an address. */
function readQuad(text: string, from: number): number {
  let bits = 0
  let octet = 0
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT) {
      bits = bits * 256 + octet
      octet = 0
    } else octet = octet * 10 + code - ZERO
  }
  return bits * 256 + octet
}

const DOT = 0x2e
const ZERO = 0x30

/** RFC 4291 §2.2 (3). The library takes `::192.0.2.1` for IPv4-mapped, which it is not. */
function withoutDots(text: string): string {
  if (!text.includes('.')) return text
  const end = text.lastIndexOf(':') + 1
  const bits = readQuad(text, end)
  return `${text.slice(0, end)}${(bits >>> 16).toString(16)}:${(bits & 0xffff).toString(16)}`
}

/** RFC 5952 §4. */
function format(bits: Bits): string {
  if (typeof bits === 'number') return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`
  return ipaddr.fromByteArray([...Buffer.from(bits.toString(16).padStart(32, '0'), 'hex')]).toString()
}
