import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MilterError } from './errors.ts'
import { FrameReader, FrameWriter, type MilterFrame } from './frame.ts'

/** All frames of octets that come in such pieces. */
function read(octets: Buffer, cuts: readonly number[] = []): readonly MilterFrame[] {
  const reader = new FrameReader()
  const frames: MilterFrame[] = []
  let at = 0
  for (const end of [...cuts.filter((cut) => cut <= octets.length).toSorted((a, b) => a - b), octets.length]) {
    reader.push(octets.subarray(at, end))
    at = end
    for (let frame = reader.next(); frame; frame = reader.next()) frames.push(frame)
  }
  return frames
}

const shown = (frames: readonly MilterFrame[]) => frames.map(({ code, data }) => [code, data.toString('hex')])

test('frames come out as they went in, wherever the stream is cut', () => {
  const anyFrame = fc.record({ code: fc.nat(255), data: fc.uint8Array({ maxLength: 300 }) })
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 8 }), fc.array(fc.nat(2_000)), (frames, cuts) => {
      const out = new FrameWriter()
      for (const { code, data } of frames) out.add(code, data)
      assert.deepEqual(
        shown(read(out.take(), cuts)),
        frames.map(({ code, data }) => [code, Buffer.from(data).toString('hex')]),
      )
    }),
  )
})

test('a frame that is cut after every octet is one frame', () => {
  const octets = new FrameWriter().add(0x4d, '<a@example.com>\0').take()
  assert.deepEqual(
    shown(read(octets, [...octets.keys()])),
    shown([{ code: 0x4d, data: Buffer.from('<a@example.com>\0') }]),
  )
})

test('frames that nobody read before more arrived are not lost', () => {
  const reader = new FrameReader()
  const octets = new FrameWriter().add(1, 'one').add(2, 'two').add(3, 'three').take()
  reader.push(octets.subarray(0, 10))
  reader.push(octets.subarray(10))
  const codes = []
  for (let frame = reader.next(); frame; frame = reader.next()) codes.push(frame.code)
  assert.deepEqual(codes, [1, 2, 3])
  assert.equal(reader.isWithin, false)
})

test('numbers, texts and octets are written one after the other', () => {
  assert.equal(
    new FrameWriter().add(0x69, 0xffff_ffff, 'é\0', Uint8Array.of(0, 255)).take().toString('hex'),
    '0000000a69ffffffffc3a90000ff',
  )
})

test('octets that are taken are not written to any more', () => {
  const out = new FrameWriter()
  const first = out.add(0x63).take()
  out.add(0x72).take()
  assert.equal(first.toString('hex'), '0000000163')
})

// Traps 22 and 24: who has the wrong port, or a socket mixed up, is told what is there.
const FOREIGN: readonly (readonly [string, RegExp])[] = [
  ['GET / HTTP/1.1\r\n', /^this is HTTP, not milter$/],
  ['POST /checkv2 HTTP/1.1\r\n', /HTTP/],
  ['HTTP/1.1 400 Bad Request\r\n', /HTTP/],
  ['PRI * HTTP/2.0\r\n', /HTTP/],
  ['\x16\x03\x01\x02\x00\x01', /TLS/],
  ['EHLO client.example\r\n', /client of SMTP/],
  ['220 mx.example.com ESMTP\r\n', /server of SMTP/],
  ['request=smtpd_access_policy\n', /policy request/],
  ['UNKNOWN COMMAND\n', /clamd/],
  ['zINSTREAM\0', /client of clamd/],
  ['* OK IMAP4rev1\r\n', /IMAP/],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n', /PROXY/],
  ['\0\0\0\0', /0 octets/],
  ['\xff\xff\xff\xff', /4294967295 octets/],
  ['hello, world', /1751477356 octets/],
]

for (const [octets, mistake] of FOREIGN)
  test(`${JSON.stringify(octets)} is no milter, and the mistake says what it looks like`, () => {
    const buffer = Buffer.from(octets, 'latin1')
    assert.throws(() => read(buffer), { name: 'MilterError', message: mistake })
    // Cut within the length, what has come by then is looked at.
    assert.throws(() => read(buffer, [1, 2]), MilterError)
  })

test('after a first frame nothing is taken for another protocol: a wrong length is a wrong length', () => {
  const octets = Buffer.concat([new FrameWriter().add(0x63).take(), Buffer.from('GET / HTTP/1.1')])
  assert.throws(() => read(octets), /1195725856 octets/)
})

test('of a frame that is announced too large nothing is kept, and one of 1 MiB is read', () => {
  const large = new FrameWriter().add(0x42, Buffer.alloc(1_048_575, 120)).take()
  assert.equal(read(large, [1, 5, 70_000])[0]?.data.length, 1_048_575)
  const larger = new FrameWriter().add(0x42, Buffer.alloc(1_048_576, 120)).take()
  assert.throws(() => read(larger), /1048577 octets/)
  assert.throws(() => {
    const reader = new FrameReader(100)
    reader.push(new FrameWriter().add(0x42, Buffer.alloc(100)).take())
    reader.next()
  }, MilterError)
})

test('what is no protocol at all is never more than a mistake, and reading costs no more than the octets', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat(400)), (octets, cuts) => {
      try {
        read(Buffer.from(octets), cuts)
      } catch (error) {
        assert.ok(error instanceof MilterError)
      }
    }),
  )
  const many = new FrameWriter()
  for (let i = 0; i < 50_000; i++) many.add(0x42, 'x')
  const octets = many.take()
  const startedAt = performance.now()
  assert.equal(
    read(
      octets,
      [...Array(octets.length / 3).keys()].map((i) => 3 * i),
    ).length,
    50_000,
  )
  assert.ok(performance.now() - startedAt < 5_000)
})
