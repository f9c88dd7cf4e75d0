import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { makeMessage } from '../../../../test/contracts/queue/messages.ts'
import { decodeMessage, encodeMessage } from './record.ts'

test('what is encoded comes back, with its octets or the checksum of its file', () => {
  const message = makeMessage({
    size: 5,
    recipients: [
      ['a "b"', 'example.com'],
      ['ü', 'example.com'],
    ],
  })
  const inline = decodeMessage(message.id, encodeMessage(message, 'me', [Buffer.from('ab'), Buffer.from('cde')]))
  assert.equal(inline.inline?.toString(), 'abcde')
  assert.deepEqual(
    inline.message.deliveries.map(({ recipients }) =>
      recipients.map((each) => [each.address.local, String(each.address), each.address.isInternational]),
    ),
    [
      [
        ['a "b"', '"a \\"b\\""@example.com', false],
        ['ü', 'ü@example.com', true],
      ],
    ],
  )
  const file = decodeMessage(message.id, encodeMessage(message, 'me', { crc: 7, hasOnlyCrlf: true }))
  assert.deepEqual([file.file, file.inline, file.owner], [{ crc: 7, hasOnlyCrlf: true }, undefined, 'me'])
})

test('a record of before the life of a message was the destination’s to say is read as it is', () => {
  const message = makeMessage({ size: 2 })
  const record = encodeMessage(message, 'me', [Buffer.from('ab')])
  const end = 12 + record.readUInt32BE(8)
  const text = JSON.stringify({ e: message.queuedAt + 432_000_000, ...JSON.parse(record.toString('utf8', 12, end)) })
  const old = Buffer.concat([record.subarray(0, 12), Buffer.from(text), record.subarray(end)])
  old.writeUInt32BE(Buffer.byteLength(text), 8)
  old.writeUInt32BE(crc32(old.subarray(8)), 4)
  const { message: read, inline } = decodeMessage(message.id, old)
  assert.deepEqual(
    [read.queuedAt, Object.keys(read), inline?.toString()],
    [message.queuedAt, Object.keys(message), 'ab'],
  )
})

test('a record that was changed anywhere, or cut, is refused, and never read', () => {
  const message = makeMessage({ size: 100 })
  const record = encodeMessage(message, 'me', [Buffer.alloc(100, 'x')])
  fc.assert(
    fc.property(fc.nat(record.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = Buffer.from(record)
      damaged[at] = (damaged[at] ?? 0) ^ change
      // The flags and the reserved octets are outside of the checksum.
      if (at === 1 || at === 2 || at === 3) return
      assert.throws(() => decodeMessage(message.id, damaged), { code: 'ERR_QUEUE_CORRUPT' })
    }),
  )
  fc.assert(
    fc.property(fc.nat(record.length - 1), (length) => {
      assert.throws(() => decodeMessage(message.id, record.subarray(0, length)), { code: 'ERR_QUEUE_CORRUPT' })
    }),
  )
})

test('any octets at all are refused, not thrown over', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      assert.throws(() => decodeMessage('x', Buffer.from(octets)), { code: 'ERR_QUEUE_CORRUPT' })
    }),
  )
})
