import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeMessage } from '../../../../test/contracts/queue/messages.ts'
import { birth } from '../birth.ts'
import { classify } from '../classify.ts'
import type { Lease, QueuedMessage } from '../model.ts'
import type { DeliveryEvent } from '../state.ts'
import { acceptedEvents, endedEvent, readEvent } from './event.ts'

/** Whatever programs and servers put into texts: quotes, backslashes, controls, halves of characters. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('"', '\\', '\0', '\n', '\u2028', '\ud800', 'é', 'a') }),
)

function first<T>(of: readonly T[]): T {
  const [one] = of
  assert.ok(one)
  return one
}

test('an event is JSON that says what happened, whatever texts are in it, and holds no line break or NUL', () => {
  const facts = {
    transaction: fc.option(fc.string(), { nil: undefined }),
    tags: fc.array(text),
    tenant: text,
    status: text,
  }
  fc.assert(
    fc.property(fc.record({ ...facts, reply: text, host: text }), (said) => {
      const tags = { tenant: said.tenant, tags: said.tags, metadata: { a: said.host } }
      const plain = makeMessage()
      const message: QueuedMessage = {
        ...plain,
        tags,
        ...(said.transaction !== undefined && { transaction: said.transaction }),
      }
      const lease: Lease = first(birth.leases(message, 'owner'))
      const reply = { code: 450, status: said.status, text: said.reply }
      const event: DeliveryEvent = {
        name: 'deferred',
        recipients: [0],
        reply,
        class: classify(reply),
        remote: said.host,
        tls: undefined,
        uncertain: true,
      }
      const state = { ...lease.state, status: { kind: 'scheduled', at: 86_400_000 } } as const
      const written = [first(acceptedEvents(message)), endedEvent(event, lease, { now: 5, state })]
      for (const one of written) assert.doesNotMatch(one.replace('\n', ''), /[\n\0]/)
      const [accepted, ended] = written.map((one) => JSON.parse(readEvent(one).payload))
      const about = {
        message: message.id,
        ...(message.transaction !== undefined && { transaction: message.transaction }),
        from: String(message.from),
        ...tags,
      }
      const to = [String(message.deliveries[0]?.recipients[0]?.address)]
      assert.deepEqual(accepted.data, { ...about, to: accepted.data.to, size: message.size })
      assert.ok(accepted.data.to.includes(to[0]))
      assert.deepEqual(ended, {
        id: readEvent(written[1] ?? '').id,
        type: 'deferred',
        timestamp: '1970-01-01T00:00:00.005Z',
        data: {
          ...about,
          to,
          via: message.deliveries[0]?.route.via,
          host: said.host,
          attempt: 1,
          reply,
          class: event.class,
          fault: ended.data.fault,
          uncertain: true,
          nextAttempt: '1970-01-02T00:00:00.000Z',
        },
      })
    }),
  )
})
