/** From a recipient to where its mail goes, and which rule said so. */
import { makeAddress, parseAddress, sameMailbox } from '@postroad/mail'
import type { RouteSettings } from '@postroad/mail/settings'
import { type Address, type Refusal, type Route, reject, waysOf } from '@postroad/plugin'
import type { Question } from './condition.ts'
import { refusedWay } from './sender-route.ts'
import { run, type Steps, wait } from './steps.ts'
import type { Tables } from './table.ts'
import type { Domain, RouteTarget } from './target.ts'

declare module '@postroad/mail/settings' {
  interface RouteSettings {
    /** Why the message is to be quarantined for this recipient, once it is there. */
    readonly hold?: string
  }
}

/** What becomes of a recipient, and why; `postroad routing route` prints it. */
export interface RoutingAnswer {
  readonly answer: Route | Refusal
  /** The rules that led there, first to last. */
  readonly by: readonly string[]
}

/** Aliases of aliases, so deep. */
const DEPTH = 10
/** Addresses of one alias. */
const MEMBERS = 1_000
const NO_SUCH_USER = reject('No such user here', { status: '5.1.1' })
const LOOP = reject('Alias loop', { status: '5.4.6' })
const TOO_MANY = reject('The alias has too many addresses', { status: '5.5.3' })
const FORGED = reject('This address does not take mail any more', { status: '5.1.1' })

/**
 * Undefined: no rule knows it, and the client may not relay. A promise only when a table has to be waited for.
 *
 * @throws {unknown} (or as a rejection) what a table that cannot be asked throws
 */
export function resolve(
  tables: Tables,
  recipient: Address,
  question: Question,
): RoutingAnswer | undefined | Promise<RoutingAnswer | undefined> {
  return run(steps(tables, recipient, question))
}

function* steps(tables: Tables, recipient: Address, question: Question): Steps<RoutingAnswer | undefined> {
  const bounced = tables.srs?.decode(recipient, tables.now())
  if (bounced === 'forged') return { answer: FORGED, by: ['srs'] }
  // What was sent on from here comes back with the null reverse-path, RFC 5321 §6.1; anything else is abuse of the address.
  if (bounced)
    return question.from
      ? { answer: FORGED, by: ['srs'] }
      : yield* new Resolution(tables, question).outOrHome(bounced, ['srs'])
  const outcome = yield* new Resolution(tables, question).lookUp(recipient, [], 0)
  if (outcome) return withoutSenderRoute(tables, recipient, outcome, question)
  if (!tables.mayRelay(question.session)) return undefined
  const own = yield* wayOfSender(tables, question)
  return { answer: shown(tables, own?.route ?? tables.relay, question), by: own ? ['relay', own.by] : ['relay'] }
}

/** A relay of its own for who sends: the tables of `senders`, asked in order. */
function* wayOfSender(
  { tables }: Tables,
  { from, context }: Question,
): Steps<{ readonly route: Route; readonly by: string } | undefined> {
  if (!from) return undefined
  for (const [index, table] of tables.entries()) {
    const row = table.of === 'senders' ? yield* wait(table.find(from, context)) : undefined
    if (row?.target.route) return { route: row.target.route, by: `tables[${index}]["${row.key}"]` }
  }
  return undefined
}

function withoutSenderRoute(
  tables: Tables,
  recipient: Address,
  outcome: RoutingAnswer,
  { session }: Question,
): RoutingAnswer {
  const { answer } = outcome
  const refused = 'kind' in answer ? undefined : refusedWay(tables, recipient, { route: answer, session })
  return refused ? { answer: refused, by: [...outcome.by, 'senderRouting'] } : outcome
}

