/** One mailbox, `local@domain`, as envelopes and configurations write it: RFC 5321 §4.1.2, and RFC 6531 §3.3 beyond ASCII. */
import { hasForbidden, isAtext } from './character.ts'
import { normalizeDomain } from './domain.ts'
import { type AddressOptions, MailboxReader } from './mailbox-reader.ts'

/** A mailbox as it stands in an envelope. Made by {@link parseAddress}, {@link makeAddress} and the path parsers; immutable. */
export interface Address {
  /** Case preserved, quotes removed. Only the final host may interpret it, RFC 5321 §2.3.11. */
  readonly local: string
  /** Lower-case, A-labels (RFC 5890 §2.3.2.1), or an address literal in brackets; empty for the bare `postmaster`. */
  readonly domain: string
  /** True when the local part has characters outside ASCII: only an SMTPUTF8 next hop can take it. */
  readonly isInternational: boolean
  /** The path without angle brackets, quoted where it must be: `"a b"@example.com`. */
  toString(): string
}

/**
 * An address by itself, as configurations and plugins write it; undefined when it is not one.
 *
 * @example parseAddress('Jane@Example.COM')?.domain // 'example.com'
 */
export function parseAddress(text: string, options: AddressOptions = {}): Address | undefined {
  const reader = new MailboxReader(text, 0, options)
  if (!reader.read() || reader.at !== text.length) return undefined
  const address = new Mailbox(reader.local, reader.domain, reader.isInternational)
  return isWithin(text, address, options, 2) ? address : undefined
}

/**
 * An address of its parts, the local part without quotes; `domain` may be empty for `postmaster` only.
 *
 * @throws {TypeError} when the parts cannot be an address
 * @example makeAddress('a b', 'example.com').toString() // '"a b"@example.com'
 */
export function makeAddress(local: string, domain: string, options: AddressOptions = {}): Address {
  const { localLimit = 64 } = options
  const name = domain === '' && isPostmaster(local) ? '' : normalizeDomain(domain, { smtputf8: true, ...options })
  if (name === undefined) throw new TypeError(`makeAddress: not a domain: ${JSON.stringify(domain)}`)
  const address = new Mailbox(local, name, isInternational(local))
  const text = address.toString()
  const quoted = name === '' ? text : text.slice(0, -name.length - 1)
  if (hasForbidden(local) || Buffer.byteLength(quoted) > localLimit || !isWithin(text, address, options, 2))
    throw new TypeError(`makeAddress: not a local part, or too long: ${JSON.stringify(local)}`)
  return address
}

/** Says how {@link sameMailbox} compares. */
export interface SameMailboxOptions {
  /** Compare local parts without case; what most final hosts do, and only they may (RFC 5321 §2.4). Default false. */
  readonly foldCase?: boolean
}

/** Whether two addresses name one mailbox: same domain, same local part; `postmaster` always without case, RFC 5321 §4.5.1. */
export function sameMailbox(a: Address, b: Address, options: SameMailboxOptions = {}): boolean {
  if (a.domain !== b.domain) return false
  if (a.local === b.local) return true
  if (!options.foldCase && !isPostmaster(a.local)) return false
  return a.local.normalize('NFC').toLowerCase() === b.local.normalize('NFC').toLowerCase()
}

/** RFC 5321 §4.5.1: the reserved mailbox every domain has, in any case. */
export function isPostmaster(local: string): boolean {
  return local.length === 10 && local.toLowerCase() === 'postmaster'
}

/**
 * Whether an address fits the path limit, `around` octets of punctuation included: RFC 5321 §4.5.3.1.3. Both as it was `written` (with
 * its source route) and as it will be sent on (A-labels are longer than U-labels).
 */
export function isWithin(written: string, address: Address, options: AddressOptions, around: number): boolean {
  const { pathLimit = 256 } = options
  // No character takes more than three octets a code unit, quotes and the @ at most five more than the doubled local part.
  const bound = (Math.max(written.length, address.local.length * 2 + address.domain.length + 5) + 2) * 3
  if (bound <= pathLimit) return true
  return Buffer.byteLength(written) + around <= pathLimit && Buffer.byteLength(address.toString()) + 2 <= pathLimit
}

/** The one class behind {@link Address}; nothing is checked here. */
export class Mailbox implements Address {
  readonly local: string
  readonly domain: string
  readonly isInternational: boolean
  #text: string | undefined

  constructor(local: string, domain: string, isInternational: boolean) {
    this.local = local
    this.domain = domain
    this.isInternational = isInternational
    // Many read it after one another, and what one of them wrote into it the others would follow.
    Object.freeze(this)
  }

  toString(): string {
    return (this.#text ??= this.domain === '' ? quoteLocal(this.local) : `${quoteLocal(this.local)}@${this.domain}`)
  }
}

function isInternational(local: string): boolean {
  for (let at = 0; at < local.length; at++) if (local.charCodeAt(at) > 0x7f) return true
  return false
}

/** RFC 5321 §4.1.2: the form with the fewest quotes is to be sent. */
function quoteLocal(local: string): string {
  return isDotString(local) ? local : `"${local.replace(/["\\]/g, '\\$&')}"`
}

function isDotString(local: string): boolean {
  let last = 0x2e
  for (let at = 0; at < local.length; at++) {
    const code = local.charCodeAt(at)
    if (code === 0x2e ? last === 0x2e : code < 0x80 && !isAtext(code)) return false
    last = code
  }
  return last !== 0x2e
}
