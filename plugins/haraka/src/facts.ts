/** Facts of this server as results that plugins of Haraka look for, and their results as facts. */

import { type Dkim, type DkimResult, dkimFact, dmarcFact, type Spf, type SpfResult, spfFact } from '@postroad/authres'
import {
  allowedClient,
  type ConnectContext,
  type Dns,
  defineFact,
  type Fact,
  type FactScope,
  type HookContext,
  type ReverseDns,
  reverseDns,
} from '@postroad/plugin'
import constants from 'haraka-constants'
import type ResultStore from 'haraka-results'
import { said } from './answer.ts'
import { andThen, type ChainAnswer, type Soon } from './chain.ts'
import type { HarakaConnection } from './connection.ts'
import type { HarakaSession } from './state.ts'
import type { HarakaTransaction } from './transaction.ts'

/** What the plugins of one use found out about a message, by name: their lists `pass`, `fail`, `skip`, `msg`, `err`, and their own keys. */
export type HarakaResult = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/**
 * The fact with the results of a use of `haraka`; set at `message`.
 *
 * @param name the label that the operator gave it with `as`; default: that of a single use
 * @example
 * const karma = harakaResult('karma')
 * message: { after: [karma], handler: ({ find }) => (Number(find(karma)?.karma?.score) < -5 ? suspect(3, 'karma') : undefined) }
 */
export function harakaResult(name = 'haraka'): Fact<HarakaResult, 'transaction'> {
  return defineFact<HarakaResult>(name === 'haraka' ? name : `haraka-${name}`)
}

/** Plugins of ours whose facts are shown as results: who runs the chain waits for them. */
export const SHOWN_AFTER: readonly string[] = ['access', 'helo', 'spf', 'dkim', 'dmarc']

/** As the plugin `spf` of Haraka writes them. */
const SPF_WORDS: Readonly<Record<SpfResult, string>> = {
  none: 'None',
  pass: 'Pass',
  fail: 'Fail',
  softfail: 'SoftFail',
  neutral: 'Neutral',
  temperror: 'TempError',
  permerror: 'PermError',
}

function remoteHost({ result, name, names }: ReverseDns): string {
  return name ?? names[0] ?? (result === 'temperror' ? 'DNSERROR' : 'NXDOMAIN')
}

/** The name of the client as plugins know it: without one NXDOMAIN, DNSERROR when it could not be asked for; undefined for what is no address. */
async function nameOf({ find, session, signal }: ConnectContext, dns: Dns): Promise<string | undefined> {
  const fact = find(reverseDns)
  if (fact) return remoteHost(fact)
  const { address } = session.remote
  if (!/^[0-9a-fA-F:.]+$/.test(address)) return undefined
  try {
    const { records } = await dns.ptr(address, signal)
    return records[0]?.replace(/\.$/, '') ?? 'NXDOMAIN'
  } catch (error) {
    const { code } = error as { readonly code?: unknown } // a failure of the service says which it is
    return code === 'NXDOMAIN' || code === 'NODATA' ? 'NXDOMAIN' : 'DNSERROR'
  }
}

/** Writes the name of the client down: what a plugin has said at `lookup_rdns`, or that of the DNS. */
export function nameClient(
  state: HarakaSession,
  { code, message }: ChainAnswer,
  context: ConnectContext,
  dns: Dns,
): Soon<undefined> {
  const isSaid = code === constants.ok
  if (!isSaid) state.hasWaited = true
  return andThen(isSaid ? said(message) : nameOf(context, dns), (host) => {
    const { remote } = state.connection
    if (host !== undefined) remote.host = host
    remote['info'] = remote.host
    state.hasName = isSaid || host !== undefined
    return undefined
  })
}

/** Writes what is known into `results`, where no plugin of Haraka has. */
export function showFacts(connection: HarakaConnection, { find }: Pick<HookContext, 'find'>): void {
  const { results, transaction } = connection
  const reverse = find(reverseDns)
  if (reverse && !results.get('fcrdns')) {
    const { result, names, name } = reverse
    const ok = result === 'pass'
    results.add('fcrdns', {
      ...(ok ? { pass: 'fcrdns' } : { fail: result === 'none' ? 'no_rdns' : 'fcrdns' }),
      fcrdns: name === undefined ? [] : [name],
      ptr_names: [...names],
      ptr_name_has_ips: ok,
      has_rdns: names.length > 0,
    })
  }
  const allowed = find(allowedClient)
  if (allowed && !results.get('access')) results.add('access', { pass: [allowed.pattern], whitelist: true })
  if (!transaction?.results) return
  showSpf(transaction.results, results, find(spfFact))
  const dkim = find(dkimFact)
  if (dkim && !transaction.results.get('dkim')) showDkim(transaction, dkim)
  const dmarc = find(dmarcFact)
  if (dmarc && !transaction.results.get('dmarc'))
    transaction.results.add('dmarc', {
      [dmarc.result === 'pass' ? 'pass' : dmarc.result === 'fail' ? 'fail' : 'msg']: dmarc.domain,
      result: dmarc.result,
      policy: dmarc.policy,
    })
}

