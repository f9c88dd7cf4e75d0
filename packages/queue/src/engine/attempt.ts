/** One attempt for one delivery: asks the hooks, lets the transport carry, and says what became of every recipient. */
import {
  type Job,
  type MessageSource,
  NotTried,
  type Outcome,
  type Recipient,
  type Reply,
  reversePathOf,
} from '@postroad/mail'
import {
  type Address,
  type DeliveryContext,
  type DeliveryFacts,
  type DeliveryHooks,
  type DeliveryOpinion,
  defer,
  errorOf,
  type Refusal,
  type Route,
  textOf,
  waysOf,
} from '@postroad/plugin'
import type { EndedWay, Lease, QueuedDelivery } from '../model.ts'
import { DISCARD, destinationOf, mailboxKey, UNROUTED } from '../plan.ts'
import { isPending } from '../state.ts'
import type { Running } from './ending.ts'
import type { FindTransport } from './find-transport.ts'

/** What an attempt needs. */
export interface AttemptInput {
  readonly lease: Lease
  readonly delivery: QueuedDelivery
  readonly source: MessageSource
  readonly transports: FindTransport
  readonly hooks: DeliveryHooks
  readonly running: Running
  /** The destination is closed: its last failure, to be said instead of connecting. */
  readonly closed: Reply | undefined
  onError(error: unknown): void
  /** Routes a recipient that had no route when it was queued. Does not reject. */
  routeOf(recipient: Address): Promise<Route | Refusal>
}

/** How it ended; `outcomes` in the order of the delivery's recipients. */
export interface AttemptResult {
  readonly outcomes: readonly (Outcome | undefined)[]
  readonly relays: boolean
  /** For a recipient that goes several ways: the outcome of each way, of this attempt and of earlier ones. */
  readonly ended?: readonly EndedWay[]
  /** Where hooks have refused some of the recipients: the outcomes of the others, which say something of the destination. */
  readonly tried?: readonly (Outcome | undefined)[]
  /** `carried`: a transport tried. `decided`: a hook, or the lack of a transport. `skipped`: the site is closed; not counted as an attempt. `withdrawn`: it is given back as it was. */
  readonly how: 'carried' | 'decided' | 'skipped' | 'withdrawn'
}

const DROPPED: Reply = { code: 250, status: '2.0.0', text: 'Dropped, as its route says' }
const NO_TRANSPORT: Reply = { code: 451, status: '4.3.5', text: 'No transport carries this route' }
const BROKEN: Reply = { code: 451, status: '4.3.0', text: 'The attempt failed' }
const UNTRIED: Reply = { code: 451, status: '4.3.2', text: 'Not all ways could be tried' }
const SILENT: Reply = { code: 451, status: '4.3.0', text: 'The transport said nothing about this recipient' }
const UNASKED = defer('The attempt could not be asked about', { status: '4.3.0', code: 451 })

/** Makes an attempt. Never rejects: what goes wrong is a deferral. */
export async function attempt(input: AttemptInput): Promise<AttemptResult> {
  const { delivery, lease } = input
  const [only] = delivery.recipients
  if (
    delivery.recipients.length === 1 &&
    only &&
    !input.closed &&
    !input.hooks.asks &&
    delivery.route.via !== UNROUTED &&
    isPending(lease.state.recipients[0])
  )
    return carry(input, delivery.route, delivery.recipients)
  const recipients = delivery.recipients.filter((_, at) => isPending(lease.state.recipients[at]))
  if (input.closed) return same(input, 'skipped', { kind: 'deferred', reply: input.closed })
  const opinions = input.hooks.asks ? await ask(input, recipients) : []
  const opinion = opinions.find((one) => one.kind === 'reroute' || one.for === undefined)
  if (opinion?.kind === 'defer' || opinion?.kind === 'reject')
    return same(input, 'decided', {
      kind: opinion.kind === 'defer' ? 'deferred' : 'failed',
      reply: { code: opinion.code, status: opinion.status, text: opinion.text },
    })
  const refused = opinions.length === 0 ? NOBODY : refusedOf(opinions, recipients)
  const rest = refused.size === 0 ? recipients : recipients.filter((one) => !refused.has(one))
  if (rest.length === 0)
    return { outcomes: inOrder(input, together(recipients, refused, [])), relays: true, how: 'decided' }
  const route = opinion?.kind === 'reroute' ? opinion.route : delivery.route
  if (route.via === UNROUTED) return byRoutes(input, recipients)
  const result = await carry(input, route, rest)
  if (result.how === 'withdrawn') return result
  if (refused.size === 0) return { ...result, outcomes: inOrder(input, result.outcomes) }
  return {
    ...result,
    tried: result.outcomes,
    outcomes: inOrder(input, together(recipients, refused, result.outcomes)),
  }
}

const NOBODY: ReadonlyMap<Recipient, Outcome> = new Map()

