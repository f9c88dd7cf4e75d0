/** Messages that are made to cost: each a few KB or MB that want to be gigabytes, or a million of something. */
import { constants, deflateRawSync, gzipSync } from 'node:zlib'
import { nested, overlapping, zip } from '../../plugins/attachments/src/make-archive.test.ts'
import { quine } from './quine.ts'

/** The octets of a message; what they want to be is in its name. */
export const BOMBS: ReadonlyMap<string, () => Buffer> = new Map([
  ['zip in zip, 16^4 files of 4 MB', () => attached('42.zip', nested(4, 16, 4_194_304))],
  ['a zip archive that is the only file in itself', () => attached('again.zip', quine())],
  ['10 GB in gzip', () => attached('zeros.gz', zeros(640))],
  ['10 GB of a tar archive in gzip', () => attached('zeros.tgz', zeros(640, tarHeader(0o77777777777)))],
  [
    '5,000 files of 20 MB over each other in zip',
    () => attached('overlap.zip', overlapping(5_000, Buffer.alloc(20_971_520))),
  ],
  ['gzip in gzip, 1,000 deep', () => attached('deep.gz', deepGzip(1_000))],
  ['a directory of 200,000 files', () => attached('many.zip', overlapping(200_000, Buffer.from('x')))],
  [
    'a sheet of a billion rows',
    () => attached('rows.xlsx', xlsx('xl/worksheets/sheet1.xml', Buffer.alloc(200_000_000, '<row r="1"/>'))),
  ],
  ['entities within entities', () => attached('lol.docx', xlsx('word/document.xml', Buffer.from(laughs())))],
  ['OLE whose 4,000 streams are the whole file', () => attached('streams.doc', ole(4_000, 8_388_608))],
  ['1,000 multiparts within each other', () => deepMime(1_000)],
  ['10,000 messages within each other', () => deepMessages(10_000)],
  ['a million links in text', () => text('text/plain', 'http://a.co '.repeat(1_000_000))],
  ['a million links in HTML', () => text('text/html', '<a href=//a.co>x</a>'.repeat(1_000_000))],
  ['a million elements within each other', () => text('text/html', '<div hidden>'.repeat(1_000_000))],
  ['a tag of a million attributes', () => text('text/html', `<a ${'href=x '.repeat(1_000_000)}>`)],
  ['100,000 fields', () => Buffer.concat([Buffer.from(`${HEAD}${'X-A: b\r\n'.repeat(100_000)}\r\nx\r\n`)])],
  ['a PDF of a million names', () => attached('names.pdf', Buffer.from(`%PDF-1.7\n${'/JS#20 '.repeat(1_000_000)}`))],
  ['300 attachments that are archives', () => attached('a.zip', nested(2, 4, 1_048_576), 300)],
])

const HEAD =
  'From: a@client.test\r\nTo: b@mx.test\r\nSubject: x\r\nDate: Mon, 30 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@client.test>\r\nMIME-Version: 1.0\r\n'

/** A message with this file, or so many of it. */
export function attached(name: string, octets: Buffer, count = 1): Buffer {
  const base64 = octets.toString('base64').replace(/.{76}/g, '$&\r\n')
  const part = `--b\r\nContent-Type: application/octet-stream; name="${name}"\r\nContent-Disposition: attachment; filename="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64}\r\n`
  return Buffer.from(`${HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n${part.repeat(count)}--b--\r\n`)
}

function text(type: string, body: string): Buffer {
  return Buffer.from(`${HEAD}Content-Type: ${type}\r\n\r\n${body.replace(/.{900}/g, '$&\r\n')}\r\n`)
}

/** So many times 16 MB of zeros, and what stands before them: packed blocks that end at an octet can be put behind each other. */
function zeros(times: number, first: Buffer = Buffer.alloc(0)): Buffer {
  const finishFlush = constants.Z_FULL_FLUSH
  const block = deflateRawSync(Buffer.alloc(16_777_216), { level: 9, finishFlush })
  const blocks = Array.from({ length: times }, () => block)
  const header = Buffer.from('\x1f\x8b\x08\0\0\0\0\0\0\x03', 'latin1')
  // The sum and the size are those of nothing: nobody comes so far.
  return Buffer.concat([
    header,
    deflateRawSync(first, { finishFlush }),
    ...blocks,
    Buffer.from([3, 0]),
    Buffer.alloc(8),
  ])
}

function tarHeader(size: number): Buffer {
  const header = Buffer.alloc(512)
  header.write('zeros.bin')
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${size.toString(8)} `, 124)
  header.write('00000000000 ', 136)
  header.write('        0', 148)
  header.write('ustar\x0000', 257, 'latin1')
  const sum = header.reduce((all, octet) => all + octet, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

function deepGzip(depth: number): Buffer {
  let inner: Buffer = gzipSync('x')
  for (let level = 1; level < depth; level++) inner = gzipSync(inner)
  return inner
}

function xlsx(part: string, data: Buffer): Buffer {
  return zip([
    { name: '[Content_Types].xml', data: '<Types/>' },
    { name: part, data },
  ])
}

function laughs(): string {
  const entities = Array.from({ length: 30 }, (_, n) => `<!ENTITY l${n + 1} "${`&l${n};`.repeat(10)}">`)
  return `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">${entities.join('')}]><w:document>&l30;</w:document>`
}

/** [MS-CFB] with a directory of entries that all begin at the same sector and are as large as the file. */
function ole(streams: number, size: number): Buffer {
  const sectors = size / 512
  const tables = Math.ceil(sectors / 128)
  const file = Buffer.alloc(512 + size)
  file.write('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'latin1')
  file.writeUInt16LE(3, 26)
  file.writeUInt16LE(0xfffe, 28)
  file.writeUInt16LE(9, 30)
  file.writeUInt16LE(6, 32)
  file.writeUInt32LE(Math.min(tables, 109), 44)
  file.writeUInt32LE(tables, 48)
  file.writeUInt32LE(4_096, 56)
  file.writeUInt32LE(0xfffffffe, 60)
  file.writeUInt32LE(0xfffffffe, 68)
  for (let n = 0; n < 109; n++) file.writeUInt32LE(n < tables ? n : 0xffffffff, 76 + 4 * n)
  for (let n = 0; n < sectors; n++) file.writeUInt32LE(n + 1 < sectors ? n + 1 : 0xfffffffe, 512 + 4 * n)
  for (let n = 0; n < streams; n++) {
    const at = 512 + tables * 512 + n * 128
    const name = n === 0 ? 'Root Entry' : `s${n}`
    file.write(name, at, 'utf16le')
    file.writeUInt16LE(2 * name.length + 2, at + 64)
    file.writeUInt8(n === 0 ? 5 : 2, at + 66)
    for (const place of [68, 72, 76]) file.writeUInt32LE(0xffffffff, at + place)
    file.writeUInt32LE(tables, at + 116)
    file.writeUInt32LE(size - 65_536, at + 120)
  }
  return file
}

function deepMime(depth: number): Buffer {
  let message = HEAD
  for (let n = 0; n < depth; n++) message += `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`
  return Buffer.from(`${message}\r\nx\r\n`)
}

function deepMessages(depth: number): Buffer {
  return Buffer.from(`${HEAD}${'Content-Type: message/rfc822\r\n\r\n'.repeat(depth)}\r\nx\r\n`)
}
