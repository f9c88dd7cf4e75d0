/** One attempt for one delivery: asks the hooks, lets the carrier carry, and says what became of every recipient. */
import { parseAddress } from '@postroad/message'
import type { Address, DeliveryContext, Route } from '@postroad/plugin'
import { type Carrier, type CarrierJob, type MessageSource, NotTried, type RecipientOutcome } from '../carrier.ts'
import type { DeliveryFacts, DeliveryHooks } from '../hooks.ts'
import type { Claim, QueuedDelivery, QueuedRecipient, Reply } from '../model.ts'
import { isPending } from '../state.ts'

/** Finds the carrier of a route. `relays`: it hands on to another server instead of delivering for good. */
export type Carriers = (route: Route) => { readonly carrier: Carrier; readonly relays: boolean } | undefined

/** What an attempt needs. */
export interface AttemptInput {
  readonly claim: Claim
  readonly delivery: QueuedDelivery
  readonly source: MessageSource
  readonly carriers: Carriers
  readonly hooks: DeliveryHooks
  readonly signal: AbortSignal
  /** The lane is closed: its last failure, to be said instead of connecting. */
  readonly closed: Reply | undefined
  onError(error: unknown): void
}

/** How it ended; `outcomes` in the order of the delivery's recipients. */
export interface AttemptResult {
  readonly outcomes: readonly (RecipientOutcome | undefined)[]
  readonly relays: boolean
  /** `carried`: a carrier tried. `decided`: a hook, or the lack of a carrier. `skipped`: the site is closed; not counted as an attempt. `withdrawn`: it is given back as it was. */
  readonly how: 'carried' | 'decided' | 'skipped' | 'withdrawn'
}

const NO_CARRIER: Reply = { code: 451, status: '4.3.5', text: 'No transport carries this route' }
const BROKEN: Reply = { code: 451, status: '4.3.0', text: 'The attempt failed' }
const SILENT: Reply = { code: 451, status: '4.3.0', text: 'The transport said nothing about this recipient' }
const UNREADABLE: Reply = { code: 451, status: '4.3.0', text: 'The attempt could not be asked about' }

/** Makes an attempt. Never rejects: what goes wrong is a deferral. */
export async function attempt(input: AttemptInput): Promise<AttemptResult> {
  const { delivery, claim } = input
  const recipients = delivery.recipients.filter((_, at) => isPending(claim.state.recipients[at]))
  if (input.closed) return same(input, 'skipped', { kind: 'deferred', reply: input.closed })
  const opinion = input.hooks.asks ? await ask(input, recipients) : undefined
  if (opinion?.kind === 'defer' || opinion?.kind === 'reject')
    return same(input, 'decided', {
      kind: opinion.kind === 'defer' ? 'deferred' : 'failed',
      reply: { code: opinion.code, status: opinion.status, text: opinion.text },
    })
  const route = opinion?.kind === 'reroute' ? opinion.route : delivery.route
  const found = input.carriers(route)
  if (!found) return same(input, 'decided', { kind: 'deferred', reply: NO_CARRIER })
  const { message } = claim
  const job: CarrierJob<QueuedRecipient> = {
    route,
    from: reversePathOf(route, message.from),
    parameters: message.parameters,
    recipients,
    message: input.source,
    signal: input.signal,
    id: message.id,
  }
  try {
    return { outcomes: inOrder(delivery, claim, await found.carrier.deliver(job)), relays: found.relays, how: 'carried' }
  } catch (error) {
    if (error instanceof NotTried) return { outcomes: [], relays: true, how: 'withdrawn' }
    input.onError(error)
    return same(input, 'carried', { kind: 'deferred', reply: BROKEN })
  }
}

/** A route may say another reverse-path, for SRS and masquerading; notifications still go to the sender. What is no address changes nothing. */
function reversePathOf({ settings }: Route, from: Address | undefined): Address | undefined {
  const given = settings?.['reversePath']
  return typeof given === 'string' ? (parseAddress(given, { smtputf8: true }) ?? from) : from
}

/** What `delivery` and its sisters are told of. */
export function contextOf(claim: Claim, delivery: QueuedDelivery, recipients: readonly QueuedRecipient[]): DeliveryFacts<DeliveryContext> {
  const { message, state } = claim
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

async function ask(input: AttemptInput, recipients: readonly QueuedRecipient[]) {
  try {
    return await input.hooks.ask(contextOf(input.claim, input.delivery, recipients))
  } catch (error) {
    // A failing policy must not let mail pass that it would have stopped.
    input.onError(error)
    return { kind: 'defer', ...UNREADABLE, status: UNREADABLE.status } as const
  }
}

function same({ claim, delivery }: AttemptInput, how: AttemptResult['how'], said: Pick<RecipientOutcome, 'kind' | 'reply'>): AttemptResult {
  const outcomes = delivery.recipients.map((recipient, at) => (isPending(claim.state.recipients[at]) ? { recipient, ...said } : undefined))
  return { outcomes, relays: true, how }
}

function inOrder(delivery: QueuedDelivery, claim: Claim, said: readonly RecipientOutcome[]): (RecipientOutcome | undefined)[] {
  const [only] = said
  if (only && said.length === 1 && delivery.recipients.length === 1) return [only]
  const byRecipient = new Map(said.map((outcome) => [outcome.recipient, outcome]))
  return delivery.recipients.map((recipient, at): RecipientOutcome | undefined => {
    if (!isPending(claim.state.recipients[at])) return undefined
    return byRecipient.get(recipient) ?? { recipient, kind: 'deferred', reply: SILENT }
  })
}

/** The failure that all recipients share, when the attempt failed as a whole: it may be the destination's. */
export function commonFailure(outcomes: readonly (RecipientOutcome | undefined)[]): Reply | undefined {
  let failure: Reply | undefined
  for (const outcome of outcomes) {
    if (!outcome) continue
    if (outcome.kind !== 'deferred') return undefined
    failure ??= outcome.reply
  }
  return failure
}
