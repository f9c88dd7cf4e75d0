/**
 * The example `change-bodies`: what it takes out of messages and puts into them is signed after that, and the signatures are good at the
 * receiver: by our own plugins, and by the npm package mailauth alone.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { arc } from '@postroad/arc'
import { authResults } from '@postroad/auth-results'
import { parseAuthResults } from '@postroad/authres'
import { dkim } from '@postroad/dkim'
import { zoneDns } from '@postroad/dns'
import { messageFromBytes } from '@postroad/message'
import { Dns } from '@postroad/plugin'
import { createSink, fakeClock, sessionWith } from '@postroad/testing'
import { authenticate } from 'mailauth'
import { command, type Example, startExample } from './run.ts'

const TEXT = 'Müller & Söhne GmbH, Amtsgericht Köln, HRB 1234'
const HEAD = 'From: Jörg <jörg@example.test>\r\nTo: bob@elsewhere.test\r\nSubject: Grüße\r\nMIME-Version: 1.0\r\n'
const PROGRAM =
  '--m\r\nContent-Type: application/octet-stream; name="a.exe"\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQAAM=\r\n'
const HTML = Buffer.from('<p>Grüße</p>').toString('base64')

/** Messages as one sends them, by what is hard about them; `has` is in what arrives. */
const MESSAGES = [
  {
    name: 'plain and eight bits',
    type: 'text/plain; charset=utf-8',
    encoding: '8bit',
    body: 'Grüße\r\n',
    has: [`Grüße\r\n\r\n${TEXT}\r\n`],
  },
  { name: 'us-ascii', type: 'text/plain', body: 'Hello.  \r\n\r\n\r\n', has: ['M=C3=BCller & S=C3=B6hne GmbH'] },
  {
    name: 'a multipart with eight bits, a program and a picture named beyond ASCII',
    type: 'multipart/mixed; boundary=m',
    encoding: '8bit',
    body:
      `--m \r\nContent-Type: multipart/alternative; boundary="a b"\r\n\r\n--a b\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n--a b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n` +
      `${HTML}\r\n--a b--\r\n${PROGRAM}--m\r\nContent-Type: image/png; name="größe.png"\r\n\r\nxä\r\n--m--\r\n`,
    has: [
      `Grüße\r\n\r\n${TEXT}\r\n\r\n--a b`,
      'Name:    a.exe',
      'Content-Type: image/png; name="größe.png"\r\n\r\nxä\r\n--m--',
    ],
  },
  {
    name: 'signed by its author',
    type: 'multipart/signed; boundary=s; protocol="application/pgp-signature"',
    encoding: '8bit',
    body: '--s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße \r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--s--\r\n',
    has: ['\r\n\r\nGrüße \r\n--s\r\n', 'M=C3=BCller & S=C3=B6hne GmbH'],
  },
  {
    name: 'encrypted',
    type: 'multipart/encrypted; boundary=e',
    body: '--e\r\n\r\nx\r\n--e--\r\n',
    has: ['\r\n\r\n--e\r\n\r\nx\r\n--e--\r\n'],
  },
] as const

let folder = ''
let example: Example
let sink: Awaited<ReturnType<typeof createSink>>
let record = ''

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-change-bodies-'))
  sink = await createSink()
  const keygen = [
    'dkim',
    'keygen',
    'example.test',
    '--selector',
    'mail',
    '--folder',
    folder,
    '--config',
    'examples/mx-gateway',
  ]
  const out = await command(keygen, { POSTROAD_FOLDER: folder })
  record = [...out.slice(out.indexOf('IN TXT')).matchAll(/"([^"]*)"/g)].map(([, text]) => text).join('')
  assert.match(record, /^v=DKIM1; .*p=\S{100}/)
  example = await startExample('change-bodies', {
    POSTROAD_FOLDER: folder,
    POSTROAD_PORT: '0',
    POSTROAD_RELAY: `127.0.0.1:${sink.port}`,
  })
})

after(async () => {
  assert.equal(await example.stop(), 0)
  await sink.close()
  await rm(folder, { recursive: true, force: true })
})

