/** Domain names as questions: lower case, A-labels, no root dot; and the names under which addresses are looked up. */
import { isIPv4, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'

/**
 * The form in which a name is asked and cached, or `undefined` when no such name can exist in the DNS
 * (empty label, label over 63 or name over 253 octets, control characters), RFC 1035 §2.3.4.
 */
export function normaliseName(name: string): string | undefined {
  const ascii = /^[\x21-\x7e]+$/.test(name) ? name : toALabels(name)
  const plain = (ascii.endsWith('.') ? ascii.slice(0, -1) : ascii).toLowerCase()
  if (plain.length === 0 || plain.length > 253) return undefined
  let start = 0
  for (let i = 0; i <= plain.length; i++) {
    if (i < plain.length && plain.charCodeAt(i) !== 0x2e) continue
    if (i === start || i - start > 63) return undefined
    start = i + 1
  }
  return plain
}

/**
 * RFC 8616 §3: U-labels are converted before a lookup. A space, as an SPF macro may produce, is a legal octet of a label. `domainToASCII`
 * is the host parser of URLs: what it would decode or cut off must not come to it.
 */
function toALabels(name: string): string {
  if (/[\x00-\x1f\x7f]/.test(name)) return ''
  if (!/[^\x20-\x7e]/.test(name)) return name
  return /[%/?#\\:@[\]]/.test(name) ? '' : domainToASCII(name)
}

/**
 * The name whose PTR records belong to an address, RFC 1035 §3.5 and RFC 3596 §2.5; a name below `.arpa` is given back as it is.
 * `undefined` when it is neither.
 */
export function reverseName(address: string): string | undefined {
  if (isIPv4(address)) return `${address.split('.').reverse().join('.')}.in-addr.arpa`
  if (isIPv6(address)) return `${[...expandIPv6(address)].reverse().join('.')}.ip6.arpa`
  return /\.arpa\.?$/i.test(address) ? address : undefined
}

/** 32 hexadecimal digits. */
function expandIPv6(address: string): string {
  const plain = (address.split('%')[0] ?? '').replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, a, b, c, d) => `${hex(a, b)}:${hex(c, d)}`,
  )
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  return [...left, ...Array<string>(zeros).fill('0'), ...right].map((group) => group.padStart(4, '0')).join('')
}

function hex(high: string, low: string): string {
  return (Number(high) * 256 + Number(low)).toString(16)
}