/** Whom hooks have refused while others go on, and what is said of each: of several opinions the first that is for good. */
function refusedOf(
  opinions: readonly DeliveryOpinion[],
  recipients: readonly Recipient[],
): ReadonlyMap<Recipient, Outcome> {
  const refused = new Map<Recipient, Outcome>()
  for (const opinion of opinions) {
    if (opinion.kind === 'reroute' || opinion.for === undefined) continue
    const meant = new Set(opinion.for.map(String))
    for (const recipient of recipients) {
      if (!meant.has(recipient.address.toString())) continue
      const known = refused.get(recipient)
      if (known?.kind === 'failed' || (known && opinion.kind === 'defer')) continue
      const kind = opinion.kind === 'defer' ? 'deferred' : 'failed'
      refused.set(recipient, { recipient, kind, reply: replyOf(opinion) })
    }
  }
  return refused
}

/** In the order of the recipients: what hooks have said, and what the transport has said of the others. */
function together(
  recipients: readonly Recipient[],
  refused: ReadonlyMap<Recipient, Outcome>,
  tried: AttemptResult['outcomes'],
): AttemptResult['outcomes'] {
  let at = 0
  return recipients.map((one) => refused.get(one) ?? tried[at++])
}

/** Asks for the recipient's routes and delivers along each of them. The recipient's outcome is the worst of theirs. */
async function byRoutes(input: AttemptInput, recipients: readonly Recipient[]): Promise<AttemptResult> {
  const [recipient] = recipients
  const found = recipient && (await input.routeOf(recipient.address))
  if (!found) return { outcomes: [], relays: true, how: 'withdrawn' }
  if ('kind' in found)
    return same(input, 'decided', { kind: found.kind === 'defer' ? 'deferred' : 'failed', reply: replyOf(found) })
  const ended = [...(input.lease.state.recipients.find(isPending)?.ended ?? [])]
  let worst: AttemptResult = {
    outcomes: [{ recipient, kind: 'delivered', reply: DROPPED }],
    relays: false,
    how: 'decided',
  }
  for (const { kind, reply, remote } of ended)
    if (kind === 'failed')
      worst = { ...worst, outcomes: [{ recipient, kind, reply, ...(remote !== undefined && { remote }) }] }
  let isBegun = false
  for (const way of waysOf(found)) {
    if (way.via === DISCARD) continue
    const targets = (way.to ?? [recipient.address]).filter(
      (address) => !ended.some((one) => one.way === wayKey(way, address)),
    )
    if (targets.length === 0) continue
    const members = targets.map((address) => ({ ...recipient, address }))
    let result = await carry(input, way, members)
    // The outcomes of the ways before this one are kept, or they would be tried again.
    if (result.how === 'withdrawn' && isBegun) result = all(members, 'carried', { kind: 'deferred', reply: UNTRIED })
    if (result.how === 'withdrawn') return result
    isBegun = true
    ended.push(...targets.flatMap((address, at) => endOf(wayKey(way, address), result.outcomes[at])))
    if (badness(result) >= badness(worst)) worst = result
  }
  const said = worst.outcomes.find((outcome) => outcome && BADNESS[outcome.kind] === badness(worst))
  return { ...worst, outcomes: inOrder(input, [said && { ...said, recipient }]), ended }
}

function wayKey(way: Route, address: Address): string {
  return `${destinationOf(way, address)} ${mailboxKey(address)}`
}

function endOf(way: string, outcome: Outcome | undefined): EndedWay[] {
  if (outcome === undefined || outcome.kind === 'deferred') return []
  const { kind, reply, remote } = outcome
  return [{ way, kind, reply, ...(remote !== undefined && { remote }) }]
}

const BADNESS: Readonly<Record<Outcome['kind'], number>> = { delivered: 0, failed: 1, deferred: 2 }

function badness({ outcomes }: AttemptResult): number {
  return Math.max(0, ...outcomes.map((outcome) => (outcome ? BADNESS[outcome.kind] : 0)))
}

function replyOf({ code, status, text }: Refusal): Reply {
  return { code, status, text }
}

/** One transaction of a transport; `outcomes` in the order of these recipients. */
async function carry(input: AttemptInput, route: Route, recipients: readonly Recipient[]): Promise<AttemptResult> {
  const found = input.transports(route)
  if (!found) return all(recipients, 'decided', { kind: 'deferred', reply: NO_TRANSPORT })
  const { message } = input.lease
  const { running } = input
  const mailboxes = byMailbox(recipients)
  const job: Job<Recipient> = {
    route,
    from: reversePathOf(route, message.from), // notifications still go to the sender
    parameters: message.parameters,
    recipients: mailboxes,
    message: input.source,
    get signal() {
      return running.signal
    },
    unanswered: running,
    id: message.id,
  }
  try {
    return {
      outcomes: answers(recipients, mailboxes, await found.transport.deliver(job)),
      relays: found.relays,
      how: 'carried',
    }
  } catch (thrown) {
    // A transport of the operator's may throw anything.
    const error = errorOf(thrown)
    if (error instanceof NotTried) return { outcomes: [], relays: true, how: 'withdrawn' }
    input.onError(error)
    return all(recipients, 'carried', { kind: 'deferred', reply: BROKEN })
  }
}

