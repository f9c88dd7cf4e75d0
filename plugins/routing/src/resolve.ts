/** From a recipient to where its mail goes, and which rule said so. */
import { makeAddress, parseAddress, sameMailbox } from '@postroad/message'
import { type Address, defer, type Refusal, type Route, reject } from '@postroad/plugin'
import type { Question } from './condition.ts'
import type { Tables } from './table.ts'
import type { Domain, Target } from './target.ts'

/** What becomes of a recipient, and why; `postroad routing route` prints it. */
export interface Outcome {
  readonly answer: Route | Refusal
  /** The rules that led there, first to last. */
  readonly by: readonly string[]
  /** Where each address of an alias goes, when the answer does not say it for all. */
  readonly members?: readonly Member[]
}

/** One address of an alias. */
interface Member {
  readonly address: Address
  readonly route: Route
}

/** Aliases of aliases, so deep. */
const DEPTH = 10
/** Addresses of one alias. */
const MEMBERS = 1_000
const NO_SUCH_USER = reject('No such user here', { status: '5.1.1' })
const LOOP = reject('Alias loop', { status: '5.4.6' })
const TOO_MANY = reject('The alias has too many addresses', { status: '5.5.3' })
const FORGED = reject('This address does not take mail any more', { status: '5.1.1' })
/** What {@link resolveMember} takes apart again. */
const SPLIT_ROUTE: Route = Object.freeze({ via: 'smtp', settings: Object.freeze({ split: true }) })
const SPLIT = defer('Local configuration error, try again later', { status: '4.3.5' })

/** Undefined: no rule knows it, and the client may not relay. Rejects when a table cannot be asked. */
export async function resolve(tables: Tables, recipient: Address, question: Question): Promise<Outcome | undefined> {
  const bounced = tables.srs?.decode(recipient, tables.now())
  if (bounced === 'forged') return { answer: FORGED, by: ['srs'] }
  // What was sent on from here comes back with the null reverse-path, RFC 5321 §6.1; anything else is abuse of the address.
  if (bounced)
    return question.from ? { answer: FORGED, by: ['srs'] } : { answer: withAddresses(tables.relay, [bounced]), by: ['srs', 'relay'] }
  const outcome = await new Resolution(tables, question).lookUp(recipient, [], 0)
  if (outcome) return outcome
  if (!tables.mayRelay(question.session)) return undefined
  return { answer: shown(tables, tables.relay, question), by: ['relay'] }
}

/** A reverse-path of an internal domain is masqueraded like the header section. */
function shown(tables: Tables, route: Route, { from }: Question): Route {
  const domain = from && tables.masquerade?.find(from.domain)
  return from && domain !== undefined ? withReversePath(route, makeAddress(from.local, domain)) : route
}

/**
 * Where a copy goes that was queued with others which go other ways. Rules on the client do not apply: it is long gone.
 * Rejects when a table cannot be asked.
 */
export function resolveMember(tables: Tables, address: Address, question: Question): Promise<Outcome> {
  return new Resolution(tables, question).member(address)
}

/** One recipient or alias' address on its way. */
interface Step {
  readonly recipient: Address
  readonly by: readonly string[]
  readonly depth: number
  readonly detail?: string | undefined
}

class Resolution {
  readonly #tables: Tables
  readonly #question: Question
  #members = 0

  constructor(tables: Tables, question: Question) {
    this.#tables = tables
    this.#question = question
  }

