import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { Inspections } from './inspections.ts'
import type { Inspection } from './inspector.ts'
import { ole, zip } from './make-archive.test.ts'

const LIMITS = { octets: 20 * 1_048_576, files: 1_000, depth: 3, time: 2_000 }
const PROGRAM = Buffer.from('MZ\x90\0\x03\0\0\0', 'latin1')
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le')

let inspections: Inspections
before(() => {
  inspections = new Inspections(1_000)
})
after(() => inspections.close())

async function inspect(name: string, octets: Buffer | string): Promise<Inspection> {
  const { found, lost } = await inspections.ask({ files: [{ name, octets: Buffer.from(octets) }], limits: LIMITS })
  const [inspection] = found
  assert.ok(inspection, lost.join())
  return inspection
}

const relations = (type: string, target: string): string =>
  `<Relationships><Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/${type}" Target="${target}" TargetMode="External"/></Relationships>`
const docx = (name: string, data: string | Buffer): Buffer =>
  zip([
    { name: '[Content_Types].xml', data: '<Types/>' },
    { name, data },
  ])
const rels = 'word/_rels/settings.xml.rels'

/** What passes filters that do not know it: [what, file name, octets, signals, a name that is listed]. */
const TRICKS: readonly (readonly [
  what: string,
  name: string,
  octets: Buffer | string,
  signals: readonly string[],
  listed?: string,
])[] = [
  [
    'names before the files that the directory does not have',
    'a.zip',
    zip([{ name: 'a.txt', localName: 'a.exe' }]),
    ['disguise'],
    'a.zip/a.exe',
  ],
  [
    'two archives behind each other',
    'a.zip',
    Buffer.concat([zip([{ name: 'first.exe' }]), zip([{ name: 'last.txt' }])]),
    ['disguise'],
    'a.zip/first.exe',
  ],
  ['sizes behind the file', 'a.zip', zip([{ name: 'a', data: PROGRAM, hasDescriptor: true }]), ['type'], 'a.zip/a'],
  [
    'a program before the archive',
    'a.exe',
    Buffer.concat([PROGRAM, Buffer.alloc(1_000), zip([{ name: 'b', data: PROGRAM }])]),
    ['type'],
    'a.exe/b',
  ],
  [
    'a PDF that is an archive, too',
    'a.pdf',
    Buffer.concat([Buffer.from('%PDF-1.7\n%%EOF\n'), zip([{ name: 'b.js' }])]),
    [],
    'a.pdf/b.js',
  ],
  [
    'HTML that is an archive, too',
    'a.html',
    Buffer.concat([Buffer.from('<html>'), zip([{ name: 'b.js' }])]),
    [],
    'a.html/b.js',
  ],
  ['macros under another name', 'a.docx', docx('word/data.bin', ole(['VBA', 'x'])), ['macro']],
  ['macros in a document that says it has none', 'a.docx', docx('word/vbaProject.bin', 'x'), ['macro']],
  ['macros of LibreOffice', 'a.odt', zip([{ name: 'Basic/script-lc.xml' }]), ['macro']],
  [
    'macros of Excel 4 in an old workbook',
    'a.xls',
    ole(
      ['Workbook'],
      Buffer.concat([
        Buffer.from([9, 8, 0, 0, 0x85, 0, 9, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0x41, 0x0a, 0, 0, 0]),
        Buffer.alloc(8_000),
      ]),
    ),
    ['macro'],
  ],
  [
    'an old workbook that is encrypted',
    'a.xls',
    ole(['Workbook'], Buffer.concat([Buffer.from([0x2f, 0, 0, 0, 0x0a, 0, 0, 0]), Buffer.alloc(8_000)])),
    ['encrypted'],
  ],
  ['an encrypted document of today', 'a.docx', ole(['EncryptedPackage']), ['encrypted']],
  [
    'an encrypted document of LibreOffice',
    'a.odt',
    zip([{ name: 'META-INF/manifest.xml', data: '<manifest:encryption-data/>' }]),
    ['encrypted'],
  ],
  [
    'a template from elsewhere',
    'a.docx',
    docx(rels, relations('attachedTemplate', 'https://far.example/t.dotm')),
    ['template'],
  ],
  [
    'a template in a shared folder',
    'a.docx',
    docx(rels, relations('attachedTemplate', 'file://far.example/t.dotm')),
    ['template'],
  ],
  [
    'a template whose address is written in numbers',
    'a.docx',
    docx(rels, relations('attachedTemplate', '&#x68;ttp://far.example/t')),
    ['template'],
  ],
  [
    'relations in UTF-16',
    'a.docx',
    docx(rels, utf16(relations('attachedTemplate', 'http://far.example/t'))),
    ['template'],
  ],
  [
    'a template of this machine',
    'a.docx',
    docx(rels, relations('attachedTemplate', 'file:///C:\\Templates\\Normal.dotm')),
    [],
  ],
  ['links', 'a.docx', docx('word/_rels/document.xml.rels', relations('hyperlink', 'https://far.example/')), []],
  [
    'an object that is fetched',
    'a.docx',
    docx('word/_rels/document.xml.rels', relations('oleObject', 'mhtml:https://far.example/x!y')),
    ['template'],
  ],
  [
    'DDE in a text',
    'a.docx',
    docx('word/document.xml', '<w:instrText> DDEAUTO c:\\\\windows\\\\cmd.exe</w:instrText>'),
    ['script'],
  ],
  [
    'DDE in a sheet',
    'a.xlsx',
    docx('xl/externalLinks/externalLink1.xml', '<ddeLink ddeService="cmd" ddeTopic="/c calc"/>'),
    ['script'],
  ],
  ['DDE in a table of text', 'a.csv', "a,b\n=cmd|' /C calc'!A0,x\n", ['script']],
  ['a template of RTF', 'a.rtf', '{\\rtf1{\\*\\template http://far.example/t}}', ['template']],
  [
    'a PDF whose script is compressed',
    'a.pdf',
    Buffer.concat([
      Buffer.from('%PDF-1.7\n1 0 obj <</Type /ObjStm /N 1 /Filter /FlateDecode>> stream\n'),
      deflateSync('1 0 <</S /JavaScript /JS (x)>>'),
      Buffer.from('\nendstream'),
    ]),
    ['pdf'],
  ],
  [
    'a file in a PDF',
    'a.pdf',
    '%PDF-1.7\n<</Type /Filespec /F (bill.exe) /EF <</F 1 0 R>>>> <</Type /EmbeddedFile>>',
    [],
    'a.pdf/bill.exe',
  ],
  ['HTML behind much else', 'a.html', `<!--${'x'.repeat(5_000)}--><script>new Blob([atob("x")])</script>`, ['script']],
  ['HTML with a file in a link', 'a.htm', '<html><a href="data:application/zip;base64,UEsDBA==">bill</a>', ['script']],
  ['SVG that runs when it is shown', 'a.svg', '<svg xmlns="x" onload="x()"></svg>', ['script']],
  [
    'a shortcut in an archive',
    'a.zip',
    zip([{ name: 'b', data: Buffer.from('L\0\0\0\x01\x14\x02\0\0\0\0\0', 'latin1') }]),
    ['type'],
  ],
  [
    'OneNote in an archive',
    'a.zip',
    zip([{ name: 'b', data: Buffer.from('\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d', 'latin1') }]),
    ['type'],
  ],
  ['a program in an envelope of Outlook', 'winmail.dat', tnef('bill.exe', PROGRAM), ['type'], 'winmail.dat/bill.exe'],
  ['a program, compressed', 'a.gz', gzipSync(PROGRAM), ['type'], 'a.gz/content'],
  ['a program by Zstandard', 'a.zst', zstdCompressSync(PROGRAM), ['type'], 'a.zst/content'],
  [
    'a program in an archive that is compressed',
    'a.gz',
    gzipSync(zip([{ name: 'b', data: PROGRAM }])),
    ['type'],
    'a.gz/b',
  ],
  ['an encrypted file', 'a.zip', zip([{ name: 'b.doc', isEncrypted: true }]), ['encrypted'], 'a.zip/b.doc'],
  ['a name of other letters', 'a.zip', zip([{ name: 'счёт.js' }]), [], 'a.zip/счёт.js'],
]