function showSpf(transaction: ResultStore, connection: ResultStore, spf: Spf | undefined): void {
  if (!spf) return
  for (const [store, scope, check] of [
    [connection, 'helo', spf.helo],
    [transaction, 'mfrom', spf.mailFrom],
  ] as const) {
    if (!check || store.get('spf')) continue
    const { result, domain } = check
    store.add('spf', { scope, result: SPF_WORDS[result], domain, ...(result === 'pass' && { pass: domain }) })
  }
}

function showDkim({ results, notes }: HarakaTransaction, { signatures }: Dkim): void {
  notes['dkim_results'] = signatures.map(({ result, domain, identity, selector }) => ({
    result,
    domain,
    identity,
    selector,
  }))
  if (signatures.length === 0) results.add('dkim', { skip: 'no/bad signature' })
  for (const { result, domain, identity, selector } of signatures)
    results.add('dkim', {
      domain,
      identity,
      selector,
      ...(result === 'pass' && { pass: domain }),
      ...(result === 'fail' && { fail: domain }),
    })
}

/** The results of plugins by these names: of the connection, and over them those of the message. */
export function resultsOf(connection: HarakaConnection, names: readonly string[]): HarakaResult {
  const out: Record<string, Record<string, unknown>> = {}
  for (const name of names) {
    const ofClient = connection.results.get(name)
    const ofMessage = connection.transaction?.results.get(name)
    if (ofClient || ofMessage) out[name] = { ...withoutEmpty(ofClient ?? {}), ...withoutEmpty(ofMessage ?? {}) }
  }
  return out
}

function withoutEmpty(result: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const key of Object.keys(result)) {
    const value = result[key]
    if (value === undefined || typeof value === 'function' || key.startsWith('human')) continue
    if (!Array.isArray(value) || value.length > 0) out[key] = value
  }
  return out
}

/** Sets a fact, if there is anything to say. */
export function provide<T, S extends FactScope>(context: HookContext<S>, fact: Fact<T, S>, value: T | undefined): void {
  if (value !== undefined) context.set(fact, value)
}

/** What `fcrdns` found out, as the fact of ours; undefined when it has not run. */
export function reverseDnsOf(connection: HarakaConnection): ReverseDns | undefined {
  const found = connection.results.get('fcrdns')
  if (!found) return undefined
  const verified = textsIn(found['fcrdns'])
  const names = textsIn(found['ptr_names'])
  const known = names.length > 0 ? names : Object.keys(Object(found['ptr_name_to_ip']))
  const name = verified[0]?.toLowerCase()
  const isError = textsIn(found['err']).length > 0
  const result = name !== undefined ? 'pass' : known.length > 0 ? 'fail' : isError ? 'temperror' : 'none'
  return { result, name, names: known }
}

/** What `spf` found out. */
export function spfOf({ results, transaction }: HarakaConnection): Spf | undefined {
  const found = transaction?.results.get('spf')
  if (!found) return undefined
  const one = (result: Readonly<Record<string, unknown>>, identity: 'helo' | 'mailfrom') => ({
    identity,
    result: spfResultOf(result['result']),
    domain: String(result['domain'] ?? ''),
    comment: undefined,
    explanation: undefined,
  })
  const helo = results.get('spf')
  return { mailFrom: one(found, 'mailfrom'), helo: helo && one(helo, 'helo') }
}

/** What `dkim` found out; undefined when it has not looked. */
export function dkimOf({ transaction }: HarakaConnection): Dkim | undefined {
  if (!transaction?.results.get('dkim')) return undefined
  const noted = transaction.notes['dkim_results']
  const list = Array.isArray(noted) ? noted : []
  const signatures = list.map((one: Readonly<Record<string, unknown>>) => ({
    result: dkimResultOf(one['result']),
    domain: String(one['domain'] ?? '').toLowerCase(),
    selector: String(one['selector'] ?? ''),
    algorithm: '',
    identity: String(one['identity'] ?? ''),
    b: '',
    comment: undefined,
    unsigned: 0,
  }))
  return { signatures, ignored: 0 }
}

function spfResultOf(said: unknown): SpfResult {
  const word = String(said ?? '').toLowerCase()
  return word in SPF_WORDS ? (word as SpfResult) : 'none'
}

function dkimResultOf(said: unknown): DkimResult {
  const word = String(said ?? '').toLowerCase()
  const known: readonly string[] = ['none', 'pass', 'fail', 'policy', 'neutral', 'temperror', 'permerror']
  return known.includes(word) ? (word as DkimResult) : word === 'invalid' ? 'permerror' : 'neutral'
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value)
    ? value.filter((one) => typeof one === 'string')
    : typeof value === 'string'
      ? [value]
      : []
}
