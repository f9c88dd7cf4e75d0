/** Makes the engine of a queue plugin from what the operator said, whatever the store. */
import type { Address, Clock, Logger, Route } from '@postroad/plugin'
import type { Carriers } from '../engine/attempt.ts'
import { QueueEngine } from '../engine/engine.ts'
import { engineClock } from '../engine/options.ts'
import type { ReporterOptions } from '../engine/reporter.ts'
import { DEFAULT_BACKOFF } from '../engine/site.ts'
import type { DeliveryHooks } from '../hooks.ts'
import type { DeliveryOptions } from '../rule/delivery-options.ts'
import type { LaneRules } from '../rule/lane-rules.ts'
import type { QueueStore } from '../store.ts'

/** What a queue plugin was given. */
export interface EngineContext {
  readonly options: DeliveryOptions
  readonly hooks: DeliveryHooks
  readonly clock: Clock
  readonly hostname: string
  readonly log: Logger
}

/** An engine that is not started yet. */
export function openEngine(
  context: EngineContext,
  { store, carriers, rules }: { readonly store: QueueStore; readonly carriers: Carriers; readonly rules: LaneRules },
): QueueEngine {
  const { options, hooks, clock, hostname, log } = context
  const { returnLimit, route } = reporterOf(context)
  return new QueueEngine({
    store,
    carriers,
    hooks,
    log,
    hostname,
    siteOf: rules.siteOf,
    scheduleOf: rules.scheduleOf,
    backoff: DEFAULT_BACKOFF,
    routeReport: route,
    returnLimit,
    maxActive: options.concurrency,
    backlogShare: options.backlogShare,
    memoryLimit: options.memory,
    laneLimit: 1_000,
    attemptMs: 3_600_000,
    lookMs: 1_000,
    clock: engineClock(clock),
  })
}

/** How notifications are made: they go where a plugin says, or else the operator's default way. */
export function reporterOf({ options, hooks, hostname, log }: Omit<EngineContext, 'clock'>): ReporterOptions {
  const { via, host, port } = options.reports
  const ours: Route = { via, ...(host !== undefined && { host }), ...(port !== undefined && { port }) }
  const route = async (recipient: Address): Promise<Route> => {
    try {
      return (await hooks.route?.(recipient)) ?? ours
    } catch (error) {
      log.error({ err: error }, 'no route for a notification: the default is taken')
      return ours
    }
  }
  return { hostname, returnLimit: options.returnLimit, route }
}