  async member(address: Address): Promise<Outcome> {
    const outcome = (await this.lookUp(address, [], 0)) ?? { answer: this.#outward(), by: ['relay'] }
    // An alias that has itself among its addresses: this copy is its own.
    const own = outcome.members?.find((member) => sameMailbox(member.address, address, { foldCase: true }))
    return own ? { ...outcome, answer: own.route } : outcome
  }

  async lookUp(recipient: Address, path: readonly string[], depth: number): Promise<Outcome | undefined> {
    if (depth >= DEPTH) return { answer: LOOP, by: path }
    let hold: string | undefined
    const copies: string[] = []
    const by = [...path]
    const step: Step = { recipient, by, depth }
    const finish = async (outcome: Outcome | undefined) => (outcome ? this.#add(outcome, { hold, copies, step }) : undefined)
    for (const rule of this.#tables.rules) {
      if (!rule.condition.fits(recipient, this.#question)) continue
      by.push(rule.name)
      hold ??= rule.hold
      copies.push(...rule.copy)
      if (rule.action) return finish('kind' in rule.action ? { answer: rule.action, by } : await this.#follow(rule.action, step))
    }
    return finish(await this.#inTables(step))
  }

  async #inTables(step: Step): Promise<Outcome | undefined> {
    const { recipient, by } = step
    const { addresses, domains, tables } = this.#tables
    const found = addresses.find(recipient)
    if (found) return this.#follow(found.value, { ...step, by: [...by, `addresses["${found.pattern}"]`], detail: found.detail })
    for (const [index, table] of tables.entries()) {
      const row = table.of === 'addresses' ? await table.find(recipient, this.#question.signal) : undefined
      if (row) return this.#follow(row.target, { ...step, by: [...by, `tables[${index}]["${row.key}"]`], detail: row.detail })
    }
    if (recipient.domain === '') return this.#postmaster(step)
    const domain = domains.find(recipient.domain)
    if (domain) return this.#inDomain(domain, { ...step, by: [...by, `domains["${recipient.domain}"]`] })
    for (const [index, table] of tables.entries()) {
      const row = table.of === 'domains' ? await table.find(recipient, this.#question.signal) : undefined
      if (row) return this.#inDomain(row.target, { ...step, by: [...by, `tables[${index}]["${row.key}"]`] })
    }
    return undefined
  }

  /** RFC 5321 §4.5.1: the bare postmaster is somebody's. */
  async #postmaster({ by, depth }: Step): Promise<Outcome | undefined> {
    const { postmaster } = this.#tables
    const address = postmaster === undefined ? undefined : parseAddress(postmaster)
    const outcome = address && (await this.lookUp(address, [...by, 'postmaster'], depth + 1))
    return outcome && address && forAddress(outcome, address)
  }

  async #inDomain(domain: Domain, step: Step): Promise<Outcome> {
    const { base, detail } = this.#split(step.recipient)
    const exists = !domain.users || domain.users.has(step.recipient.local.toLowerCase()) || domain.users.has(base)
    // RFC 5321 §4.5.1: postmaster of a domain exists; without a mailbox of its own its mail goes the domain's way.
    if (exists || base === 'postmaster') return this.#follow(domain, { ...step, detail })
    if (domain.catchAll === undefined) return { answer: NO_SUCH_USER, by: step.by }
    const by = [...step.by, 'catchAll']
    if (domain.route) return { answer: withAddresses(domain.route, [fill(domain.catchAll, step)]), by }
    return this.#follow({ route: undefined, to: [domain.catchAll] }, { ...step, by })
  }

  #split({ local }: Address): { readonly base: string; readonly detail: string | undefined } {
    const { separator } = this.#tables
    const cut = separator === '' ? -1 : local.indexOf(separator, 1)
    if (cut < 0) return { base: local.toLowerCase(), detail: undefined }
    return { base: local.slice(0, cut).toLowerCase(), detail: local.slice(cut + separator.length) }
  }

  async #follow({ route, to }: Target, step: Step): Promise<Outcome> {
    if (to.length === 0) return { answer: route ?? this.#tables.relay, by: step.by }
    const addresses = to.map((template) => fill(template, step))
    if (route) return { answer: withAddresses(route, addresses), by: step.by }
    // A chain of aliases that multiply would grow without bound before the depth ends it.
    this.#members += addresses.length
    if (this.#members > MEMBERS) return { answer: TOO_MANY, by: step.by }
    const outcomes: Outcome[] = []
    for (const address of addresses) outcomes.push(await this.#next(address, step))
    return merge(outcomes)
  }

  /** Where an alias' address goes: by our own tables, or out, which the operator allowed by writing it there. */
  async #next(to: Address, { recipient, by, depth }: Step): Promise<Outcome> {
    // An alias that has itself among its addresses means its own mailbox.
    if (to.domain === recipient.domain && to.local.toLowerCase() === recipient.local.toLowerCase()) {
      const domain = this.#tables.domains.find(to.domain)
      return forAddress({ answer: domain?.route ?? this.#tables.relay, by: domain ? [...by, `domains["${to.domain}"]`] : by }, to)
    }
    const known = await this.lookUp(to, by, depth + 1)
    return forAddress(known ?? { answer: this.#outward(), by: [...by, 'relay'] }, to)
  }

  /** A reverse-path of somebody else's, from our address: the next hop's SPF would fail. */
  #outward(): Route {
    const { srs, relay, domains, now } = this.#tables
    const { from } = this.#question
    const rewritten = from && !domains.find(from.domain) ? srs?.encode(from, now()) : undefined
    return rewritten ? withReversePath(relay, rewritten) : relay
  }

  /** What rules that do not decide add to the decision. */
  async #add(
    outcome: Outcome,
    { hold, copies, step }: { hold: string | undefined; copies: readonly string[]; step: Step },
  ): Promise<Outcome> {
    if ('kind' in outcome.answer) return outcome
    const held = hold === undefined ? outcome.answer : Object.freeze({ ...outcome.answer, settings: { ...outcome.answer.settings, hold } })
    if (copies.length === 0) return { ...outcome, answer: held }
    const own = forAddress({ ...outcome, answer: held }, step.recipient)
    return merge([own, ...(await Promise.all(copies.map((copy) => this.#next(fill(copy, step), step))))])
  }
}

/** The route says whom it is for, now that this is not the recipient. */
function forAddress(outcome: Outcome, to: Address): Outcome {
  if ('kind' in outcome.answer || outcome.answer.to) return outcome
  return { ...outcome, answer: withAddresses(outcome.answer, [to]) }
}

/** One route for all: members that do not exist are left out, unless it is all of them; what is only half known is not taken. */
function merge(outcomes: readonly Outcome[]): Outcome {
  const by = [...new Set(outcomes.flatMap((outcome) => outcome.by))]
  const fatal = outcomes.find(({ answer }) => answer === LOOP || answer === TOO_MANY || ('kind' in answer && answer.kind === 'defer'))
  if (fatal) return { answer: fatal.answer, by }
  const routes = outcomes.map(({ answer }) => answer).filter((answer): answer is Route => !('kind' in answer))
  const [first] = routes
  if (!first) return { answer: outcomes.find(({ answer }) => 'kind' in answer)?.answer ?? NO_SUCH_USER, by }
  const members = membersOf(outcomes)
  const to = members.map(({ address }) => address)
  if (routes.every((route) => place(route) === place(first))) return { answer: withAddresses(first, to), by, members }
  // A recipient has one route, and the queue makes a delivery of each domain of it: then `delivery` sends each its way.
  return { answer: isByDomain(members) ? withAddresses(SPLIT_ROUTE, to) : SPLIT, by, members }
}

/** Each address once, the first route of it. */
function membersOf(outcomes: readonly Outcome[]): readonly Member[] {
  const members = new Map<string, Member>()
  for (const { answer, members: own } of outcomes) {
    if ('kind' in answer) continue
    for (const member of own ?? (answer.to ?? []).map((address) => ({ address, route: answer }))) {
      const key = member.address.toString()
      if (!members.has(key)) members.set(key, member)
    }
  }
  return [...members.values()]
}

function isByDomain(members: readonly Member[]): boolean {
  const places = new Map<string, string>()
  return members.every(({ address: { domain }, route }) => {
    const own = places.get(domain) ?? place(route)
    places.set(domain, own)
    return own === place(route)
  })
}

function place({ via, host, port, settings }: Route): string {
  return JSON.stringify([via, host, port, settings])
}

function withAddresses(route: Route, to: readonly Address[]): Route {
  return Object.freeze({ ...route, to })
}

function withReversePath(route: Route, from: Address): Route {
  return Object.freeze({ ...route, settings: { ...route.settings, reversePath: from.toString() } })
}

function fill(template: string, { recipient, detail }: Step): Address {
  const parts: Readonly<Record<string, string>> = { local: recipient.local, domain: recipient.domain, detail: detail ?? '' }
  const text = template.replaceAll(/\{(local|domain|detail)\}/g, (_, part: string) => parts[part] ?? '')
  // What a stranger's local part makes of a template may be no address: then it is nobody's.
  return parseAddress(text, { smtputf8: true }) ?? recipient
}
