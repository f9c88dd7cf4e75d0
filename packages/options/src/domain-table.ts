/** Domain names as operators write them, and which pattern of many a name fits. */
import { domainToASCII } from 'node:url'
import { type Glob, glob } from './glob.ts'

/**
 * A name as the rest of Postroad has it: lower-case, A-labels (RFC 5890 §2.3.2.1), no dot at the end; an address literal
 * stays in its brackets. Undefined when it is not a name.
 */
export function domainName(text: string): string | undefined {
  const bare = text.endsWith('.') ? text.slice(0, -1) : text
  if (bare.startsWith('[')) return bare.toLowerCase()
  if (/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i.test(bare)) return bare.toLowerCase()
  // What is left must have letters beyond ASCII, and nothing else that is new; domainToASCII would take `a/b`.
  if (!/[^\0-\x7f]/.test(bare) || /[\0-,/:-@[-^`{-\x7f]|\.\.|^\./.test(bare)) return undefined
  return domainToASCII(bare) || undefined
}

/**
 * Values by domain: `example.com`, `*.example.com` or `.example.com` (what is below it), other globs, `*` (all). The most
 * particular wins: the name itself, then the longest domain it is below, then globs in their order, then all.
 */
export class DomainTable<V> {
  readonly #names = new Map<string, V>()
  readonly #parents = new Map<string, V>()
  readonly #globs: [fits: Glob, value: V][] = []
  #all: { readonly value: V } | undefined

  /** @throws {TypeError} when a pattern is not one */
  constructor(entries: Iterable<readonly [pattern: string, value: V]> = []) {
    for (const [pattern, value] of entries) this.add(pattern, value)
  }

  /** Later entries for the same pattern replace earlier ones. @throws {TypeError} when it is not a pattern */
  add(pattern: string, value: V): void {
    if (pattern === '*') this.#all = { value }
    else if (BELOW.test(pattern)) this.#parents.set(checked(pattern.replace(BELOW, '')), value)
    else if (/[*?]/.test(pattern)) this.#globs.push([glob(pattern), value])
    else this.#names.set(checked(pattern), value)
  }

  /** @param domain lower-case, A-labels */
  find(domain: string): V | undefined {
    const own = this.#names.get(domain)
    if (own !== undefined) return own
    if (this.#parents.size > 0) {
      for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
        const below = this.#parents.get(domain.slice(dot + 1))
        if (below !== undefined) return below
      }
    }
    return this.#globs.find(([fits]) => fits(domain))?.[1] ?? this.#all?.value
  }
}

/**
 * Whether a domain fits one of the patterns, which are those of {@link DomainTable}.
 *
 * @throws {TypeError} when a pattern is not one
 * @example domains(['example.com', '*.example.net'])('mx.example.net') // true
 */
export function domains(patterns: readonly string[]): (domain: string) => boolean {
  const table = new DomainTable(patterns.map((pattern) => [pattern, true] as const))
  return (domain) => table.find(domain) ?? false
}

/**
 * One pattern of {@link DomainTable}, ready to be asked. What is none, such as the path of a socket among names of hosts, fits itself.
 *
 * @example domainTest('*.example.com')('mx.example.com') // true
 */
export function domainTest(pattern: string): (domain: string) => boolean {
  if (pattern === '*') return () => true
  const bare = pattern.replace(BELOW, '')
  if (/[*?]/.test(bare)) return glob(pattern)
  const name = domainName(bare) ?? bare
  if (bare === pattern) return (domain) => domain === pattern || domain === name
  const end = `.${name}`
  return (domain) => domain.endsWith(end)
}

/** Whether it is a pattern that {@link DomainTable} takes. */
export function isDomainPattern(text: string): boolean {
  return /[*?]/.test(text.replace(BELOW, '')) || domainName(text.replace(BELOW, '')) !== undefined
}

/** What stands in front of a domain when what is below it is meant. */
const BELOW = /^\*?\.(?=[^*?]+$)/

function checked(name: string): string {
  const normal = domainName(name)
  if (normal === undefined)
    throw new TypeError(`not a domain, or a pattern such as "*.example.com": ${JSON.stringify(name)}`)
  return normal
}
