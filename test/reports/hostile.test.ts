/** Files that are made to cost: what reads reports gives up before they do, and says why. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { readReport } from '@postroad/report'

const MIB = 1_048_576
const feedback = (inner: string): string => `<?xml version="1.0"?><feedback>${inner}</feedback>`
const about =
  '<report_metadata><date_range><begin>1</begin><end>2</end></date_range></report_metadata><policy_published><domain>a.example</domain></policy_published>'

/** A zip archive with one file, whose header says what it likes of its size. */
function zip(name: string, packed: Buffer, { says, method = 8 }: { says: number; method?: number }): Buffer {
  const title = Buffer.from(name)
  const local = Buffer.alloc(30)
  local.writeUInt32LE(0x04034b50, 0)
  local.writeUInt16LE(20, 4)
  local.writeUInt16LE(method, 8)
  local.writeUInt32LE(packed.length, 18)
  local.writeUInt32LE(says, 22)
  local.writeUInt16LE(title.length, 26)
  const central = Buffer.alloc(46)
  central.writeUInt32LE(0x02014b50, 0)
  central.writeUInt16LE(20, 4)
  central.writeUInt16LE(20, 6)
  central.writeUInt16LE(method, 10)
  central.writeUInt32LE(packed.length, 20)
  central.writeUInt32LE(says, 24)
  central.writeUInt16LE(title.length, 28)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(central.length + title.length, 12)
  end.writeUInt32LE(local.length + title.length + packed.length, 16)
  return Buffer.concat([local, title, packed, central, title, end])
}

const nothing = Buffer.alloc(64 * MIB)
const entities = Array.from({ length: 10 }, (_, at) => `<!ENTITY l${at + 1} "${`&l${at};`.repeat(10)}">`).join('')

const TABLE: readonly (readonly [what: string, file: () => Buffer, mistake: RegExp])[] = [
  ['a gzip bomb', () => gzipSync(nothing), /more than 10485760 octets/],
  ['gzip in gzip', () => gzipSync(gzipSync(nothing)), /no XML/],
  ['a zip bomb that says what it is', () => zip('a.xml', deflateRawSync(nothing), { says: nothing.length }), /more than/],
  ['a zip bomb that says it is small', () => zip('a.xml', deflateRawSync(nothing), { says: 1_000 }), /too many bytes|more than/],
  ['a zip of something else', () => zip('a.exe', deflateRawSync(Buffer.from('MZ')), { says: 2 }), /no report in it/],
  ['a zip with another method', () => zip('a.xml', Buffer.from('x'), { says: 1, method: 99 }), /unsupported/i],
  ['half of a zip', () => zip('a.xml', deflateRawSync(Buffer.from('<a/>')), { says: 4 }).subarray(0, 40), /end of central/i],
  ['half of a gzip', () => gzipSync(feedback(about)).subarray(0, 60), /unexpected end/i],
  ['a billion laughs', () => Buffer.from(`<!DOCTYPE feedback [<!ENTITY l0 "ha">${entities}]><feedback>&l10;</feedback>`), /document type/],
  ['an entity of a file', () => Buffer.from('<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]><feedback>&x;</feedback>'), /document type/],
  ['an entity that nobody has defined', () => Buffer.from(feedback('&x;')), /no XML/],
  ['elements in elements', () => Buffer.from('<a>'.repeat(2 * MIB)), /20 deep/],
  ['an endless name', () => Buffer.from(`<${'a'.repeat(9 * MIB)}`), /no XML/],
  ['an endless comment', () => Buffer.from(`<feedback><!--${'-x'.repeat(4 * MIB)}`), /more of <!--/],
  ['brackets without end', () => Buffer.from(`<feedback><![CDATA[${']'.repeat(9 * MIB)}`), /more of <!\[CDATA/],
  ['references without end', () => Buffer.from(`<feedback a="${'&#65;'.repeat(MIB)}`), /more of &/],
  ['attributes without end', () => Buffer.from(`<feedback ${Array.from({ length: 100_000 }, (_, at) => `a${at}=""`).join(' ')}>`), /attributes without end/],
  ['an endless text', () => Buffer.from(feedback(`<x>${'a'.repeat(9 * MIB)}</x>`)), /more than 4096 characters/],
  ['one element again and again', () => Buffer.from(feedback('<x/>'.repeat(MIB))), /without end/],
  ['records without end', () => gzipSync(feedback(`${about}${'<record/>'.repeat(110_000)}`)), /more than 100000 records/],
  ['arrays in arrays', () => Buffer.from('['.repeat(8 * MIB)), /20 deep/],
  ['objects in objects', () => Buffer.from('{"a":'.repeat(MIB)), /20 deep/],
  ['a large file of nothing', () => Buffer.alloc(20 * MIB, 0x20), /more than/],
  ['an empty file', () => Buffer.alloc(0), /no XML|no element/],
  ['UTF-16 of something else', () => Buffer.from('\ufeff<a>', 'utf16le'), /no XML/],
] // biome-ignore format: a table

for (const [what, file, mistake] of TABLE)
  test(`${what} is no report, and costs next to nothing`, async () => {
    const octets = file()
    const before = process.cpuUsage()
    const heap = process.memoryUsage().rss
    const read = await readReport(octets)
    const { user, system } = process.cpuUsage(before)
    assert.ok(read.kind === 'none', 'it was read')
    assert.match(read.mistake, mistake)
    const ms = (user + system) / 1_000
    // Of the process, and so with what other tests have left to be collected: many times less than what the file wants.
    assert.ok(ms < 3_000, `${ms} ms of CPU`)
    assert.ok(process.memoryUsage().rss - heap < 150 * MIB, 'memory')
  })

test('white space, comments, prefixes and wrappers are no harm: such reports are read', async () => {
  const wrapped = `<?xml version="1.0"?><xs:schema xmlns:xs="x"><n:feedback xmlns:n="y"><!-- ${'-x'.repeat(1_000)} -->${' '.repeat(100_000)}${about
    .replaceAll('</', '</n:')
    .replaceAll(
      /<(?=\w)/g,
      '<n:',
    )}<n:record><n:row><n:source_ip>::ffff:192.0.2.1</n:source_ip><n:count> 7 </n:count><n:policy_evaluated><n:disposition> None </n:disposition><n:dkim>pass</n:dkim></n:policy_evaluated></n:row></n:record></n:feedback></xs:schema>`
  const read = await readReport(Buffer.from(wrapped))
  assert.ok(read.kind === 'dmarc', read.kind === 'none' ? read.mistake : '')
  const [record] = read.report.records
  assert.deepEqual([record?.source, record?.count, record?.disposition, record?.dkim], ['192.0.2.1', 7, 'none', 'pass'])
})

test('a zip archive as some send it is read', async () => {
  const xml = Buffer.from(feedback(`${about}<record/>`))
  const read = await readReport(zip('google.com!a.example!1!2.xml', deflateRawSync(xml), { says: xml.length }))
  assert.equal(read.kind, 'dmarc')
})