for (const { name, type, body, has, ...more } of MESSAGES)
  test(`${name}: dkim=pass and arc=pass at the receiver`, async () => {
    const encoding = 'encoding' in more ? `Content-Transfer-Encoding: ${more.encoding}\r\n` : ''
    const count = sink.transactions.length
    await send(`${HEAD}Content-Type: ${type}\r\n${encoding}\r\n${body}`)
    for (let tries = 0; tries < 1_000 && sink.transactions.length === count; tries++)
      await new Promise((wake) => setTimeout(wake, 10))
    const { message, from } = sink.transactions[count] ?? assert.fail('it does not arrive')
    assert.match(from, /^<jörg@example\.test>.* SMTPUTF8/)
    for (const text of has) assert.ok(message.includes(text), `${text} is in\n${message}`)
    assert.ok(!message.includes('TVqQAAM='))
    assert.deepEqual(await judgedByUs(message), { dkim: 'pass', arc: 'pass' })
    assert.deepEqual(await judgedByMailauth(message), { dkim: ['pass'], arc: 'pass' })
    const changed = Buffer.from(message.toString('latin1').replace(/\r\n$/, 'x\r\n'), 'latin1')
    assert.deepEqual((await judgedByMailauth(changed)).dkim, ['neutral'], 'the body is what is signed')
  })

test('what cannot be taken out of signed mail is refused', async () => {
  const signed = `Content-Type: multipart/signed; boundary=m\r\n\r\n${PROGRAM}--m--\r\n`
  await assert.rejects(send(`${HEAD}${signed}`), /^Error: 550 5\.7\.1 .*signed/)
})

/** Every octet as it is: mail clients of npm would encode it. */
async function send(text: string): Promise<void> {
  const socket = net.connect(example.ports['out'] ?? 0, '127.0.0.1')
  const replies = readReplies(socket)
  const lines = [
    'EHLO mail.example.test',
    'MAIL FROM:<jörg@example.test> SMTPUTF8 BODY=8BITMIME',
    'RCPT TO:<bob@elsewhere.test>',
    'DATA',
    `${text}.`,
    'QUIT',
  ]
  try {
    for (const line of [undefined, ...lines]) {
      if (line !== undefined) socket.write(`${line}\r\n`)
      const { value: reply = '' } = await replies.next()
      if (!/^[23]/.test(reply)) throw new Error(reply)
    }
  } finally {
    socket.destroy()
  }
}

async function* readReplies(socket: net.Socket): AsyncGenerator<string, string> {
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) {
    text += chunk
    for (let end = /^\d{3} .*\r\n/m.exec(text); end; end = /^\d{3} .*\r\n/m.exec(text)) {
      yield end[0].trimEnd()
      text = text.slice(end.index + end[0].length)
    }
  }
  return ''
}

async function judgedByUs(message: Buffer): Promise<Record<string, string>> {
  const zone = zoneDns({ 'mail._domainkey.example.test': { TXT: [record] } })
  let results: Record<string, string> = {}
  await sessionWith(
    { services: [[Dns, zone]], clock: fakeClock(Date.now()) },
    dkim(),
    arc({ trust: ['example.test'] }),
    authResults(),
  )
    .mail('jörg@example.test')
    .data(message)
    .expectDelivered(({ bytes }) => {
      const [field = ''] = messageFromBytes(bytes).headers.all('authentication-results')
      results = Object.fromEntries(
        (parseAuthResults(field)?.results ?? []).map(({ method, result }) => [method, result]),
      )
    })
  return results
}

async function judgedByMailauth(message: Buffer): Promise<{ dkim: (string | undefined)[]; arc: string | undefined }> {
  const found = await authenticate(message, {
    ip: '192.0.2.1',
    helo: 'out.example.test',
    sender: 'j@example.test',
    resolver: async (name: string, type: string) => {
      if (type === 'TXT' && name === 'mail._domainkey.example.test') return [[record]]
      throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' })
    },
  } as never) // its types want more than it reads
  return { dkim: found.dkim.results.map(({ status }) => status.result), arc: (found.arc || undefined)?.status?.result }
}
