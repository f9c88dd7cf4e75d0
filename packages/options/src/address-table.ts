/** Address patterns as operators write them, and which of many an address fits. */
import { DomainTable, domainName } from './domain-table.ts'
import { type Glob, glob } from './glob.ts'

/** What a mailbox is made of, RFC 5321 §4.1.2; undefined is the null reverse-path. */
export interface AddressParts {
  readonly local: string
  /** Lower-case, A-labels; empty for the bare `postmaster`. */
  readonly domain: string
}

/** What {@link AddressTable.find} found. */
export interface Found<V> {
  /** The pattern as the operator wrote it. */
  readonly pattern: string
  readonly value: V
  /** What followed the separator, when only the address without it is in the table. */
  readonly detail: string | undefined
}

interface Entry<V> {
  readonly pattern: string
  readonly value: V
}

/**
 * Values by address. Patterns, the most particular first: `<>` (the null reverse-path); `user@example.com`; the same without
 * `+detail`; globs such as `*-list@example.com` and `user@*.example.com`, in their order; `example.com` or `@example.com`;
 * `*.example.com`; `user@`, in any domain; `*`. Local parts are compared in NFC and without case: who has a table is the final host,
 * RFC 5321 §2.4.
 *
 * @example new AddressTable([['sales@example.com', 1]]).find({ local: 'Sales+eu', domain: 'example.com' })?.value // 1
 */
export class AddressTable<V> {
  readonly #separator: string
  readonly #exact = new Map<string, Entry<V>>()
  readonly #globs: { readonly local: Glob; readonly domain: Glob; readonly entry: Entry<V> }[] = []
  readonly #domains = new DomainTable<Entry<V>>()
  readonly #locals = new Map<string, Entry<V>>()
  #none: Entry<V> | undefined
  #all: Entry<V> | undefined

  /**
   * @param separator between user and detail; empty: there is no detail. Default `+`
   * @throws {TypeError} when a pattern is not one
   */
  constructor(entries: Iterable<readonly [pattern: string, value: V]> = [], separator = '+') {
    this.#separator = separator
    for (const [pattern, value] of entries) this.add(pattern, value)
  }

  /** Later entries for the same pattern replace earlier ones. @throws {TypeError} when it is not a pattern */
  add(pattern: string, value: V): void {
    const entry = { pattern, value }
    const at = pattern.lastIndexOf('@')
    const [local, domain] = at < 0 ? ['', pattern] : [pattern.slice(0, at), pattern.slice(at + 1)]
    if (pattern === '<>') this.#none = entry
    else if (pattern === '*') this.#all = entry
    else if (at < 0 && pattern.toLowerCase() === 'postmaster') this.#exact.set('postmaster@', entry)
    else if (local === '' && domain === '') throw notPattern(pattern)
    else if (local === '' || local === '*') this.#domains.add(domain, entry)
    else this.#addAddress(localOf(local, pattern), domain, entry)
  }

  find(address: AddressParts | undefined): Found<V> | undefined {
    if (!address) return found(this.#none ?? this.#all)
    const local = folded(address.local)
    const cut = this.#separator === '' ? -1 : local.indexOf(this.#separator, 1)
    const base = cut < 0 ? undefined : local.slice(0, cut)
    const detail = cut < 0 ? undefined : address.local.slice(cut + this.#separator.length)
    const { domain } = address
    return (
      found(this.#exact.get(`${local}@${domain}`)) ??
      (base === undefined ? undefined : found(this.#exact.get(`${base}@${domain}`), detail)) ??
      found(this.#glob(local, domain)) ??
      found(this.#domains.find(domain)) ??
      found(this.#locals.get(local)) ??
      (base === undefined ? undefined : found(this.#locals.get(base), detail)) ??
      found(this.#all)
    )
  }

  #glob(local: string, domain: string): Entry<V> | undefined {
    return this.#globs.find((one) => one.domain(domain) && one.local(local))?.entry
  }

  #addAddress(local: string, domain: string, entry: Entry<V>): void {
    const isAnywhere = domain === '' || domain === '*'
    if (/[*?]/.test(isAnywhere ? local : entry.pattern)) {
      if (!isAnywhere && !NAME.test(domain)) throw notPattern(entry.pattern)
      this.#globs.push({ local: glob(local), domain: isAnywhere ? () => true : glob(domain), entry })
    } else if (isAnywhere) this.#locals.set(local, entry)
    else this.#exact.set(`${local}@${checked(domain)}`, entry)
  }
}

function found<V>(entry: Entry<V> | undefined, detail?: string): Found<V> | undefined {
  return entry && { ...entry, detail }
}

/** RFC 6532 §3.1: what looks the same is the same. */
function folded(local: string): string {
  return local.normalize('NFC').toLowerCase()
}

/** What may stand in a local part without quotes, RFC 5321 §4.1.2 and RFC 6531 §3.3, and what stands for it in a pattern. */
const ATOMS = /^[^\s"(),:;<>@[\\\]\x00-\x1f\x7f]+$/
const NAME = /^[^\s"(),;<>@\\\x00-\x1f\x7f]+$/

/** As it is compared: `"a b"` is the local part `a b`. @throws {TypeError} when no address has it */
function localOf(local: string, pattern: string): string {
  if (/^".*"$/s.test(local)) return folded(local.slice(1, -1).replace(/\\(.)/gs, '$1'))
  if (!ATOMS.test(local)) throw notPattern(pattern)
  return folded(local)
}

function notPattern(pattern: string): TypeError {
  return new TypeError(`not an address, or a pattern such as "*@example.com": ${JSON.stringify(pattern)}`)
}

function checked(domain: string): string {
  const normal = domainName(domain)
  if (normal === undefined)
    throw new TypeError(`not a domain, or a pattern such as "*.example.com": ${JSON.stringify(domain)}`)
  return normal
}
