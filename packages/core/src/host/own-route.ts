/**
 * Where mail of our own goes, a notification for one: asked of every scope that hands mail to the queue, because a queue often
 * stands around the scopes that know the addresses.
 */
import { type Address, defer, type Refusal, type Route, waysOf } from '@postroad/plugin'
import type { EventFeed } from '../log/feed.ts'
import { HookCall } from '../run/call.ts'
import { route as asRoute } from '../run/check.ts'
import { first } from '../run/first.ts'
import { Failure } from '../run/guard.ts'
import { FactStore } from '../session/fact-store.ts'
import type { Scope } from '../session/scope.ts'
import { type SessionPeer, SessionState } from '../session/session.ts'
import { Transaction } from '../session/transaction.ts'
import { DISCARD } from '../stages/takers.ts'

const LOCAL = { address: '127.0.0.1', port: 0 }

/** A client of whom nothing is known: its address is in no network, so that no rule can know it. */
const STRANGER: SessionPeer = {
  listener: 'internal',
  protocol: 'smtp',
  remote: { address: 'unknown', port: 0 },
  local: LOCAL,
  tls: undefined,
  stress: false,
}

/** Who watches mail come in would wait for the end of one that never began. */
const UNHEARD: EventFeed = {
  tellsOpened: false,
  tellsRuns: false,
  tellsRecords: false,
  opened: () => undefined,
  ran: () => undefined,
  record: () => undefined,
}

/** This server. */
const OURSELVES: SessionPeer = { ...STRANGER, remote: LOCAL }

/**
 * The way of the first scope that takes mail for the address from anybody, which is its home; else of the first that takes it
 * from us, which is a relay. A home that refuses it is believed: what nobody has is not sent out to come back.
 */
export async function ownRoute(
  scopes: readonly Scope[],
  recipient: Address,
  carries: (via: string) => boolean,
): Promise<Route | Refusal | undefined> {
  const isWay = (answer: Route | Refusal | undefined): answer is Route =>
    answer !== undefined && !('kind' in answer) && waysOf(answer).every(({ via }) => via === DISCARD || carries(via))
  const homes = await Promise.all(scopes.map((scope) => ask(scope, recipient, STRANGER)))
  const home = homes.find(isWay)
  if (home) return home
  const answers = await Promise.all(scopes.map((scope) => ask(scope, recipient, OURSELVES)))
  const refusals = answers.filter((answer): answer is Refusal => answer !== undefined && 'kind' in answer)
  const believed = refusals.filter((refusal) => isRefusal(homes[answers.indexOf(refusal)]))
  // What cannot be known now may be known later: it goes before a refusal for good.
  return believed.find(({ kind }) => kind === 'defer') ?? believed[0] ?? answers.find(isWay) ?? refusals[0]
}

function isRefusal(answer: Route | Refusal | undefined): boolean {
  return answer !== undefined && 'kind' in answer
}

const UNKNOWN_NOW = defer('The route could not be asked for', { status: '4.3.0', code: 451 })

async function ask(scope: Scope, recipient: Address, asker: SessionPeer): Promise<Route | Refusal | undefined> {
  const table = scope.table.route
  if (!table) return undefined
  const transaction = new Transaction(sessionOf({ ...scope, feed: UNHEARD }, asker), undefined, {})
  const candidate = { recipient, parameters: {}, recipientFacts: new FactStore() }
  const answer = await first(table, new HookCall('route', transaction, candidate), asRoute)
  transaction.lifetime.end(new Error('the answer is known'))
  // A failure says nothing of the address, whatever the operator made of it for clients.
  return answer?.value instanceof Failure ? UNKNOWN_NOW : answer?.value
}

/** Ours has proved who it is, so that rules for strangers do not apply. */
function sessionOf(scope: Scope, asker: SessionPeer): SessionState {
  const session = new SessionState(scope, asker)
  session.greet(scope.hostname, true)
  if (asker === OURSELVES) session.authenticate({ name: 'postroad' })
  return session
}