/** One mailbox gets the message once, however many recipients lead to it, RFC 5321 §3.9; each of them is reported on by itself. */
function byMailbox(recipients: readonly Recipient[]): readonly Recipient[] {
  if (recipients.length === 1) return recipients
  const mailboxes = new Map<string, Recipient>()
  for (const recipient of recipients) {
    const key = mailboxKey(recipient.address)
    const known = mailboxes.get(key)
    mailboxes.set(key, known ? notifyingBoth(known, recipient) : recipient)
  }
  return mailboxes.size === recipients.length ? recipients : [...mailboxes.values()]
}

/** The next hop is asked for whatever one of them wants to hear, RFC 3461 §4.1: NEVER stands alone, and absent means failure and delay. */
function notifyingBoth(known: Recipient, { parameters: { notify } }: Recipient): Recipient {
  const wanted = new Set([...(known.parameters.notify ?? ON_FAILURE), ...(notify ?? ON_FAILURE)])
  if (wanted.size > 1) wanted.delete('NEVER')
  return { ...known, parameters: { ...known.parameters, notify: [...wanted] } }
}

const ON_FAILURE = ['FAILURE', 'DELAY'] as const

function answers(
  recipients: readonly Recipient[],
  mailboxes: readonly Recipient[],
  said: readonly Outcome[],
): Outcome[] {
  for (const outcome of said) check(outcome)
  const [only] = said
  if (only && said.length === 1 && recipients.length === 1) return [only]
  const byRecipient = new Map(said.map((outcome) => [outcome.recipient, outcome]))
  if (mailboxes === recipients)
    return recipients.map((recipient) => byRecipient.get(recipient) ?? { recipient, kind: 'deferred', reply: SILENT })
  const ofMailbox = new Map(mailboxes.map((each) => [mailboxKey(each.address), byRecipient.get(each)]))
  return recipients.map((recipient) => ({
    ...(ofMailbox.get(mailboxKey(recipient.address)) ?? { kind: 'deferred', reply: SILENT }),
    recipient,
  }))
}

/** What `delivery` and its sisters are told of. */
export function contextOf(
  lease: Lease,
  delivery: QueuedDelivery,
  recipients: readonly Recipient[],
): DeliveryFacts<DeliveryContext> {
  const { message, state } = lease
  const { id, from, parameters, transaction, queuedAt } = message
  return {
    id,
    envelope: { id: transaction ?? id, from, parameters },
    route: delivery.route,
    recipients,
    attempt: state.attempts + 1,
    queuedAt,
  }
}

async function ask(input: AttemptInput, recipients: readonly Recipient[]): Promise<readonly DeliveryOpinion[]> {
  try {
    return await input.hooks.ask(contextOf(input.lease, input.delivery, recipients))
  } catch (error) {
    // A failing policy must not let mail pass that it would have stopped.
    input.onError(error)
    return [UNASKED]
  }
}

/** What it said is written down and counted on. @throws {TypeError} when it is no outcome */
function check({ kind, reply, remote, tls }: Outcome): void {
  const isReply = typeof reply?.code === 'number' && typeof reply.text === 'string' && isTextOrNothing(reply.status)
  if (!(kind in BADNESS) || !isReply || !isTextOrNothing(remote) || !isTlsOrNothing(tls))
    throw new TypeError(`not an outcome of a delivery: ${textOf({ kind, reply })}`)
}

function isTlsOrNothing(tls: Outcome['tls']): boolean {
  if (tls === undefined) return true
  const { version, cipher, policy, group, verified } = tls
  return (
    [version, cipher, policy].every((text) => typeof text === 'string') &&
    isTextOrNothing(group) &&
    isTextOrNothing(verified)
  )
}

function isTextOrNothing(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

function same(input: AttemptInput, how: AttemptResult['how'], said: Pick<Outcome, 'kind' | 'reply'>): AttemptResult {
  const pending = input.delivery.recipients.filter((_, at) => isPending(input.lease.state.recipients[at]))
  const result = all(pending, how, said)
  return { ...result, outcomes: inOrder(input, result.outcomes) }
}

function all(
  recipients: readonly Recipient[],
  how: AttemptResult['how'],
  said: Pick<Outcome, 'kind' | 'reply'>,
): AttemptResult {
  return { outcomes: recipients.map((recipient) => ({ recipient, ...said })), relays: true, how }
}

/** From the order of those that were pending to that of the delivery's recipients. */
function inOrder({ delivery, lease }: AttemptInput, outcomes: AttemptResult['outcomes']): AttemptResult['outcomes'] {
  if (outcomes.length === delivery.recipients.length) return outcomes
  let at = 0
  return delivery.recipients.map((_, which) => (isPending(lease.state.recipients[which]) ? outcomes[at++] : undefined))
}

/** The failure that all recipients share, when the attempt failed as a whole: it may be the destination's. */
export function commonFailure(outcomes: readonly (Outcome | undefined)[]): Reply | undefined {
  let failure: Reply | undefined
  for (const outcome of outcomes) {
    if (!outcome) continue
    if (outcome.kind !== 'deferred') return undefined
    failure ??= outcome.reply
  }
  return failure
}
