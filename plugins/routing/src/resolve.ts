/** From a recipient to where its mail goes, and which rule said so. */
import { parseAddress } from '@postroad/message'
import { type Address, defer, type Refusal, type Route, reject } from '@postroad/plugin'
import type { Domain, Question, Tables, Target } from './table.ts'

/** What becomes of a recipient, and why; `routing route ADDRESS` prints it. */
export interface Outcome {
  readonly answer: Route | Refusal
  /** The rules that led there, first to last. */
  readonly by: readonly string[]
}

/** Aliases of aliases, so deep. */
const DEPTH = 10
const NO_SUCH_USER = reject('No such user here', { status: '5.1.1' })
const LOOP = reject('Alias loop', { status: '5.4.6' })
const TOO_MANY = reject('The alias has too many addresses', { status: '5.5.3' })
const SPLIT = defer('Local configuration error, try again later', { status: '4.3.5' })
const MEMBERS = 1_000

/** Undefined: no rule knows it, and the client may not relay. */
export function resolve(tables: Tables, recipient: Address, question: Question): Outcome | undefined {
  const outcome = lookUp(tables, recipient, question, [])
  if (outcome) return outcome
  return tables.mayRelay(question.session) ? { answer: tables.relay, by: ['relay'] } : undefined
}

function lookUp(tables: Tables, recipient: Address, question: Question, by: readonly string[]): Outcome | undefined {
  if (by.length >= DEPTH) return { answer: LOOP, by }
  for (const rule of tables.rules) {
    if (!rule.fits(recipient, question)) continue
    const path = [...by, rule.name]
    return 'kind' in rule.action ? { answer: rule.action, by: path } : follow(tables, rule.action, { recipient, question, by: path })
  }
  const found = tables.addresses.find(recipient)
  if (found) return follow(tables, found.value, { recipient, question, by: [...by, `addresses["${found.pattern}"]`], detail: found.detail })
  if (recipient.domain === '') return postmaster(tables, question, by)
  const domain = tables.domains.find(recipient.domain)
  return domain && inDomain(tables, domain, { recipient, question, by: [...by, `domains["${recipient.domain}"]`] })
}

/** RFC 5321 §4.5.1: the bare postmaster is somebody's. */
function postmaster(tables: Tables, question: Question, by: readonly string[]): Outcome | undefined {
  const address = tables.postmaster === undefined ? undefined : parseAddress(tables.postmaster)
  if (!address) return undefined
  const outcome = lookUp(tables, address, question, [...by, 'postmaster'])
  return outcome && withDefault(outcome, address)
}

interface Step {
  readonly recipient: Address
  readonly question: Question
  readonly by: readonly string[]
  readonly detail?: string | undefined
}

function inDomain(tables: Tables, domain: Domain, step: Step): Outcome {
  const { recipient } = step
  const local = recipient.local.toLowerCase()
  const cut = tables.separator === '' ? -1 : local.indexOf(tables.separator, 1)
  const base = cut < 0 ? local : local.slice(0, cut)
  const detail = cut < 0 ? undefined : recipient.local.slice(cut + tables.separator.length)
  const exists = !domain.users || domain.users.has(local) || domain.users.has(base)
  // RFC 5321 §4.5.1: postmaster of a domain exists; without a mailbox of its own its mail goes the domain's way.
  if (exists || base === 'postmaster') return follow(tables, domain, { ...step, detail })
  if (domain.catchAll === undefined) return { answer: NO_SUCH_USER, by: step.by }
  const by = [...step.by, 'catchAll']
  if (domain.route) return { answer: withAddresses(domain.route, [address(domain.catchAll, step)]), by }
  return follow(tables, { route: undefined, to: [domain.catchAll] }, { ...step, by })
}

function follow(tables: Tables, target: Target, step: Step): Outcome {
  const { route } = target
  if (target.to.length === 0) return { answer: route ?? tables.relay, by: step.by }
  const addresses = target.to.map((template) => address(template, step))
  if (route) return { answer: withAddresses(route, addresses), by: step.by }
  return merge(addresses.map((each) => next(tables, each, step)))
}

/** Where an alias' address goes: by our own tables, or out, which the operator allowed by writing it there. */
function next(tables: Tables, to: Address, { recipient, question, by }: Step): Outcome {
  // An alias that has itself among its addresses means its own mailbox.
  if (to.domain === recipient.domain && to.local.toLowerCase() === recipient.local.toLowerCase()) {
    const domain = tables.domains.find(to.domain)
    return withDefault(
      domain ? { answer: domain.route ?? tables.relay, by: [...by, `domains["${to.domain}"]`] } : { answer: tables.relay, by },
      to,
    )
  }
  return withDefault(lookUp(tables, to, question, by) ?? { answer: tables.relay, by: [...by, 'relay'] }, to)
}

/** The route says whom it is for, now that this is not the recipient. */
function withDefault(outcome: Outcome, to: Address): Outcome {
  if ('kind' in outcome.answer || outcome.answer.to) return outcome
  return { ...outcome, answer: withAddresses(outcome.answer, [to]) }
}

/** One route for all: those that cannot be reached are left out, unless it is all of them. */
function merge(outcomes: readonly Outcome[]): Outcome {
  const by = [...new Set(outcomes.flatMap((outcome) => outcome.by))]
  const routes = outcomes.map(({ answer }) => answer).filter((answer): answer is Route => !('kind' in answer))
  const [first] = routes
  if (!first) return { answer: outcomes.find(({ answer }) => 'kind' in answer)?.answer ?? NO_SUCH_USER, by }
  if (routes.some((route) => place(route) !== place(first))) return { answer: SPLIT, by: [...by, 'addresses with different routes'] }
  const to = new Map(routes.flatMap((route) => route.to ?? []).map((each) => [each.toString(), each]))
  return { answer: to.size > MEMBERS ? TOO_MANY : withAddresses(first, [...to.values()]), by }
}

function place({ via, host, port, settings }: Route): string {
  return JSON.stringify([via, host, port, settings])
}

function withAddresses(route: Route, to: readonly Address[]): Route {
  return Object.freeze({ ...route, to })
}

function address(template: string, { recipient, detail }: Step): Address {
  const parts: Readonly<Record<string, string>> = { local: recipient.local, domain: recipient.domain, detail: detail ?? '' }
  const text = template.replaceAll(/\{(local|domain|detail)\}/g, (_, part: string) => parts[part] ?? '')
  const made = parseAddress(text, { smtputf8: true })
  // What a stranger's local part makes of a template may be no address: then it is nobody's.
  return made ?? recipient
}
