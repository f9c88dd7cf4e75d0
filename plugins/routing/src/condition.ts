/** When a rule applies: conditions on envelope and client, and on the message once it is there. */
import { AddressTable, domainName, glob, networks } from '@postroad/options'
import { type Address, defineFact, type Fact, type Message } from '@postroad/plugin'
import type { RouteQuestion, RuleOptions } from './options.ts'

/** What is known when a recipient is routed. */
export interface Question extends Omit<RouteQuestion, 'recipient'> {
  /** Whose signal ends the search; read only when there is something to wait for. */
  readonly context: { readonly signal: AbortSignal }
  find<T>(fact: Fact<T>): T | undefined
}

/** What is known when the message is there. */
export interface ScoredContent {
  readonly message: Pick<Message, 'headers' | 'size'>
  readonly points: number
}

type Conditions = Exclude<RuleOptions['match'], undefined | readonly string[]>
type EnvelopeCheck = (recipient: Address, question: Question) => boolean
type ContentCheck = (content: ScoredContent) => boolean

/** A match, ready to be asked. */
export interface Condition {
  fits(recipient: Address, question: Question): boolean
  /** Undefined: nothing is asked of the message. */
  readonly ofContent: ContentCheck | undefined
}

/** @throws {TypeError} naming the pattern or network that is not one */
export function compileCondition(match: RuleOptions['match'], separator: string): Condition {
  const conditions: Conditions = match === undefined ? {} : Array.isArray(match) ? { recipient: match } : match
  const checks = envelopeChecks(conditions, separator)
  const ofContent = contentChecks(conditions)
  return {
    fits: (recipient, question) => checks.every((check) => check(recipient, question)),
    ofContent: ofContent.length === 0 ? undefined : (content) => ofContent.every((check) => check(content)),
  }
}

function envelopeChecks(
  { recipient, from, network, helo, listener, identity, tls, facts, test }: Conditions,
  separator: string,
): readonly EnvelopeCheck[] {
  const checks: EnvelopeCheck[] = []
  if (recipient) checks.push(inTable(recipient, separator, (to) => to))
  if (from) checks.push(inTable(from, separator, (_, question) => question.from))
  if (network) {
    const within = networks(network)
    checks.push((_, { session }) => within(session.remote.address))
  }
  if (helo) {
    const fits = anyOf(helo)
    checks.push(
      (_, { session }) => session.helo !== undefined && fits(domainName(session.helo.name) ?? session.helo.name),
    )
  }
  if (listener) checks.push((_, { session }) => listener.includes(session.listener))
  if (tls !== undefined) checks.push((_, { session }) => (session.tls !== undefined) === tls)
  if (identity !== undefined) checks.push(identityIs(identity))
  if (test) checks.push((to, { from: path, session }) => test({ recipient: to, from: path, session }))
  for (const [path, wanted] of Object.entries(facts ?? {}))
    checks.push(factIs(path, Array.isArray(wanted) ? wanted : [String(wanted)]))
  return checks
}

function contentChecks({ header, size, points }: Conditions): readonly ContentCheck[] {
  const checks: ContentCheck[] = []
  for (const [name, globs] of Object.entries(header ?? {})) {
    const fits = anyOf(globs)
    checks.push(({ message }) => message.headers.all(name).some(fits))
  }
  if (size) checks.push(({ message }) => within(message.size, size))
  if (points) checks.push((content) => within(content.points, points))
  return checks
}

function within(
  value: number,
  {
    over = Number.NEGATIVE_INFINITY,
    under = Number.POSITIVE_INFINITY,
  }: { over?: number | undefined; under?: number | undefined },
): boolean {
  return value > over && value < under
}

function inTable(
  patterns: readonly string[],
  separator: string,
  pick: (recipient: Address, question: Question) => Address | undefined,
): EnvelopeCheck {
  const table = new AddressTable(
    patterns.map((pattern) => [pattern, true]),
    separator,
  )
  return (recipient, question) => table.find(pick(recipient, question)) !== undefined
}

function identityIs(wanted: boolean | readonly string[]): EnvelopeCheck {
  if (typeof wanted === 'boolean') return (_, { session }) => (session.identity !== undefined) === wanted
  const fits = anyOf(wanted)
  return (_, { session: { identity } }) => identity !== undefined && fits(identity.name)
}

/** `spf.mailFrom.result`: the fact `spf`, and the way in it. Whose scope it has is for its plugin to know. */
function factIs(path: string, wanted: readonly string[]): EnvelopeCheck {
  const [name = '', ...keys] = path.split('.')
  const facts: readonly Fact<unknown>[] = [
    defineFact<unknown>(name),
    defineFact<unknown, 'session'>(name, 'session'),
    defineFact<unknown, 'recipient'>(name, 'recipient'),
  ]
  const fits = anyOf(wanted)
  return (_, question) => {
    let value: unknown
    for (const fact of facts) value ??= question.find(fact)
    for (const key of keys)
      value =
        typeof value === 'object' && value !== null && Object.hasOwn(value, key)
          ? (value as Readonly<Record<string, unknown>>)[key]
          : undefined // it was just seen to have the key
    return value !== undefined && fits(String(value))
  }
}

function anyOf(patterns: readonly string[]): (text: string) => boolean {
  const globs = patterns.map(glob)
  return (text) => globs.some((fits) => fits(text))
}