/** [MS-OXTNEF]: an envelope with one attachment. */
function tnef(title: string, data: Buffer): Buffer {
  const attribute = (tag: number, value: Buffer): Buffer => {
    const head = Buffer.alloc(9)
    head[0] = 2
    head.writeUInt32LE(tag, 1)
    head.writeUInt32LE(value.length, 5)
    return Buffer.concat([head, value, Buffer.alloc(2)])
  }
  return Buffer.concat([
    Buffer.from('\x78\x9f\x3e\x22\0\0', 'latin1'),
    attribute(0x0006_9002, Buffer.alloc(14)),
    attribute(0x0001_8010, Buffer.from(`${title}\0`)),
    attribute(0x0006_800f, data),
  ])
}

for (const [what, name, octets, wanted, listed] of TRICKS)
  test(`${what}: ${wanted.join(' and ') || 'nothing but its name'}`, async () => {
    const { files, signals } = await inspect(name, octets)
    assert.deepEqual([...new Set(signals.map(([signal]) => signal))].sort(), [...wanted].sort(), signals.join('; '))
    if (listed !== undefined) assert.ok(files.includes(listed), files.join())
  })

test('a file that breaks the reader does not hide the next one', async () => {
  const files = [
    {
      name: 'deep.gz',
      octets: Array.from({ length: 100 }).reduce<Buffer>((inner) => gzipSync(inner), Buffer.from('x')),
    },
    { name: 'b.zip', octets: zip([{ name: 'c', data: PROGRAM }]) },
  ]
  const { found, lost } = await inspections.ask({ files, limits: LIMITS })
  assert.deepEqual(lost, [])
  assert.ok(found[0]?.signals.some(([signal]) => signal === 'unread'))
  assert.deepEqual(
    found[1]?.signals.map(([signal]) => signal),
    ['type'],
  )
})

