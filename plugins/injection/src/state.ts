/** What has become of a message, and taking back one that waits for its time. */
import { parseAddress } from '@postroad/mail'
import type { Host } from '@postroad/plugin'
import { QueueDesk } from '@postroad/queue-engine'
import type { z } from 'zod'
import type { InjectionClient } from './client.ts'
import { RequestRefused } from './refusal.ts'
import type { state } from './schema.ts'

export type State = z.output<typeof state>

type Known = NonNullable<Awaited<ReturnType<QueueDesk['get']>>>

/** @throws {RequestRefused} 404 when there is none that the client may see */
export async function stateOf(host: Host, id: string, client: InjectionClient): Promise<State> {
  const { known } = await find(host, id, client)
  const waits = known.deliveries.filter(({ state, attempts }) => state === 'scheduled' && attempts === 0)
  const at = waits.length > 0 && waits.length === known.deliveries.length ? waits[0]?.at : undefined
  return {
    id,
    from: known.from,
    queuedAt: timeText(known.queuedAt),
    ...(at !== undefined && { at: timeText(at) }),
    ...('finishedAt' in known && known.finishedAt !== undefined && { finishedAt: timeText(known.finishedAt) }),
    recipients: known.deliveries.flatMap(({ recipients }) =>
      recipients.map(({ address, fate, at, reply }) => ({
        address,
        state: fate,
        ...(at !== undefined && { at: timeText(at) }),
        ...(reply && { reply }),
      })),
    ),
  }
}

/** @throws {RequestRefused} 404 when there is none, 409 when it is too late */
export async function cancel(host: Host, id: string, client: InjectionClient): Promise<void> {
  const { desk } = await find(host, id, client)
  if (!(await desk.cancel(id)))
    throw new RequestRefused(409, { detail: 'It does not wait for its time: it is under way, or has ended' })
}

/** Mail of senders that a client may not use is not there for it. */
async function find(
  host: Host,
  id: string,
  client: InjectionClient,
): Promise<{ readonly known: Known; readonly desk: QueueDesk }> {
  for (const { desk } of host.desks(QueueDesk)) {
    const known = await desk.get(id).catch(() => {
      throw new RequestRefused(503, { detail: 'The queue cannot be read now', headers: { 'retry-after': '5' } })
    })
    if (known && mayRead(known.from, client)) return { known, desk }
  }
  throw new RequestRefused(404, {
    detail: `There is no message ${JSON.stringify(id.slice(0, 40))} of yours, or it is long done`,
  })
}

function mayRead(from: string, client: InjectionClient): boolean {
  const sender = from === '' ? undefined : parseAddress(from, { smtputf8: true })
  return sender !== undefined && client.mayUse(sender)
}

function timeText(ms: number): string {
  return new Date(Math.round(ms)).toISOString()
}
