/** Each recipient: may it, where does it go, will the next hop take it? RFC 5321 §4.1.1.3. */

import type { RcptParameters } from '@postroad/mail'
import { type Address, defer, type Refusal, type Route, type RoutedRecipient, reject, waysOf } from '@postroad/plugin'
import type { Maybe, WireReply } from '@postroad/smtp'
import { type Decision, isRefusal } from '../policy/severity.ts'
import { after } from '../run/after.ts'
import { ask } from '../run/ask.ts'
import { HookCall } from '../run/call.ts'
import { route as asRoute, opinions } from '../run/check.ts'
import { type Answer, first } from '../run/first.ts'
import { Failure } from '../run/guard.ts'
import { FactStore } from '../session/fact-store.ts'
import type { SessionState } from '../session/session.ts'
import { delayedRefusal, unsettled } from './delay.ts'
import { DISCARD } from './queue.ts'
import { refuse } from './refuse.ts'

const ACCEPTED: WireReply = { code: 250, status: '2.1.5', text: 'Recipient ok' }
const NO_ROUTE = reject('Relaying denied', { status: '5.7.1' })
const ONE_AT_A_TIME = defer('One recipient at a time, please: send the others separately', { status: '4.5.3', code: 452 })

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
export function rcpt(session: SessionState, recipient: Address, parameters: RcptParameters): Maybe<WireReply> {
  if (Object.keys(parameters).length > 0) session.transaction?.asked.push({ to: recipient.toString(), ...parameters })
  const running = unsettled(session)
  return running ? running.then(() => begin(session, recipient, parameters)) : begin(session, recipient, parameters)
}

function begin(session: SessionState, recipient: Address, parameters: RcptParameters): Maybe<WireReply> {
  const delayed = delayedRefusal(session)
  if (delayed && isRefusal(delayed.decision.opinion))
    return refuse(session, delayed.hook, { plugin: delayed.decision.plugin, refusal: delayed.decision.opinion, recipient })
  session.transaction?.beginRecipient()
  if (session.isSingleRecipientClient && (session.transaction?.recipients.length ?? 0) > 0)
    return refuse(session, 'rcpt', { plugin: 'mixed', refusal: ONE_AT_A_TIME, recipient })
  const candidate: Candidate = { recipient, parameters, recipientFacts: new FactStore() }
  const waves = session.scope.table.rcpt
  if (!waves) return asked(undefined, session, candidate)
  const decision = ask(waves, new HookCall('rcpt', session, candidate), opinions)
  return after(decision, asked, session, candidate)
}

function asked(decision: Decision | undefined, session: SessionState, candidate: Candidate): Maybe<WireReply> {
  const refused = refusedBy(session, 'rcpt', { candidate, decision })
  return refused ?? (repeated(session, candidate) ? ACCEPTED : findRoute(session, candidate))
}

/** What was named before goes the way it had; only the checks are made again, because they count. */
function repeated({ transaction }: SessionState, { recipient, parameters }: Candidate): boolean {
  const known = transaction?.namedBefore(recipient, parameters)
  if (known) transaction?.repeat(known)
  return known !== undefined
}

function findRoute(session: SessionState, candidate: Candidate): Maybe<WireReply> {
  const handlers = session.scope.table.route
  const answer = handlers && first(handlers, new HookCall('route', session, candidate), asRoute)
  return after(answer, routed, session, candidate)
}

function routed(answer: Answer<Route | Refusal> | undefined, session: SessionState, candidate: Candidate): Maybe<WireReply> {
  const { recipient } = candidate
  // Acceptance is a route: whoever has none is refused, so an open relay cannot happen by forgetting something.
  if (!answer) return refuse(session, 'route', { plugin: undefined, refusal: NO_ROUTE, recipient })
  const { plugin, value } = answer
  if (value instanceof Failure) return refuse(session, 'route', { plugin, refusal: value.refusal ?? NO_ROUTE, recipient })
  if ('kind' in value) return refuse(session, 'route', { plugin, refusal: value, recipient })
  const waves = session.scope.table.nexthop
  if (!waves) return accept(session, candidate, value)
  const onward: Onward = { ...candidate, route: value }
  return after(ask(waves, new HookCall('nexthop', session, onward), opinions), agreed, session, onward)
}

function agreed(decision: Decision | undefined, session: SessionState, onward: Onward): WireReply {
  return refusedBy(session, 'nexthop', { candidate: onward, decision }) ?? accept(session, onward, onward.route)
}

function refusedBy(
  session: SessionState,
  hook: 'rcpt' | 'nexthop',
  said: { candidate: Candidate; decision: Decision | undefined },
): WireReply | undefined {
  const { decision, candidate } = said
  if (!decision || !isRefusal(decision.opinion)) return undefined
  return refuse(session, hook, { plugin: decision.plugin, refusal: decision.opinion, recipient: candidate.recipient })
}

function accept(session: SessionState, { recipient, parameters }: Candidate, route: Route): WireReply {
  const taken = Object.freeze({ address: recipient, parameters, route })
  const others = session.transaction?.recipients ?? []
  if (others.at(-1)?.route !== route && !isTaken(session, [...others, taken])) {
    if (isTaken(session, [taken])) return refuse(session, 'rcpt', { plugin: 'mixed', refusal: ONE_AT_A_TIME, recipient })
    if (session.mayLog())
      session.scope.log.error(
        { to: recipient.toString(), via: waysOf(route).map(({ via }) => via) },
        'no plugin of this scope takes mail that goes these ways (together): use one that does, or route it otherwise',
      )
    return refuse(session, 'rcpt', { plugin: undefined, refusal: NOBODY_TAKES, recipient })
  }
  session.transaction?.accept(taken)
  return ACCEPTED
}

/** Whether one plugin takes responsibility for all of them: it is asked when the message is there, and then it would be too late to part them. */
function isTaken({ scope }: SessionState, recipients: readonly RoutedRecipient[]): boolean {
  const takers = scope.table.queue
  if (!takers) return true // said at boot; the reply is that of `queue`
  const vias = new Set(recipients.flatMap(({ route }) => waysOf(route).map(({ via }) => via)))
  vias.delete(DISCARD)
  return takers.some(({ carries, shadow }) => !shadow && (!carries || [...vias].every(carries)))
}
