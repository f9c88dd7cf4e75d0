import { gzipSync } from 'node:zlib'
import { pluginContract, testPlugin } from '@postroad/testing'
import { attachments } from './index.ts'
import { zip } from './make-archive.test.ts'

function attached(name: string, content: Buffer | string = 'x'): string {
  const base64 = Buffer.from(content).toString('base64').replace(/.{76}/g, '$&\n')
  return `From: a@b.test\nMIME-Version: 1.0\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename="${name}"\nContent-Transfer-Encoding: base64\n\n${base64}\n`
}

const RELATION =
  '<Relationship Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate" Target="http://evil.test/a.dotm" TargetMode="External"/>'

/** [name, message, points, signals] */
const cases: readonly (readonly [name: string, data: string, points: number, signals: readonly string[]])[] = [
  ['a text', attached('a.txt'), 0, []],
  ['a picture', attached('a.png', '\x89PNG\r\n\x1a\n'), 0, []],
  ['a document', attached('a.docx', zip([{ name: 'word/document.xml' }])), 0, []],
  ['a program by its name', attached('a.EXE'), 4, ['name']],
  ['a program by its octets', attached('a.png', 'MZ\x90\0'), 5, ['type']],
  ['a name with two endings', attached('bill.pdf .exe'), 7, ['name', 'disguise']],
  ['a name whose writing is turned around', attached('=?utf-8?Q?bill=E2=80=AEfdp.txt?='), 3, ['disguise']],
  ['a program in an archive', attached('a.zip', zip([{ name: 'b/c.js' }])), 4, ['name']],
  ['a program in an archive by its octets', attached('a.zip', zip([{ name: 'b', data: 'MZ\x90\0' }])), 5, ['type']],
  [
    'a program in an archive in an archive',
    attached('a.zip', zip([{ name: 'b.zip', data: zip([{ name: 'c.js' }]) }])),
    5,
    ['nested', 'name'],
  ],
  ['what is compressed by itself', attached('a.gz', gzipSync('MZ\x90\0')), 5, ['type']],
  ['an encrypted archive', attached('a.zip', zip([{ name: 'b.doc', isEncrypted: true }])), 1.5, ['encrypted']],
  ['macros', attached('a.docm', zip([{ name: 'word/vbaProject.bin' }])), 3, ['macro']],
  ['macros of Excel 4', attached('a.xlsx', zip([{ name: 'xl/macrosheets/sheet1.xml' }])), 3, ['macro']],
  [
    'a template from elsewhere',
    attached('a.docx', zip([{ name: 'word/_rels/settings.xml.rels', data: RELATION }])),
    3,
    ['template'],
  ],
  ['an object in RTF', attached('a.doc', '{\\rtf1 {\\object\\objemb{\\*\\objdata 0105}}}'), 2.5, ['object']],
  ['a PDF with a script', attached('a.pdf', '%PDF-1.7\n<< /OpenAction << /S /J#61vaScript /JS (x) >> >>'), 2, ['pdf']],
  ['a PDF that is encrypted', attached('a.pdf', '%PDF-1.7\n<< /Encrypt 1 0 R >>'), 1.5, ['encrypted']],
  ['HTML that makes a file', attached('a.html', '<html><script>new Blob([atob("x")])</script>'), 3, ['script']],
  ['a script in SVG', attached('a.svg', '<svg xmlns="x"><script>x</script></svg>'), 3, ['script']],
  ['an archive that is damaged', attached('a.zip', zip([{ name: 'b' }]).subarray(0, 20)), 1, ['unread']],
]

testPlugin(attachments, [
  ...cases.map(([name, data, points, signals]) => ({
    name: `${name} is worth ${points} points for ${signals.join(' and ') || 'nothing'}`,
    data,
    expect: { accepted: true as const, points },
  })),
  {
    name: 'the fact says what is in it, and where',
    data: attached('a.zip', zip([{ name: 'b.exe' }, { name: 'c.txt' }])),
    expect: {
      facts: {
        attachments: {
          files: ['a.zip', 'a.zip/b.exe', 'a.zip/c.txt'],
          signals: [{ signal: 'name', weight: 4, evidence: ['a.zip/b.exe'] }],
        },
      },
    },
  },
  {
    name: 'refused when the operator says so',
    options: { weights: { name: 'reject' }, names: '*.txt' },
    data: attached('a.txt'),
    expect: { refused: '5.7.1', at: 'message', text: /attachment that is not taken here: name, a\.txt/ },
  },
  {
    name: 'what is too large is not looked into',
    options: { size: '1 KiB' },
    data: attached('a.bin', 'x'.repeat(2_000)),
    expect: { points: 1 },
  },
  {
    name: 'nothing when the operator says so',
    options: { weights: { name: 'none' } },
    data: attached('a.exe'),
    expect: { points: 0 },
  },
])
pluginContract(attachments)
