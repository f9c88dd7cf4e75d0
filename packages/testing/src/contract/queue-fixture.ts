/** Messages and helpers of the queue contract. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type MessageSource, makeQueueId, type RcptParameters } from '@postroad/mail'
import type { Address } from '@postroad/plugin'
import {
  birth,
  type DeliveryState,
  type Gate,
  type Lease,
  type QueuedDelivery,
  type QueuedMessage,
  type QueueEntry,
  type QueueStore,
} from '@postroad/queue-engine'

/** A queue that several processes share. */
export interface QueueUnderTest {
  /** The queue as another process sees it. */
  store(): Promise<QueueStore>
  /** Plays the sudden death of the process behind a store. */
  kill(store: QueueStore): Promise<void>
  /** Closes and removes everything. */
  dispose(): Promise<void>
}

/** Registers one test, with a store of a fresh queue. */
export type Check = (
  name: string,
  check: (store: QueueStore, queue: QueueUnderTest, t: TestContext) => Promise<void>,
) => void

const START = 1_790_000_000_000

/** A moment of the tests' time, in seconds. */
export function at(seconds: number): number {
  return START + seconds * 1_000
}

/** A gate that lets everything through. */
export const gateOpen: Gate = () => 'take'

/** An address without the grammar. */
export function address(local: string, domain: string): Address {
  const text = /^[\w.+\-\u0080-\uffff]+$/.test(local)
    ? `${local}@${domain}`
    : `"${local.replace(/["\\]/g, '\\$&')}"@${domain}`
  return { local, domain, isInternational: [...local].some((character) => character > '\x7f'), toString: () => text }
}

/** What a message is to be like. */
export interface MessageShape {
  readonly size?: number
  readonly deliveries?: number
  readonly destination?: string
  readonly recipients?: readonly (readonly [local: string, domain: string])[]
}

let made = 0

/** A message with every parameter there is. */
export function makeMessage({
  size = 30,
  deliveries = 1,
  destination,
  recipients = [['rcpt', 'example.com']],
}: MessageShape = {}): QueuedMessage {
  const parameters: RcptParameters = {
    notify: ['FAILURE', 'DELAY'],
    orcpt: { type: 'rfc822', address: 'Original+2B@example.net' },
  }
  const all = recipients.map(([local, domain]) => ({ address: address(local, domain), parameters }))
  return {
    id: makeQueueId(START + made++),
    queuedAt: START,
    from: address('sender', 'example.org'),
    parameters: { body: '8BITMIME', smtputf8: true, ret: 'HDRS', envid: 'QQ314159' },
    transaction: `t${made}`,
    size,
    deliveries: Array.from(
      { length: deliveries },
      (_, index): QueuedDelivery => ({
        route: { via: 'smtp', host: 'mx.example.com', port: 2525, settings: { tls: 'required' } },
        destination: destination ?? `smtp:lane-${index}.example.com`,
        recipients: all,
      }),
    ),
  }
}

/** Octets of a length. */
export function octetsOf(length: number): Buffer {
  return Buffer.alloc(length, 'Subject: test\r\n\r\nbody\r\n')
}

/** Octets as a source: in memory, or in chunks that have to be read. */
export function sourceOf(octets: Buffer, options: { readonly chunked?: number } = {}): MessageSource {
  const { chunked } = options
  const source = {
    size: octets.length,
    async *raw() {
      for (let from = 0; from < octets.length; from += chunked ?? octets.length)
        yield octets.subarray(from, from + (chunked ?? octets.length))
    },
  }
  return chunked === undefined ? { ...source, chunks: () => [octets] } : source
}

/** The state of a lease whose recipients all have it. */
export function done(lease: Lease): DeliveryState {
  return {
    ...lease.state,
    status: { kind: 'done' },
    attempts: lease.state.attempts + 1,
    recipients: lease.state.recipients.map(() => ({ fate: 'delivered', reply: { code: 250, text: 'OK' }, at: at(1) })),
  }
}

/** An entry that must be there. */
export async function stored(store: QueueStore, id: string): Promise<QueueEntry> {
  const entry = await store.get(id)
  assert.ok(entry, `${id} is not there`)
  return entry
}

/** A message that has had one attempt and is to be tried again. */
export async function scheduled(store: QueueStore, when: number, destination?: string): Promise<string> {
  const message = makeMessage(destination === undefined ? {} : { destination })
  const [lease] = await store.add(message, sourceOf(octetsOf(message.size)))
  assert.ok(lease)
  const [delivery] = message.deliveries
  assert.ok(delivery)
  const state = { ...birth.state(delivery, { kind: 'scheduled', at: when }), attempts: 1 }
  assert.equal(await store.record({ lease, state, now: at(0) }), 'recorded')
  return message.id
}

/** Counts of a store, without what differs from disk to disk. */
export async function counts(store: QueueStore): Promise<object> {
  const { freeBytes: _, ...rest } = await store.stats()
  return rest
}

/** The part of a value that a shape has. */
export function subset(value: object, shape: object): object {
  return Object.fromEntries(Object.entries(value).filter(([key]) => key in shape))
}

/** Addresses as text: the objects are of different classes. */
export function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, each: unknown) => (isAddress(each) ? `${each.local} at ${each.domain}: ${each}` : each)),
  )
}

function isAddress(value: unknown): value is { local: string; domain: string } {
  return typeof value === 'object' && value !== null && 'local' in value && 'domain' in value
}