/** A reverse-path of an internal domain is masqueraded like the header section. */
function shown(tables: Tables, route: Route, { from }: Question): Route {
  const domain = from && tables.masquerade?.find(from.domain)
  return from && domain !== undefined ? withReversePath(route, makeAddress(from.local, domain)) : route
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

  *lookUp(recipient: Address, path: readonly string[], depth: number): Steps<RoutingAnswer | undefined> {
    if (depth >= DEPTH) return { answer: LOOP, by: path }
    let hold: string | undefined
    const copies: string[] = []
    const by = [...path]
    const step: Step = { recipient, by, depth }
    for (const rule of this.#tables.rules) {
      if (!rule.condition.fits(recipient, this.#question)) continue
      by.push(rule.name)
      hold ??= rule.hold
      copies.push(...rule.copy)
      if (!rule.action) continue
      const decided: RoutingAnswer =
        'kind' in rule.action ? { answer: rule.action, by } : yield* this.#follow(rule.action, step)
      return yield* this.#add(decided, { hold, copies, step })
    }
    const found = yield* this.#inTables(step)
    return found && (yield* this.#add(found, { hold, copies, step }))
  }

  *#inTables(step: Step): Steps<RoutingAnswer | undefined> {
    const { recipient, by } = step
    const { addresses, tables } = this.#tables
    const found = addresses.find(recipient)
    if (found)
      return yield* this.#follow(found.value, {
        ...step,
        by: [...by, `addresses["${found.pattern}"]`],
        detail: found.detail,
      })
    for (const [index, table] of tables.entries()) {
      const row = table.of === 'addresses' ? yield* wait(table.find(recipient, this.#question.context)) : undefined
      if (row)
        return yield* this.#follow(row.target, {
          ...step,
          by: [...by, `tables[${index}]["${row.key}"]`],
          detail: row.detail,
        })
    }
    if (recipient.domain === '') return yield* this.#postmaster(step)
    const own = yield* this.#domainOf(step)
    return own && (yield* this.#inDomain(own.domain, { ...step, by: own.by }))
  }

  /** One of our domains, in the configuration or in a table. */
  *#domainOf({ recipient, by }: Step): Steps<{ readonly domain: Domain; readonly by: readonly string[] } | undefined> {
    const { domains, tables } = this.#tables
    const domain = domains.find(recipient.domain)
    if (domain) return { domain, by: [...by, `domains["${recipient.domain}"]`] }
    for (const [index, table] of tables.entries()) {
      const row = table.of === 'domains' ? yield* wait(table.find(recipient, this.#question.context)) : undefined
      if (row) return { domain: row.target, by: [...by, `tables[${index}]["${row.key}"]`] }
    }
    return undefined
  }

  /** RFC 5321 §4.5.1: the bare postmaster is somebody's. */
  *#postmaster({ by, depth }: Step): Steps<RoutingAnswer | undefined> {
    const { postmaster } = this.#tables
    const address = postmaster === undefined ? undefined : parseAddress(postmaster)
    const outcome = address && (yield* this.lookUp(address, [...by, 'postmaster'], depth + 1))
    return outcome && address && forAddress(outcome, address)
  }

  *#inDomain(domain: Domain, step: Step): Steps<RoutingAnswer> {
    const { base, detail } = this.#split(step.recipient)
    const exists = !domain.users || domain.users.has(step.recipient.local.toLowerCase()) || domain.users.has(base)
    // RFC 5321 §4.5.1: postmaster of a domain exists; without a mailbox of its own its mail goes the domain's way.
    if (exists || base === 'postmaster') return yield* this.#follow(domain, { ...step, detail })
    if (domain.catchAll === undefined) return { answer: NO_SUCH_USER, by: step.by }
    const by = [...step.by, 'catchAll']
    if (domain.route) return { answer: routeFor(domain.route, [domain.catchAll], step), by }
    return yield* this.#follow({ route: undefined, to: [domain.catchAll] }, { ...step, by })
  }

  #split({ local }: Address): { readonly base: string; readonly detail: string | undefined } {
    const { separator } = this.#tables
    const cut = separator === '' ? -1 : local.indexOf(separator, 1)
    if (cut < 0) return { base: local.toLowerCase(), detail: undefined }
    return { base: local.slice(0, cut).toLowerCase(), detail: local.slice(cut + separator.length) }
  }

  *#follow({ route, to }: RouteTarget, step: Step): Steps<RoutingAnswer> {
    if (to.length === 0) return { answer: route ?? this.#tables.relay, by: step.by }
    if (route) return { answer: routeFor(route, to, step), by: step.by }
    // A chain of aliases that multiply would grow without bound before the depth ends it.
    this.#members += to.length
    if (this.#members > MEMBERS) return { answer: TOO_MANY, by: step.by }
    const outcomes: RoutingAnswer[] = []
    for (const template of to) outcomes.push(yield* this.#next(template, step))
    return merge(outcomes)
  }

  /** Where an alias' address goes: by our own tables, or out, which the operator allowed by writing it there. */
  *#next(template: string, step: Step): Steps<RoutingAnswer> {
    const { recipient, by, depth } = step
    const to = fill(template, step)
    if (!to) return { answer: NO_SUCH_USER, by }
    // An alias that has itself among its addresses means its own mailbox.
    if (sameMailbox(to, recipient, { foldCase: true })) {
      const own = yield* this.#domainOf({ recipient, by, depth })
      return forAddress({ answer: own?.domain.route ?? NO_SUCH_USER, by: own?.by ?? by }, to)
    }
    return yield* this.outOrHome(to, by, depth + 1)
  }

  /** By our own tables where they know the address, else out: for those who did not name it themselves. */
  *outOrHome(to: Address, by: readonly string[], depth = 0): Steps<RoutingAnswer> {
    const known = yield* this.lookUp(to, by, depth)
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
  *#add(
    outcome: RoutingAnswer,
    { hold, copies, step }: { hold: string | undefined; copies: readonly string[]; step: Step },
  ): Steps<RoutingAnswer> {
    if ('kind' in outcome.answer) return outcome
    const held =
      hold === undefined
        ? outcome.answer
        : Object.freeze({ ...outcome.answer, settings: { ...outcome.answer.settings, hold } })
    if (copies.length === 0) return { ...outcome, answer: held }
    const outcomes = [forAddress({ ...outcome, answer: held }, step.recipient)]
    for (const copy of copies) outcomes.push(yield* this.#next(copy, step))
    return merge(outcomes)
  }
}

/** The route says whom it is for, now that this is not the recipient. */
function forAddress(outcome: RoutingAnswer, to: Address): RoutingAnswer {
  if ('kind' in outcome.answer || outcome.answer.to) return outcome
  return { ...outcome, answer: withAddresses(outcome.answer, [to]) }
}

/** All ways of the members; those that do not exist are left out, unless it is all of them. What is only half known is not taken. */
function merge(outcomes: readonly RoutingAnswer[]): RoutingAnswer {
  const by = [...new Set(outcomes.flatMap((outcome) => outcome.by))]
  const fatal = outcomes.find(
    ({ answer }) => answer === LOOP || answer === TOO_MANY || ('kind' in answer && answer.kind === 'defer'),
  )
  if (fatal) return { answer: fatal.answer, by }
  const [first, ...also] = waysTogether(outcomes.flatMap(({ answer }) => ('kind' in answer ? [] : waysOf(answer))))
  if (first) return { answer: also.length === 0 ? first : Object.freeze({ ...first, also }), by }
  return { answer: outcomes.find(({ answer }) => 'kind' in answer)?.answer ?? NO_SUCH_USER, by }
}

/** Ways to one place are one; an address that several lead to gets the message once, by the first. */
function waysTogether(ways: readonly Route[]): readonly Route[] {
  const seen = new Set<string>()
  const places = new Map<string, { readonly way: Route; readonly to: Address[] }>()
  for (const way of ways) {
    const { to } = getOrAdd(places, place(way), way)
    for (const address of way.to ?? []) {
      if (!seen.has(address.toString())) to.push(address)
      seen.add(address.toString())
    }
  }
  return [...places.values()].filter(({ to }) => to.length > 0).map(({ way, to }) => withAddresses(way, to))
}

function getOrAdd(
  places: Map<string, { readonly way: Route; readonly to: Address[] }>,
  key: string,
  way: Route,
): { readonly way: Route; readonly to: Address[] } {
  const known = places.get(key) ?? { way, to: [] }
  places.set(key, known)
  return known
}

function place({ via, host, port, settings }: Route): string {
  return JSON.stringify([via, host, port, settings])
}

function routeFor(route: Route, templates: readonly string[], step: Step): Route | Refusal {
  const to = templates.flatMap((template) => fill(template, step) ?? [])
  return to.length === 0 ? NO_SUCH_USER : withAddresses(route, to)
}

function withAddresses(route: Route, to: readonly Address[]): Route {
  return Object.freeze({ ...route, to })
}

function withReversePath(route: Route, from: Address): Route {
  const own: RouteSettings = { reversePath: from.toString() }
  return Object.freeze({ ...route, settings: { ...route.settings, ...own } })
}

/** Undefined when what a stranger wrote makes no address of the template: then it is nobody's. */
function fill(template: string, { recipient, detail }: Step): Address | undefined {
  const parts: Readonly<Record<string, string>> = {
    local: recipient.local,
    domain: recipient.domain,
    detail: detail ?? '',
  }
  const filled = (text: string) => text.replaceAll(/\{(local|domain|detail)\}/g, (_, part: string) => parts[part] ?? '')
  const at = template.lastIndexOf('@')
  // Filled in and then parsed, a quoted local part could bring a domain of its own.
  const local = filled(unquoted(template.slice(0, at)))
  try {
    return local === '' ? undefined : makeAddress(local, filled(template.slice(at + 1)), { smtputf8: true })
  } catch {
    return undefined // a domain that is none, or too long
  }
}

/** RFC 5321 §4.1.2 */
function unquoted(local: string): string {
  return local.startsWith('"') ? local.slice(1, -1).replaceAll(/\\(.)/gs, '$1') : local
}
