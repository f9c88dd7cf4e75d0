/** How many lookups an SPF record costs whoever evaluates it, RFC 7208 §4.6.4: those that it includes are counted, too. */
import type { Dns } from '@postroad/plugin'
import { look } from './look.ts'

/** What a record comes to. */
export interface SpfCount {
  /** Of at most ten. */
  readonly lookups: number
  /** Names in it that do not exist, or have no such record; of at most two. */
  readonly voids: number
  /** What costs: `include:example.net 3`. */
  readonly terms: readonly string[]
  /** Why it cannot be evaluated. */
  readonly mistake: string | undefined
}

interface Asking {
  readonly dns: Dns
  readonly signal: AbortSignal
}

/** Beyond this nothing is looked up any more: it is wrong already. */
const ENOUGH = 40
const MECHANISM = /^([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?::([^/\s]+))?((?:\/\d{1,3})?(?:\/\/\d{1,3})?)$/i
const IP = /^[+?~-]?ip[46]:[0-9a-f.:]+(?:\/\d{1,3})?$/i
const MODIFIER = /^[a-z][a-z0-9_.-]*=\S*$/i

/** Does not reject. */
export async function countSpf(record: string, domain: string, asking: Asking): Promise<SpfCount> {
  const counter = new Counter(asking)
  const terms = await counter.walk(record, domain, [domain])
  return { lookups: counter.lookups, voids: counter.voids, terms, mistake: counter.mistake }
}

class Counter {
  lookups = 0
  voids = 0
  mistake: string | undefined
  readonly #asking: Asking

  constructor(asking: Asking) {
    this.#asking = asking
  }

  async walk(record: string, domain: string, trail: readonly string[]): Promise<string[]> {
    const costs: string[] = []
    for (const term of record.trim().split(/ +/).slice(1)) {
      if (IP.test(term)) continue
      const [, , name = '', target = domain] = MECHANISM.exec(term) ?? []
      const redirect = /^redirect=(\S+)$/i.exec(term)?.[1]
      if (name === '' && redirect === undefined) {
        if (!MODIFIER.test(term)) this.mistake ??= `"${term.slice(0, 60)}" is no mechanism`
        continue
      }
      const before = this.lookups
      await this.#term(redirect === undefined ? name.toLowerCase() : 'redirect', redirect ?? target, trail)
      if (this.lookups > before) costs.push(`${term} ${this.lookups - before}`)
    }
    return costs
  }

  async #term(name: string, target: string, trail: readonly string[]): Promise<void> {
    if (name === 'all' || name === 'ip4' || name === 'ip6') return
    this.lookups++
    // What macros make of a name is another for each message.
    if (target.includes('%') || this.lookups > ENOUGH || name === 'ptr') return
    const { dns, signal } = this.#asking
    if (name === 'include' || name === 'redirect')
      return this.#other(name, target.toLowerCase().replace(/\.$/, ''), trail)
    if (name === 'mx') {
      const found = await look(dns.mx(target, signal))
      if (!found.isKnown) return
      if (found.records.length === 0) this.voids++
      if (found.records.length > 10)
        this.mistake ??= `mx:${target} has ${found.records.length} hosts, of which ten may be looked up,`
      return
    }
    const [four, six] = await Promise.all([
      look(dns.a(target, signal)),
      name === 'a' ? look(dns.aaaa(target, signal)) : undefined,
    ])
    if (four.isKnown && four.records.length === 0 && (six === undefined || (six.isKnown && six.records.length === 0)))
      this.voids += name === 'a' ? 1 : 0
  }

  async #other(name: string, target: string, trail: readonly string[]): Promise<void> {
    if (trail.includes(target)) {
      this.mistake ??= `${name} of ${target}, which leads back to itself,`
      return
    }
    const found = await look(this.#asking.dns.txt(target, this.#asking.signal))
    if (!found.isKnown) return
    const records = found.records.filter((text) => /^v=spf1(?: |$)/i.test(text))
    const [record] = records
    // RFC 7208 §5.2, §6.1: to include what is not there is an error.
    if (record === undefined) this.mistake ??= `${name} of ${target}, which has no SPF record,`
    else if (records.length > 1) this.mistake ??= `${name} of ${target}, which has ${records.length} SPF records,`
    else await this.walk(record, target, [...trail, target])
  }
}
