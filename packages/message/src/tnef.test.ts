import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { messageFromBytes } from './message.ts'
import { findTnefFiles } from './tnef.ts'

const u16 = (value: number): Buffer => Buffer.from(new Uint8Array(new Uint16Array([value]).buffer))
const u32 = (value: number): Buffer => Buffer.from(new Uint8Array(new Uint32Array([value]).buffer))

function attribute(level: number, id: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([level]), u32(id), u32(data.length), data, u16(data.reduce((a, b) => a + b, 0))])
}

function property(type: number, id: number, data: Buffer): Buffer {
  const padding = Buffer.alloc((4 - (data.length % 4)) % 4)
  return Buffer.concat([u16(type), u16(id), u32(1), u32(data.length), data, padding])
}

interface Wrapped {
  readonly title?: string
  readonly long?: string
  readonly data?: Buffer
  readonly message?: Buffer
}

/** As Outlook writes it. */
function tnef(files: readonly Wrapped[]): Buffer {
  const attributes = files.flatMap(({ title, long, data, message }) => {
    const properties = [
      // A number, a named one, and several texts at once, as are there in honest ones.
      Buffer.concat([u16(3), u16(0x3705), u32(1)]),
      Buffer.concat([u16(3), u16(0x8001), Buffer.alloc(16), u32(1), u32(6), Buffer.from('a\0b\0\0\0\0\0'), u32(7)]),
      ...(long === undefined ? [] : [property(0x1f, 0x3707, Buffer.from(`${long}\0`, 'utf16le'))]),
      ...(message === undefined ? [] : [property(0x0d, 0x3701, Buffer.concat([Buffer.alloc(16, 7), message]))]),
    ]
    return [
      attribute(2, 0x00069002, Buffer.alloc(14)),
      ...(title === undefined ? [] : [attribute(2, 0x00018010, Buffer.from(`${title}\0`))]),
      ...(data === undefined ? [] : [attribute(2, 0x0006800f, data)]),
      attribute(2, 0x00069005, Buffer.concat([u32(properties.length), ...properties])),
    ]
  })
  const version = attribute(1, 0x00089006, u32(0x00010000))
  return Buffer.concat([u32(0x223e9f78), u16(1), version, ...attributes])
}

async function files(octets: Buffer, type = 'application/ms-tnef; name=winmail.dat') {
  const body = octets.toString('base64').replace(/.{76}/g, '$&\r\n')
  const message = `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\n\r\n${body}\r\n--b--\r\n`
  return messageFromBytes(Buffer.from(message)).mime()
}

test('the files in a winmail.dat are attachments, by all names that a reader may show', async () => {
  const data = Buffer.from('MZ\x90\0')
  const mime = await files(
    tnef([
      { title: 'EVIL~1.EXE', long: 'evil – name.exe', data },
      { title: 'b.txt', data },
    ]),
  )
  assert.deepEqual(
    mime.attachments.map(({ filename, part, sniffedType }) => [filename, part, sniffedType]),
    [
      ['winmail.dat', '2', 'application/vnd.ms-tnef'],
      ['evil – name.exe', '2.1', 'application/vnd.microsoft.portable-executable'],
      ['EVIL~1.EXE', '2.1', 'application/vnd.microsoft.portable-executable'],
      ['b.txt', '2.2', 'application/vnd.microsoft.portable-executable'],
    ],
  )
  assert.deepEqual(Buffer.from(mime.attachments[1]?.content ?? []), data)
  assert.deepEqual(mime.ambiguous, [])
})

test('it is known by its octets, whatever it is called', async () => {
  const { attachments } = await files(tnef([{ title: 'evil.exe', data: Buffer.from('x') }]), 'application/octet-stream')
  assert.deepEqual(
    attachments.map(({ filename }) => filename),
    [undefined, 'evil.exe'],
  )
})

test('messages within it are looked into', async () => {
  const inner = tnef([{ title: 'evil.exe', data: Buffer.from('x') }])
  const outer = tnef([{ long: 'forwarded', message: tnef([{ long: 'again', message: inner }]) }])
  const names = (await files(outer)).attachments.map(({ filename, part }) => `${part} ${filename}`)
  assert.deepEqual(names, ['2 winmail.dat', '2.1 forwarded', '2.1.1 again', '2.1.1.1 evil.exe'])
})

test('damaged ones are read as far as they go, and never throw', () => {
  const octets = tnef([
    { title: 'evil.exe', long: 'evil.exe', data: Buffer.alloc(50), message: tnef([{ title: 'a' }]) },
  ])
  fc.assert(
    fc.property(fc.nat(octets.length), fc.nat(octets.length - 1), fc.nat(255), (cut, place, octet) => {
      const damaged = Buffer.from(octets.subarray(0, cut))
      if (place < cut) damaged[place] = octet
      for (const { from, to } of findTnefFiles(damaged, () => undefined)) assert.ok(from <= to && to <= damaged.length)
    }),
    { numRuns: 2_000 },
  )
  assert.equal(findTnefFiles(octets.subarray(0, 60), () => undefined).length, 1)
})

test('nested without end they cost a bounded time, and so do millions of files', async () => {
  let nested = tnef([])
  for (let depth = 0; depth < 500; depth++) nested = tnef([{ message: nested }])
  assert.ok((await files(nested)).attachments.length < 20)
  const many = Buffer.concat([
    tnef([]),
    ...Array.from({ length: 5_000 }, () => attribute(2, 0x00069002, Buffer.alloc(0))),
  ])
  await assert.rejects(files(many), { code: 'ERR_MIME_TOO_MANY_PARTS' })
})
