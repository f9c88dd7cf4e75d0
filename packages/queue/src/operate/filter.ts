/** Which messages an operator means: ids, or properties that all must be met. */
import { domainToASCII } from 'node:url'
import { isQueueId } from '@postroad/mail'
import { isPending } from '../state.ts'
import type { QueueEntry, QueueStore } from '../store.ts'

/** As commands and the admin interface say it. */
export interface QueueFilter {
  readonly ids?: readonly string[] | undefined
  /** Where deliveries are counted. */
  readonly site?: string | undefined
  readonly domain?: string | undefined
  /** A part of the reverse-path; `<>` is the null one. */
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly state?: string | undefined
  /** Milliseconds. */
  readonly olderMs?: number | undefined
  /** A part of the last reply, or of its class. */
  readonly reason?: string | undefined
  /** Where nothing else is said: everything. */
  readonly all?: true | undefined
}

/** States that a delivery in the queue may have. */
export const STATES: readonly string[] = ['scheduled', 'waiting', 'claimed', 'held']

type Matches = (entry: QueueEntry, now: number) => boolean

/**
 * Whether a message is meant; undefined where only ids are given, or nothing.
 *
 * @param siteOf where a destination is counted
 */
export function matching(
  filter: QueueFilter,
  siteOf: (destination: string) => string = (name) => name,
): Matches | undefined {
  const { from, to, state, site, olderMs, reason, all } = filter
  const domain = filter.domain && (domainToASCII(filter.domain) || filter.domain.toLowerCase())
  const filters: Matches[] = []
  if (from !== undefined) filters.push(({ message }) => has(message.from?.toString() ?? '<>', from))
  if (to !== undefined) filters.push((entry) => recipientsOf(entry).some(({ address }) => has(address.toString(), to)))
  if (domain !== undefined)
    filters.push((entry) => recipientsOf(entry).some(({ address }) => address.domain === domain))
  if (state !== undefined) filters.push((entry) => entry.states.some(({ status }) => status.kind === state))
  if (olderMs !== undefined) filters.push(({ message }, now) => now - message.queuedAt >= olderMs)
  if (site !== undefined)
    filters.push(({ message, states }) =>
      message.deliveries.some(
        ({ destination }, at) => states[at]?.status.kind !== 'done' && siteOf(destination) === site,
      ),
    )
  if (reason !== undefined)
    filters.push((entry) =>
      recipientsOf(entry).some(({ state: { reply, class: kind } }) =>
        has(reply ? `${reply.code} ${reply.status ?? ''} ${reply.text} ${kind}` : '', reason),
      ),
    )
  return filters.length > 0 || all ? (entry, now) => filters.every((filter) => filter(entry, now)) : undefined
}

/** How messages are looked for. */
export interface Selecting {
  readonly signal: AbortSignal
  now(): number
  readonly limit?: number
  readonly after?: string | undefined
  siteOf?(destination: string): string
  /** Told of ids that are not in the queue. */
  missing?(id: string): void
}

/** Every message that is meant, oldest first; streamed. */
export async function* selected(
  store: QueueStore,
  filter: QueueFilter,
  { signal, now, limit = Number.POSITIVE_INFINITY, after, siteOf, missing }: Selecting,
): AsyncGenerator<QueueEntry> {
  let left = limit
  const matches = matching(filter, siteOf)
  for (const id of filter.ids ?? []) {
    signal.throwIfAborted()
    const entry = isQueueId(id) ? await store.get(id) : undefined
    if (!entry) missing?.(id)
    else if (!matches || matches(entry, now())) if (left-- > 0) yield entry
  }
  if (!matches || filter.ids) return
  const began = now()
  for await (const entry of store.list({ signal, ...(after !== undefined && { after }) })) {
    if (left <= 0) return
    if (!matches(entry, began)) continue
    left--
    yield entry
  }
}

/** Recipients that are still to be reached, with their state. */
export function recipientsOf({ message, states }: QueueEntry) {
  return message.deliveries.flatMap((delivery, index) =>
    delivery.recipients.flatMap(({ address }, at) => {
      const state = states[index]?.recipients[at]
      return state && isPending(state) ? [{ address, state, index }] : []
    }),
  )
}

function has(text: string, part: string): boolean {
  return text.toLowerCase().includes(part.toLowerCase())
}
