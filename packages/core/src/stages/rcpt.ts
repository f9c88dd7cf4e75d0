/** Each recipient: may it, where does it go, will the next hop take it? RFC 5321 §4.1.1.3. */

import type { RcptParameters } from '@postroad/mail'
import { type Address, defer, type Refusal, type Route, reject, waysOf } from '@postroad/plugin'
import type { Maybe, WireReply } from '@postroad/smtp'
import { type Decision, isRefusal } from '../policy/severity.ts'
import { after } from '../run/after.ts'
import { ask } from '../run/ask.ts'
import { HookCall } from '../run/call.ts'
import { route as asRoute, opinions } from '../run/check.ts'
import { type FirstAnswer, first } from '../run/first.ts'
import { Failure } from '../run/guard.ts'
import { FactStore } from '../session/fact-store.ts'
import type { Transaction } from '../session/transaction.ts'
import { delayedRefusal, stillRunning } from './delay.ts'
import { refuseRecipient } from './refuse.ts'
import { isTaken } from './takers.ts'

const ACCEPTED: WireReply = { code: 250, status: '2.1.5', text: 'Recipient ok' }
/** Where mail goes of which another server decides that. */
export const ELSEWHERE: Route = Object.freeze({ via: 'elsewhere' })
const NO_ROUTE = reject('Relaying denied', { status: '5.7.1' })
const ONE_AT_A_TIME = defer('One recipient at a time, please: send the others separately', {
  status: '4.5.3',
  code: 452,
})

// RFC 3463 §3.4: X.3.5, the system is not configured for it.
const NOBODY_TAKES = defer('Mail for this recipient cannot be taken at the moment', { status: '4.3.5', code: 451 })

/** A recipient being asked about. */
interface Candidate {
  readonly recipient: Address
  readonly parameters: RcptParameters
  readonly recipientFacts: FactStore
}

/** One that has a route. */
interface Onward extends Candidate {
  readonly route: Route
}

/** RCPT TO, from what was delayed to the recipient’s place in the envelope. */
export function rcpt(transaction: Transaction, recipient: Address, parameters: RcptParameters): Maybe<WireReply> {
  transaction.ask(recipient, parameters)
  const running = stillRunning(transaction)
  return running
    ? running.then(() => begin(transaction, recipient, parameters))
    : begin(transaction, recipient, parameters)
}

function begin(transaction: Transaction, recipient: Address, parameters: RcptParameters): Maybe<WireReply> {
  const delayed = delayedRefusal(transaction)
  if (delayed && isRefusal(delayed.decision.opinion))
    return refuseRecipient(transaction, delayed.hook, {
      plugin: delayed.decision.plugin,
      refusal: delayed.decision.opinion,
      recipient,
    })
  transaction.beginRecipient()
  if (transaction.isOfSingleRecipientClient && transaction.recipients.length > 0)
    return refuseRecipient(transaction, 'rcpt', { plugin: 'mixed', refusal: ONE_AT_A_TIME, recipient })
  const candidate: Candidate = { recipient, parameters: settled(parameters), recipientFacts: new FactStore() }
  const waves = transaction.scope.table.rcpt
  if (!waves) return asked(undefined, transaction, candidate)
  const decision = ask(waves, new HookCall('rcpt', transaction, candidate), opinions)
  return after(decision, asked, transaction, candidate)
}

/** What plugins are given is what the queue will go by: nobody changes it. */
function settled(parameters: RcptParameters): RcptParameters {
  if (parameters.notify) Object.freeze(parameters.notify)
  if (parameters.orcpt) Object.freeze(parameters.orcpt)
  return Object.freeze(parameters)
}

function asked(decision: Decision | undefined, transaction: Transaction, candidate: Candidate): Maybe<WireReply> {
  const refused = refusedBy(transaction, 'rcpt', { candidate, decision })
  return refused ?? (repeated(transaction, candidate) ? ACCEPTED : findRoute(transaction, candidate))
}

/** What was named before goes the way it had; only the checks are made again, because they count. */
function repeated(transaction: Transaction, { recipient, parameters }: Candidate): boolean {
  const known = transaction.namedBefore(recipient, parameters)
  if (known) transaction.repeat(known)
  return known !== undefined
}

function findRoute(transaction: Transaction, candidate: Candidate): Maybe<WireReply> {
  if (transaction.scope.role === 'filter') return onwards(transaction, candidate, ELSEWHERE)
  const handlers = transaction.scope.table.route
  const answer = handlers && first(handlers, new HookCall('route', transaction, candidate), asRoute)
  return after(answer, routed, transaction, candidate)
}

function routed(
  answer: FirstAnswer<Route | Refusal> | undefined,
  transaction: Transaction,
  candidate: Candidate,
): Maybe<WireReply> {
  const { recipient } = candidate
  // Acceptance is a route: whoever has none is refused, so an open relay cannot happen by forgetting something.
  if (!answer) return refuseRecipient(transaction, 'route', { plugin: undefined, refusal: NO_ROUTE, recipient })
  const { plugin, value } = answer
  if (value instanceof Failure)
    return refuseRecipient(transaction, 'route', { plugin, refusal: value.refusal ?? NO_ROUTE, recipient })
  if ('kind' in value) return refuseRecipient(transaction, 'route', { plugin, refusal: value, recipient })
  return onwards(transaction, candidate, value)
}

function onwards(transaction: Transaction, candidate: Candidate, route: Route): Maybe<WireReply> {
  const waves = transaction.scope.table.nexthop
  if (!waves) return accept(transaction, candidate, route)
  const onward: Onward = { ...candidate, route }
  return after(ask(waves, new HookCall('nexthop', transaction, onward), opinions), agreed, transaction, onward)
}

function agreed(decision: Decision | undefined, transaction: Transaction, onward: Onward): WireReply {
  return refusedBy(transaction, 'nexthop', { candidate: onward, decision }) ?? accept(transaction, onward, onward.route)
}

function refusedBy(
  transaction: Transaction,
  hook: 'rcpt' | 'nexthop',
  said: { candidate: Candidate; decision: Decision | undefined },
): WireReply | undefined {
  const { decision, candidate } = said
  if (!decision || !isRefusal(decision.opinion)) return undefined
  return refuseRecipient(transaction, hook, {
    plugin: decision.plugin,
    refusal: decision.opinion,
    recipient: candidate.recipient,
  })
}

function accept(transaction: Transaction, { recipient, parameters }: Candidate, route: Route): WireReply {
  const taken = Object.freeze({ address: recipient, parameters, route })
  const { recipients: others, session } = transaction
  if (others.at(-1)?.route !== route && !isTaken(transaction, [...others, taken])) {
    if (isTaken(transaction, [taken]))
      return refuseRecipient(transaction, 'rcpt', { plugin: 'mixed', refusal: ONE_AT_A_TIME, recipient })
    if (session.mayLog())
      session.scope.log.error(
        { to: recipient.toString(), via: waysOf(route).map(({ via }) => via) },
        'no plugin of this scope takes mail that goes these ways (together): use one that does, or route it otherwise',
      )
    return refuseRecipient(transaction, 'rcpt', { plugin: undefined, refusal: NOBODY_TAKES, recipient })
  }
  transaction.accept(taken)
  return ACCEPTED
}
