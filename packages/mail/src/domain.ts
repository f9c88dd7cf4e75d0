/**
 * The part of an address after the @: a domain name or an address literal in brackets, RFC 5321 §4.1.2 and §4.1.3,
 * with international names turned into the form DNS knows (A-labels, RFC 5890 §2.3.2.1).
 */
import { isIPv4, isIPv6 } from 'node:net'
import { domainToASCII, domainToUnicode } from 'node:url'
import { hasForbidden, isLetDig } from './character.ts'

/** What {@link normalizeDomain} takes beyond host names of ASCII letters, digits, hyphens and underscores. */
export interface DomainOptions {
  /** U-labels (RFC 6531 §3.3) are taken, and become A-labels. Default false. */
  readonly smtputf8?: boolean
  /** An underscore counts as a letter: RFC 5321 §4.1.2 has none, the DNS has, and senders use such names for their bounces. Default true. */
  readonly underscore?: boolean
  /** Octets a domain may have after normalisation, RFC 5321 §4.5.3.1.2. Default 255. */
  readonly domainLimit?: number
}

// RFC 1035 §2.3.4
const LABEL_LIMIT = 63
const HYPHEN = 0x2d
const DOT = 0x2e
const UNDERSCORE = 0x5f

/** A domain or literal in the form the rest of Postroad uses (lower-case, A-labels, canonical IPv6); undefined when it is not one. */
export function normalizeDomain(text: string, options: DomainOptions = {}): string | undefined {
  if (text.charCodeAt(0) === 0x5b) {
    const end = literalEnd(text, 0)
    return end === text.length ? normalizeLiteral(text, 0, end, options) : undefined
  }
  return domainEnd(text, 0, options) === text.length ? normalizeName(text, 0, text.length, options) : undefined
}

/** Index after the well-formed domain name that starts at `start`, or -1. Says nothing of what follows. */
export function domainEnd(text: string, start: number, options: DomainOptions): number {
  const { smtputf8 = false, underscore = true } = options
  let label = start
  let last = DOT
  let at = start
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === DOT) {
      if (at === label || last === HYPHEN || at - label > LABEL_LIMIT) return -1
      label = at + 1
    } else if (code === HYPHEN) {
      if (at === label) return -1
    } else if (!isLetDig(code) && !(code === UNDERSCORE && underscore) && !(code > 0x7f && smtputf8)) break
    last = code
  }
  return at === label || last === HYPHEN || at - label > LABEL_LIMIT ? -1 : at
}

/** Normal form of a name that {@link domainEnd} found; undefined when too long or not a valid international name. */
export function normalizeName(text: string, start: number, end: number, options: DomainOptions): string | undefined {
  const { domainLimit = 255 } = options
  if (end - start > domainLimit) return undefined
  let isPlain = true
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at)
    if (code > 0x7f) return toAscii(text.slice(start, end), options)
    if (code >= 0x41 && code <= 0x5a) isPlain = false
  }
  const name = text.slice(start, end)
  return isPlain ? name : name.toLowerCase()
}

/**
 * `domainToASCII` is the host parser of URLs: it decodes percent signs, stops at slashes, reads numbers as IPv4 and maps what looks
 * alike (full width, ideographic dots, soft hyphens). Only names that IDNA leaves as they are may pass, RFC 5891 §5.3 and §5.4: what is
 * shown to a person and what is looked up must be one thing.
 */
function toAscii(name: string, options: DomainOptions): string | undefined {
  if (hasForbidden(name)) return undefined
  const ascii = domainToASCII(name)
  if (ascii.length > (options.domainLimit ?? 255) || domainEnd(ascii, 0, options) !== ascii.length) return undefined
  const given = name.normalize('NFC').toLowerCase().split('.')
  const made = ascii.split('.')
  if (given.length !== made.length) return undefined
  for (const [index, label] of made.entries()) {
    const unicode = given[index] ?? ''
    // RFC 5891 §4.2.3.1: no U-label has hyphens in the third and fourth place, and §4.2.2: none has an underscore.
    if (
      label !== unicode &&
      (unicode.startsWith('--', 2) || unicode.includes('_') || domainToUnicode(label) !== unicode)
    )
      return undefined
  }
  return ascii
}

/** Index after the `]` of the literal whose `[` is at `start`, or -1. Only dcontent inside: no spaces, brackets, backslashes or controls. */
export function literalEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x5d) return at + 1
    if (code < 0x21 || code > 0x7e || code === 0x5b || code === 0x5c) return -1
  }
  return -1
}

/** Normal form of the literal that {@link literalEnd} found, brackets included; undefined when it is none of RFC 5321 §4.1.3. */
export function normalizeLiteral(text: string, start: number, end: number, options: DomainOptions): string | undefined {
  if (end - start > (options.domainLimit ?? 255)) return undefined
  const content = text.slice(start + 1, end - 1)
  // deviates: RFC 5321 §4.1.3 — `01.2.3.4` is refused: some read leading zeros as octal.
  if (isIPv4(content)) return `[${content}]`
  const colon = content.indexOf(':')
  if (colon < 1 || colon === content.length - 1) return undefined
  const tag = content.slice(0, colon).toLowerCase()
  const value = content.slice(colon + 1)
  if (tag === 'ipv6') {
    if (value.includes('%') || !isIPv6(value)) return undefined
    return `[IPv6:${new URL(`http://[${value}]`).hostname.slice(1)}`
  }
  // `[fe80::1]` without its tag would pass as a literal of the unknown kind "fe80".
  return isTag(tag) && !isIPv6(content) ? `[${tag}:${value}]` : undefined
}

// Standardized-tag = Ldh-str, RFC 5321 §4.1.3; no registered tag starts with a digit, broken IP addresses do.
function isTag(tag: string): boolean {
  if (tag.charCodeAt(0) < 0x61) return false
  for (let at = 0; at < tag.length; at++) {
    const code = tag.charCodeAt(at)
    if (!isLetDig(code) && code !== HYPHEN) return false
  }
  return tag.charCodeAt(tag.length - 1) !== HYPHEN
}