const whole = [
  zip([
    { name: 'a.txt', data: 'x'.repeat(200) },
    { name: 'b.zip', data: zip([{ name: 'c' }]) },
  ]),
  docx(rels, relations('attachedTemplate', 'http://far.example/t')),
  ole(['Workbook', 'VBA'], Buffer.alloc(6_000, 1)),
  gzipSync('x'.repeat(500)),
  tnef('a.exe', PROGRAM),
  Buffer.from('%PDF-1.7\n<</S /JavaScript>>'),
  Buffer.from('{\\rtf1{\\object\\objdata 00}}'),
  Buffer.from('<html><script>atob(1)</script>'),
  Buffer.from('\x60\xea\x2a\0\x22\x0b\x01\x02\x10\0\x02', 'latin1'),
  Buffer.from("SZDD\x88\xf0'3A\0\x10\0\0\0\xffabcdefgh", 'latin1'),
]

test('anything can be looked into: octets are changed, cut and put behind each other, and no thread is lost', async () => {
  const names = fc.constantFrom('a', 'a.zip', 'a.doc', 'a.pdf', 'a.html', 'a.csv')
  const changes = fc.array(fc.tuple(fc.nat(10_000), fc.nat(255)), { maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...whole), names, changes, fc.nat(10_000), async (base, name, changed, cut) => {
      const octets = Buffer.from(base)
      for (const [at, octet] of changed) octets[at % octets.length] = octet
      await inspect(name, cut % 3 === 0 ? octets.subarray(0, cut % octets.length) : octets)
    }),
    { numRuns: 300 },
  )
})
