/**
 * Works on a queue while `record.c` writes down what its disk sees. What was promised goes through the same record: a line in
 * `promises.mark` stands in the log where a client would have read 250.
 */
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openLmdbStore } from '@postroad/embedded'
import { type MessageSource, makeAddress } from '@postroad/mail'
import { createContentWriter, createMessage } from '@postroad/message'
import type { DeliveryState, Lease } from '@postroad/queue-engine'
import { planMessage } from '../../packages/queue/src/plan.ts'

/** Sizes around the limits of page, inline content and write. */
const SIZES = [0, 300, 5_000, 9_000, 70_000, 300_000]

/** The octets of a message, told by its id. */
export function octetsOf(id: string, size: number): Buffer {
  return Buffer.alloc(size, `${id}\r\n`)
}

/** Every other one of these sizes comes as it does from the wire: in a file that the queue takes over, but for what was put on top. */
async function sourceOf(
  folder: string,
  octets: Buffer,
  isWritten: boolean,
): Promise<MessageSource & { done(): unknown }> {
  const { length } = octets
  if (!isWritten) return { size: length, raw: async function* () { yield octets }, chunks: () => [octets], done: () => {} } // biome-ignore format: short
  const writer = createContentWriter({ folder: join(folder, 'incoming'), keepsName: true, memoryLimit: 0 })
  for (let at = 22; at < length; at += 60_000) await writer.write(octets.subarray(at, at + 60_000))
  const stored = await writer.finish()
  const message = createMessage(stored, octets.subarray(0, 22))
  return { size: length, raw: () => message.raw(), file: () => message.file?.(), done: () => stored.dispose() }
}

async function work(folder: string, messages: number): Promise<void> {
  const store = await openLmdbStore({
    folder,
    spool: join(folder, 'incoming'),
    inlineLimit: 8_192,
    minFreeBytes: 0,
    keepFinished: 20,
  })
  const promises = openSync(join(folder, 'promises.mark'), 'a')
  const promise = (word: string, id: string): void => void writeSync(promises, `${word} ${id}\n`)
  let made = 0
  const one = async (): Promise<void> => {
    const size = SIZES[made++ % SIZES.length] ?? 0
    const route = { via: 'smtp' }
    const recipients = ['a@one.test', 'b@two.test'].map((text) => ({
      address: makeAddress(text.slice(0, 1), text.slice(2)),
      parameters: {},
      route,
    }))
    const deliveries = [{ route, recipients: recipients.slice(0, 1 + (made % 2)) }]
    const message = planMessage(
      { from: undefined, parameters: {}, deliveries, size, now: Date.now() },
      { maxRecipients: 100 },
    )
    const octets = octetsOf(message.id, size)
    const { done, ...source } = await sourceOf(folder, octets, size > 8_192 && made % 4 < 2)
    const leases = await store.add(message, source)
    promise('added', message.id)
    await done()
    if (made % 3 === 0) return
    promise('ending', message.id)
    for (const lease of leases) await store.record({ lease, state: ended(lease), now: Date.now() })
    promise('ended', message.id)
  }
  await Promise.all(
    Array.from({ length: 6 }, async () => {
      while (made < messages) await one()
    }),
  )
  // No close: the power does not announce itself.
  process.exit(0)
}

function ended(lease: Lease): DeliveryState {
  return {
    ...lease.state,
    status: { kind: 'done' },
    recipients: lease.state.recipients.map(() => ({ fate: 'delivered' })),
  }
}

const [, , folder, messages] = process.argv
if (folder !== undefined && messages !== undefined) await work(folder, Number(messages))
