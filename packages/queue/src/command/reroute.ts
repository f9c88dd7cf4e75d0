/** `postroad queue reroute`: what is queued goes another way, to one that is named or to where routing says today. */
import type { RouteSettings, Unchecked } from '@postroad/mail/settings'
import { type Route, waysOf } from '@postroad/plugin'
import type { ReporterOptions } from '../engine/reporter.ts'
import { DISCARD, type PlanOptions } from '../plan.ts'
import { parseWay, type RerouteInput, reroute, waysOfDelivery } from '../reroute.ts'
import type { QueueEntry, QueueStore } from '../store.ts'
import { parseReroute, select } from './filter.ts'

/** How it is called. */
export const REROUTE_USAGE = '(--via transport[:host[:port]] | --again) [--dry-run]'

interface Io {
  readonly signal: AbortSignal
  row(fields: object): void
  print(line: string): void
  now(): number
}

/** Exits with 1 when nothing was changed, or would be. */
export async function rerouteCommand(
  { reporter, plan }: { readonly reporter: ReporterOptions; readonly plan: PlanOptions },
  store: QueueStore,
  { args, io }: { readonly args: readonly string[]; readonly io: Io },
): Promise<number> {
  const { selection, via, dryRun } = parseReroute(args)
  const wayOf = via === undefined ? askedOf(reporter, io) : namedOf(parseWay(via), reporter)
  let changed = 0
  for await (const entry of select(store, selection, io)) {
    const input = { id: entry.message.id, now: io.now(), ...plan, wayOf }
    if (dryRun) changed += await preview(entry, input, io)
    else {
      const { deliveries, id } = await reroute(store, input)
      for (const index of deliveries)
        io.row({
          id: entry.message.id,
          delivery: entry.message.deliveries[index]?.destination,
          done: 'rerouted',
          as: id,
        })
      changed += deliveries.length
    }
  }
  if (changed === 0) io.print('Nothing was changed')
  else if (dryRun) io.print(`${changed} deliveries would go another way; nothing was changed`)
  return changed === 0 ? 1 : 0
}

async function preview({ message, states }: QueueEntry, input: RerouteInput, io: Io): Promise<number> {
  let count = 0
  for (const [index, state] of states.entries()) {
    const delivery = message.deliveries[index]
    if (!delivery || state.status.kind === 'done' || state.status.kind === 'claimed' || state.pendingReport) continue
    const ways = await waysOfDelivery(delivery, state, input)
    if (!ways) continue
    count++
    io.row({
      id: message.id,
      delivery: delivery.destination,
      to: ways.map(({ destination }) => destination).join(', '),
    })
  }
  return count
}

/** @throws {TypeError} when the queue has no such transport: mail would wait for it until it is given up */
function namedOf(route: Route, { carries }: ReporterOptions): RerouteInput['wayOf'] {
  if (carries && !carries(route.via)) throw new TypeError(`The queue has no transport "${route.via}"`)
  return async (_, delivery) => [withReversePath(route, delivery.route)]
}

function askedOf({ ask, route }: ReporterOptions, io: Io): RerouteInput['wayOf'] {
  return async ({ address }, delivery) => {
    const found = await (ask ?? route)(address)
    if ('kind' in found) {
      io.print(`${address} stays: ${found.code} ${found.status} ${found.text}`)
      return undefined
    }
    const ways = waysOf(found).filter(({ via }) => via !== DISCARD)
    return ways.length === 0 ? undefined : ways.map((way) => withReversePath(way, delivery.route))
  }
}

/** What SRS wrote when the message came goes with it, wherever it goes. */
function withReversePath(way: Route, queued: Omit<Route, 'to'>): Route {
  const known = said(queued)
  return known === undefined || said(way) !== undefined
    ? way
    : { ...way, settings: { ...way.settings, reversePath: known } }
}

/** As it was written, perhaps by an older version. */
function said({ settings }: { readonly settings?: Unchecked<RouteSettings> }) {
  return settings?.reversePath
}
