import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import { pluginContract, testPlugin } from '@postroad/testing'
import { findWanted } from './strip/find.ts'
import { stripOptions, wantedBy } from './strip/options.ts'
import { remove } from './strip/remove.ts'
import { stripAttachments } from './strip-attachments.ts'

const options = stripOptions.parse({ names: ['*.exe', 'w?nmail.*'], types: ['video/*'], text: 'Removed.' })

/** What becomes of a message, line ends as they are: one character an octet. */
async function stripped(text: string, more: object = {}): Promise<string> {
  const message = messageFromBytes(Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1'))
  const all = { ...options, ...more }
  const found = await findWanted(message, { depth: all.depth, wanted: wantedBy(all) })
  if (found.untouchable !== undefined) return found.untouchable
  if (found.parts.length === 0) return text
  const out = (await remove(message, found.parts, all.text)).message
  return Buffer.concat(out.chunks?.() ?? [])
    .toString('latin1')
    .replaceAll('\r\n', '\n')
}

const sha = (content: string | Buffer) => createHash('sha256').update(content).digest('hex')
const FIELDS =
  'Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\nContent-Disposition: inline\n'
const words = (type: string, content: string | Buffer, name?: string) =>
  `Removed.\n\n${name === undefined ? '' : `Name:    ${name}\n`}Type:    ${type}\nSize:    ${Buffer.byteLength(content)} octets\nSHA-256: ${sha(content)}`
const mixed = (...parts: string[]) => within('Subject: x\n', ...parts)
const within = (head: string, ...parts: string[]) =>
  `${head}Content-Type: multipart/mixed; boundary=b\n\npreamble\n${parts.map((part) => `--b\n${part}\n`).join('')}--b--\nepilogue\n`
const TEXT = 'Content-Type: text/plain\n\nGr\xfc\xdfe\n'

test('a part goes by its name or its type, and says what it was; all else stays', async () => {
  const program = 'Content-Type: application/octet-stream; name=a.exe\nContent-Transfer-Encoding: base64\n\nTVqQ\nAAM='
  const octets = Buffer.from('TVqQAAM=', 'base64')
  assert.equal(
    await stripped(mixed(TEXT, program, TEXT)),
    mixed(TEXT, `${FIELDS}\n${words('application/octet-stream', octets, 'a.exe')}`, TEXT),
  )
  const video = 'Content-Type: Video/MP4\nContent-Transfer-Encoding: quoted-printable\n\na=3D=\nb  \nc'
  assert.equal(await stripped(mixed(video)), mixed(`${FIELDS}\n${words('video/mp4', 'a=b\r\nc')}`))
  const harmless = mixed('Content-Type: text/plain; name=exe.txt\n\nx')
  assert.equal(await stripped(harmless), harmless)
})

test('names are found as readers of mail show them', async () => {
  for (const field of [
    'Content-Disposition: attachment; filename="A.EXE"',
    'Content-Disposition: attachment; filename=A.EXE ',
    'content-disposition:attachment;\n\tFileName\t=\n "a b.exe"',
    "Content-Disposition: attachment; filename*=utf-8''r%C3%A9sum%C3%A9%2Eexe",
    "Content-Disposition: attachment; filename*0*=''invoice%2E; filename*1=exe",
    'Content-Disposition: attachment; filename*1=xe; filename*0="a.e"',
    'Content-Disposition: attachment; filename="=?utf-8?B?aW52b2ljZS5leGU=?="',
    'Content-Disposition: attachment; filename="=?us-ascii?Q?a=2E?= =?us-ascii?Q?exe?="',
    'Content-Disposition: attachment; filename="a\\.exe"',
    'Content-Disposition: attachment (; filename=x.txt) ; filename=a.exe',
    'Content-Disposition: attachment; filename=a.txt; filename=a.exe',
    'Content-Type: text/plain; name="a.exe"\nContent-Disposition: attachment; filename=a.txt',
    'Content-Disposition: inline;; =x; y; filename=my file.exe',
    'Content-Disposition: attachment; filename="winmail.dat"',
    'Content-Disposition: attachment; filename="a.exe',
  ])
    assert.match(await stripped(mixed(`${field}\n\nx`)), /Removed\./, field)
})

test('a stranger’s name is one line of the notice, whatever is in it', async () => {
  const name = `%E2%80%AEcod%0D%0ASubject:${'y'.repeat(300)}.exe`
  const out = await stripped(mixed(`Content-Disposition: attachment; filename*=utf-8''${name}\n\nx`))
  assert.match(out, /Name: {4}=EF=BF=BDcod=EF=BF=BD=EF=BF=BDSubject:y/)
  assert.ok(out.length < 900)
})

test('parts within parts, and in messages within the message, down to a depth', async () => {
  const program = 'Content-Disposition: attachment; filename=a.exe\n\nx'
  const notice = `${FIELDS}\n${words('text/plain', 'x', 'a.exe')}`
  const deep = (part: string) =>
    `Content-Type: multipart/mixed; boundary="c d"\n\n--c d \n${TEXT}\n--c d\t\nContent-Type: message/rfc822\n\nSubject: inner\n` +
    `Content-Type: multipart/related; boundary=e\n\n--e\n${part}\n--e--\n--c d--`
  assert.equal(await stripped(mixed(deep(program), TEXT)), mixed(deep(notice), TEXT))
  const forwarded = (inner: string) => mixed(`Content-Type: message/rfc822; name=f.eml\n\n${inner}`)
  assert.equal(
    await stripped(forwarded('Subject: inner\nContent-Type: video/x\nFrom: a\ncontent-id: <1>\n\nx')),
    forwarded(`Subject: inner\n${FIELDS}From: a\n\n${words('video/x', 'x')}\n`),
  )
  assert.equal(
    await stripped(forwarded(program), { depth: 0 }),
    mixed(`${FIELDS}\n${words('message/rfc822', program.replaceAll('\n', '\r\n'), 'f.eml')}`),
  )
  const hidden = mixed(`Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n${btoa(program)}`)
  assert.match(await stripped(hidden), /Type: {4}message\/rfc822\nSize: {4}50 octets/)
})

test('the message itself may be the attachment', async () => {
  const head =
    'Received: x\nContent-Type: video/x\nContent-Type: video/x\nSubject: x\nContent-Transfer-Encoding: base64\nContent-ID: <1>\n'
  assert.equal(
    await stripped(`${head}\nAAAA\n`),
    `Content-Disposition: inline\nMIME-Version: 1.0` +
      `\nReceived: x\nContent-Type: text/plain; charset=utf-8\nSubject: x\nContent-Transfer-Encoding: quoted-printable\n\n${words('video/x', Buffer.alloc(3))}\n`,
  )
  const embedded = 'Subject: x\nContent-Type: message/rfc822\n\nContent-Disposition: attachment; filename=a.exe\n\nx\n'
  assert.match(await stripped(embedded), /^Subject: x\nContent-Type: message\/rfc822\n\nContent-Type: text\/plain/)
})

test('the last alternative makes way for the text: its notice is not what is shown', async () => {
  const alternative = (...parts: string[]) => mixed(...parts).replace('/mixed', '/alternative')
  const notice = `${FIELDS}\n${words('video/x', 'x')}`
  const video = 'Content-Type: video/x\n\nx'
  assert.equal(await stripped(alternative(TEXT, video)), alternative(notice, TEXT))
  assert.equal(await stripped(alternative(TEXT, video, video)), alternative(notice, notice, TEXT))
  assert.equal(await stripped(alternative(video, TEXT)), alternative(notice, TEXT))
  assert.equal(await stripped(alternative(video)), alternative(notice))
})

test('odd ends of parts', async () => {
  const notice = `${FIELDS}\n${words('video/x', '')}`
  assert.equal(await stripped(mixed('Content-Type: video/x\n').replace('video/x\n\n', 'video/x\n\n')), mixed(notice))
  assert.equal(await stripped(mixed('Content-Type: video/x')), mixed(notice), 'no empty line')
  const open = 'Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: video/x\n\nx\n'
  assert.equal(
    await stripped(open),
    `Content-Type: multipart/mixed; boundary=b\n\n--b\n${FIELDS}\n${words('video/x', 'x\r\n')}`,
  )
  // The inner multipart is not ended; the outer one goes on.
  const inner =
    'Content-Type: multipart/mixed; boundary=i\n\n--i\nContent-Type: multipart/mixed; boundary=j\n\n--j\n\nx'
  assert.equal(await stripped(mixed(inner, 'Content-Type: video/x\n\n')), mixed(inner, notice))
  const digest = mixed('\nSubject: a\nContent-Type: video/x\n\nx').replace('/mixed', '/digest')
  assert.equal(
    await stripped(digest),
    mixed(`\nSubject: a\n${FIELDS}\n${words('video/x', 'x')}\n`).replace('/mixed', '/digest'),
  )
})

test('what is signed, or to be read in two ways, is not touched', async () => {
  const program = 'Content-Disposition: attachment; filename=a.exe\n\nx'
  const signed = mixed(program, 'Content-Type: application/pgp-signature\n\nx').replace('/mixed', '/signed')
  assert.match(await stripped(signed), /signed/)
  assert.match(await stripped(mixed(signed.replaceAll('--b', '--s').replace('=b', '=s').slice(11))), /signed/)
  const harmless = signed.replace('a.exe', 'a.txt')
  assert.equal(await stripped(harmless), harmless)
  for (const twice of [
    mixed(TEXT).replace('Subject: x', 'Content-Type: text/plain'),
    mixed(TEXT).replace('boundary=b', 'boundary=b; boundary=c'),
  ])
    assert.match(await stripped(twice), /several things/)
})

const attached = (name: string, type = 'multipart/mixed') =>
  `Subject: x\nContent-Type: ${type}; boundary=b\n\n--b\nContent-Type: text/plain; name="${name}"\n\nx\n--b--\n`
testPlugin(
  stripAttachments,
  [
    {
      name: 'what is delivered is without it',
      data: attached('a.exe'),
      expect: {
        delivered: ({ bytes }) => assert.match(String(bytes), /An attachment was removed[\s\S]*Name: {4}a\.exe\r\n/),
      },
    },
    {
      name: 'others are delivered',
      data: attached('a.txt'),
      expect: { delivered: ({ bytes }) => assert.match(String(bytes), /a\.txt/) },
    },
    {
      name: 'what is signed is refused',
      data: attached('a.exe', 'multipart/signed'),
      expect: { refused: '5.7.1', text: /signed/ },
    },
    {
      name: 'or set aside',
      options: { names: ['*.exe'], untouchable: 'quarantine' },
      data: attached('a.exe', 'multipart/signed'),
      expect: { quarantined: /signed/ },
    },
    {
      name: 'or delivered as it is',
      options: { names: ['*.exe'], untouchable: 'leave' },
      data: attached('a.exe', 'multipart/signed'),
      expect: { delivered: ({ bytes }) => assert.match(String(bytes), /a\.exe/) },
    },
    {
      name: 'a structure without end is refused',
      data: `Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(1100)}`,
      expect: { refused: '5.7.1', text: /too many parts/ },
    },
    { name: 'nothing to remove is a mistake', options: {}, expect: { mistake: /names or types/ } },
    { name: 'a type that is none', options: { types: ['exe'] }, expect: { mistake: /types/ } },
  ],
  { options: { names: ['*.exe'] } },
)
pluginContract(stripAttachments, { options: { names: ['*.exe'] }, large: 5_000_000 })
