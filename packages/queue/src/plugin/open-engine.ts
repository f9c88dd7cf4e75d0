/** Makes the engine of a queue plugin from what the operator said, whatever the store. */
import { parseAddress } from '@postroad/mail'
import {
  type Address,
  type Clock,
  type DeliveryHooks,
  defer,
  type Logger,
  type Refusal,
  type Route,
} from '@postroad/plugin'
import { QueueEngine } from '../engine/engine.ts'
import type { FindTransport } from '../engine/find-transport.ts'
import { engineClock } from '../engine/options.ts'
import type { ReporterOptions } from '../engine/reporter.ts'
import { DEFAULT_BACKOFF } from '../engine/site.ts'
import type { EventWriter } from '../outbox/event-writer.ts'
import type { DeliveryOptions } from '../rule/delivery-options.ts'
import type { DestinationRules } from '../rule/destination-rules.ts'
import type { QueueStore } from '../store.ts'

/** What a queue plugin was given. */
export interface EngineContext {
  readonly options: DeliveryOptions
  readonly hooks: DeliveryHooks
  readonly clock: Clock
  readonly hostname: string
  readonly log: Logger
  /** What is written down for programs. */
  readonly events?: EventWriter | undefined
  /** Whether a transport of the queue has this name. Default: any. */
  readonly carries?: ((via: string) => boolean) | undefined
}

/** An engine that is not started yet. */
export function openEngine(
  context: EngineContext,
  {
    store,
    transports,
    rules,
  }: { readonly store: QueueStore; readonly transports: FindTransport; readonly rules: DestinationRules },
): QueueEngine {
  const { options, hooks, clock, hostname, log, events } = context
  const { returnLimit, route, postmaster } = reporterOf(context)
  return new QueueEngine({
    store,
    transports,
    hooks,
    events,
    log,
    hostname,
    siteOf: rules.siteOf,
    scheduleOf: rules.scheduleOf,
    longestPauseMs: rules.longestPauseMs,
    backoff: DEFAULT_BACKOFF,
    routeReport: route,
    returnLimit,
    postmaster,
    maxActive: options.concurrency,
    backlogShare: options.backlogShare,
    memoryLimit: options.memory,
    destinationLimit: 1_000,
    attemptMs: 3_600_000,
    stopGraceMs: options.stopGrace,
    answerGraceMs: options.answerGrace,
    lookMs: 1_000,
    clock: engineClock(clock),
  })
}

/**
 * How notifications are made: they go the operator's fixed way if there is one, else where a plugin says, by the transports that
 * the queue has, else by MX.
 */
export function reporterOf({
  options,
  hooks,
  hostname,
  log,
  carries,
}: Omit<EngineContext, 'clock' | 'events'>): ReporterOptions {
  const { reports, returnLimit, postmaster } = options
  const fixed: Route | undefined = reports && {
    via: reports.via,
    ...(reports.host !== undefined && { host: reports.host }),
    ...(reports.port !== undefined && { port: reports.port }),
  }
  const ask = async (recipient: Address): Promise<Route | Refusal> => {
    try {
      return (await hooks.route(recipient, carries)) ?? BY_MX
    } catch (error) {
      // An error says nothing of the address: by MX it might come back to this very host and be lost.
      log.error({ error }, 'no route for a notification: it is asked for again')
      return NOT_NOW
    }
  }
  const route = async (recipient: Address): Promise<Route | Refusal> => fixed ?? ask(recipient)
  return {
    hostname,
    returnLimit,
    route,
    ask,
    carries,
    postmaster: postmaster === undefined ? undefined : parseAddress(postmaster, { smtputf8: true }),
  }
}

const BY_MX: Route = { via: 'smtp' }
const NOT_NOW = defer('The route could not be asked for', { status: '4.3.0', code: 451 })
