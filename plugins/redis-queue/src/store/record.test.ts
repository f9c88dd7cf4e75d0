import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memorySource, readAll } from '@postroad/mail'
import type { Address } from '@postroad/plugin'
import { birth, type DeliveryStatus, type QueuedMessage, QueueError } from '@postroad/queue-engine'
import type { RedisLink } from '@postroad/redis-link'
import fc from 'fast-check'
import { decodePiece, encodePiece, PIECE, prepareContent, readContent } from './contents.ts'
import { OwnLeases } from './own-leases.ts'
import {
  decodeEnvelope,
  decodeFinished,
  decodeStates,
  encodeEnvelope,
  encodeState,
  encodeStatus,
  finishedHead,
  finishedPart,
} from './record.ts'

function address(local: string, domain: string): Address {
  return { local, domain, isInternational: /[^\0-\x7f]/.test(local), toString: () => `${local}@${domain}` }
}

function message(recipients: number): QueuedMessage {
  return {
    id: '0123456789abcdefghjk',
    queuedAt: 1,
    from: undefined,
    parameters: { envid: 'x' },
    size: 3,
    deliveries: [
      {
        route: { via: 'smtp' },
        destination: 'smtp:example.com',
        recipients: Array.from({ length: recipients }, (_, at) => ({
          address: address(`ü${at}`, 'example.com'),
          parameters: {},
        })),
      },
    ],
  }
}

/** As much of Redis as content needs. */
function memoryLink(): { link: RedisLink; keys: Map<string, Buffer> } {
  const keys = new Map<string, Buffer>()
  const send = async (command: string, [key, value]: readonly unknown[]) => {
    if (command === 'set') keys.set(String(key), value as Buffer)
    return command === 'get' ? (keys.get(String(key)) ?? null) : 'OK'
  }
  const link = {
    prefix: 'p',
    isCluster: false,
    deadline: 1,
    send,
    run: async () => undefined,
    connect: () => assert.fail(),
  }
  return { link: link as unknown as RedisLink, keys }
}

test('an envelope comes back as it was, addresses with their text', () => {
  const original = message(2)
  const { message: decoded, content } = decodeEnvelope(original.id, encodeEnvelope(original, { crc: 7, pieces: 1 }))
  assert.deepEqual(content, { crc: 7, pieces: 1 })
  assert.equal(decoded.deliveries[0]?.recipients[1]?.address.toString(), 'ü1@example.com')
  assert.equal(decoded.deliveries[0]?.recipients[1]?.address.isInternational, true)
  assert.deepEqual([decoded.from, decoded.parameters], [undefined, { envid: 'x' }])
})

test('what is no envelope is corrupt, whatever it is', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      assert.throws(
        () => decodeEnvelope('id', text),
        (error) => error instanceof QueueError && error.code === 'ERR_QUEUE_CORRUPT',
      )
    }),
  )
})

test('every status comes back as it was, whatever the reason says', () => {
  const at = fc.nat()
  const statuses: fc.Arbitrary<DeliveryStatus> = fc.oneof(
    fc.record({ kind: fc.constant('scheduled' as const), at }),
    fc.record({ kind: fc.constant('waiting' as const), since: at }),
    fc.record({ kind: fc.constant('held' as const), since: at, reason: fc.string() }),
    fc.record({ kind: fc.constant('claimed' as const), owner: fc.string() }),
    fc.constant({ kind: 'done' as const }),
  )
  const one = message(1)
  fc.assert(
    fc.property(statuses, (status) => {
      const fields = new Map([
        ['p0', encodeStatus(status)],
        ['s0', encodeState(birth.state(one.deliveries[0] ?? assert.fail(), status))],
      ])
      assert.deepEqual(decodeStates(one, fields)[0]?.status, { ...status })
    }),
  )
})

test('the final record of a message with many recipients names the first hundred and counts all', () => {
  const many = message(250)
  const delivery = many.deliveries[0] ?? assert.fail()
  const record = `${finishedHead(many, 9)}${finishedPart(delivery, birth.state(delivery, { kind: 'done' }))}]}`
  const finished = decodeFinished(record)
  assert.deepEqual([finished.recipients.length, finished.recipientCount, finished.finishedAt], [100, 250, 9])
})

test('a piece comes back as it was; damage is corrupt, never a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3_000 }), (octets) =>
      decodePiece(encodePiece(octets)).equals(Buffer.from(octets)),
    ),
  )
  assert.ok(encodePiece(Buffer.alloc(10_000, 'text ')).length < 200, 'text is compressed')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      try {
        decodePiece(Buffer.from(octets))
      } catch (error) {
        assert.ok(error instanceof QueueError)
      }
    }),
  )
})

test('content of several pieces is read back whole; a piece that is missing or changed is corrupt', async () => {
  const { link, keys } = memoryLink()
  const octets = Buffer.alloc(2 * PIECE + 5, 'some text of a message ')
  const prepared = await prepareContent(link, 'b', memorySource([octets]))
  assert.equal(prepared.pieces, 3)
  const expected = { ...prepared, size: octets.length }
  assert.ok((await readAll(readContent(link, 'b', expected))).equals(octets))
  keys.set('b:1', encodePiece(Buffer.alloc(PIECE)))
  await assert.rejects(readAll(readContent(link, 'b', expected)), { code: 'ERR_QUEUE_CORRUPT' })
  keys.delete('b:1')
  await assert.rejects(readAll(readContent(link, 'b', expected)), { code: 'ERR_QUEUE_CORRUPT' })
})

test('a lease is a stray when it was unknown at two looks in a row, and never when its message was refused', () => {
  const own = new OwnLeases()
  own.refuse({ ...message(1), id: 'r'.repeat(20) })
  assert.deepEqual(own.strays(['a 0', `${'r'.repeat(20)} 0`]), [])
  assert.deepEqual(own.strays(['b 0']), [], 'b is new, a is gone')
  assert.deepEqual(own.strays(['b 0']), ['b 0'])
})
