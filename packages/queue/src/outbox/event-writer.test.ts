import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventWriter, type OutboxSubscriber } from './event-writer.ts'
import type { Outbox } from './outbox.ts'

const subscriber: OutboxSubscriber = { kinds: new Set(['quarantined']) }
const event = { kind: 'quarantined', to: ['a@to.test'] } as const

test('who publishes waits until it is written, and no longer than its signal', async () => {
  const appended: (readonly string[])[] = []
  let write = (): void => undefined
  const outbox = {
    append(events: readonly string[]) {
      appended.push(events)
      return new Promise<void>((resolve) => (write = resolve))
    },
  } as unknown as Outbox // only written to
  const writer = new EventWriter(async () => outbox, Date.now)
  await writer.publish(event, AbortSignal.abort())
  assert.equal(appended.length, 0, 'nobody wants to hear of it')
  writer.subscribers.add(subscriber)
  await assert.rejects(writer.publish(event, AbortSignal.abort(new Error('late'))), /late/)
  assert.equal(appended.length, 0)
  const controller = new AbortController()
  const waiting = writer.publish(event, controller.signal)
  await new Promise(setImmediate)
  controller.abort(new Error('late'))
  await assert.rejects(waiting, /late/)
  const taken = writer.publish(event, new AbortController().signal)
  await new Promise(setImmediate)
  write()
  await taken
  assert.equal(appended.length, 2)
})
