/**
 * End-of-data look-alikes of the public suite, and our own, sent to the whole engine: only CRLF.CRLF ends a message, at every cut of the octets, or
 * another message could be smuggled in. CVE-2023-51764, CVE-2023-51765, CVE-2023-51766.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import net from 'node:net'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startServer } from '../dialogues/server.ts'

const suites = process.env['POSTROAD_SUITES'] ?? fileURLToPath(new URL('../../../shared/suites', import.meta.url))
const file = `${suites}/smtp-smuggling-sequences/eod-sequences.json`
const skip = existsSync(file) ? false : 'needs the suite smtp-smuggling-sequences: set POSTROAD_SUITES'

interface Suite {
  readonly inbound: readonly { readonly id: string; readonly bytes: string }[]
  readonly outbound_extra: readonly { readonly id: string; readonly bytes: string }[]
}

const suite: Suite = skip ? { inbound: [], outbound_extra: [] } : JSON.parse(readFileSync(file, 'utf8'))
const OURS = [
  '\r\n.\r\r\n',
  '\n\r\n.\n',
  '\r\r\n.\r\r\n',
  '\r\n.\n\r\n',
  '\0\r\n.\n',
  '\x85.\x85',
  '\r\n .\r\n',
  '\r\n.\t\r\n',
  '\n..\r\n',
  '\v.\v',
  '\f.\f',
]
const BEGIN = 'EHLO client.test\r\nMAIL FROM:<good@client.test>\r\nRCPT TO:<b@mx.test>\r\nDATA\r\n'
const SMUGGLED = {
  DATA: 'MAIL FROM:<evil@client.test>\r\nRCPT TO:<b@mx.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx',
  BDAT: 'MAIL FROM:<evil@client.test>\r\nRCPT TO:<b@mx.test>\r\nBDAT 4 LAST\r\nx\r\n',
}

/** Sends the octets in pieces and gives all that comes back. */
async function exchange(port: number, pieces: readonly Buffer[]): Promise<string> {
  const socket = net.connect({ host: '127.0.0.1', port, noDelay: true })
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  for (const piece of pieces) {
    await new Promise((resolve) => socket.write(piece, resolve))
    if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve))
  }
  await new Promise((resolve, reject) => socket.once('close', resolve).once('error', reject))
  return text
}

/** Replies to whole messages: what comes after each 354, and no more of them than there were messages. */
function messageResults(text: string): number {
  return text.split('\r\n').filter((line) => /^(?:250 2\.\S+ .*taken$|550 5\.6\.11)/.test(line)).length
}

for (const { id, bytes } of [
  ...suite.inbound,
  ...suite.outbound_extra,
  ...OURS.map((text, i) => ({ id: `ours-${i}`, bytes: text })),
])
  for (const [kind, smuggled] of Object.entries(SMUGGLED))
    test(`RFC 5321 §4.1.1.4: ${id} (${JSON.stringify(bytes)}) does not end a message, before ${kind}`, {
      skip,
    }, async () => {
      await using server = await startServer({ limits: { errors: 100 } })
      const octets = Buffer.from(`${BEGIN}Subject: good${bytes}${smuggled}\r\n.\r\nQUIT\r\n`, 'latin1')
      const at = BEGIN.length + 'Subject: good'.length
      const runs: Buffer[][] = [[octets]]
      for (let cut = at - 1; cut <= at + bytes.length + 1; cut++)
        runs.push([octets.subarray(0, cut), octets.subarray(cut)])
      const around = [...octets.subarray(at - 1, at + bytes.length + 1)].map((octet) => Buffer.from([octet]))
      runs.push([octets.subarray(0, at - 1), ...around, octets.subarray(at + bytes.length + 1)])
      for (const run of runs) {
        server.taken.length = 0
        const text = await exchange(server.port, run)
        assert.equal(messageResults(text), 1, text)
        assert.ok(server.taken.every(({ from }) => from === 'good@client.test'))
        assert.ok(server.taken.length <= 1)
        for (const { text: content } of server.taken) assert.doesNotMatch(content, /\r(?!\n)|(?<!\r)\n/)
      }
    })

test('CVE-2023-51764: normalised mail has no bare line end, and its dots end nothing', async () => {
  await using server = await startServer({ bareLineEndings: 'normalise' })
  for (const bytes of ['\n.\n', '\r.\r', '\n.\r\n', '\r\n.\n', '\r.\r\n']) {
    server.taken.length = 0
    const octets = Buffer.from(`${BEGIN}Subject: good${bytes}${SMUGGLED.DATA}\r\n.\r\nQUIT\r\n`, 'latin1')
    for (let cut = BEGIN.length; cut < BEGIN.length + 20; cut++)
      await exchange(server.port, [octets.subarray(0, cut), octets.subarray(cut)])
    assert.equal(server.taken.length, 20)
    for (const { from, text } of server.taken) {
      assert.equal(from, 'good@client.test')
      assert.doesNotMatch(text, /\r(?!\n)|(?<!\r)\n/)
    }
  }
})

test('RFC 5321 §2.3.8: what is said to have no bare CR or LF was looked at: text as it came is, binary and repaired mail is not', async () => {
  await using server = await startServer({ bareLineEndings: 'normalise' })
  const mail = (parameters: string) =>
    `EHLO client.test\r\nMAIL FROM:<a@client.test>${parameters}\r\nRCPT TO:<b@mx.test>\r\n`
  const data = (body: string) => `${mail('')}DATA\r\nSubject: x\r\n\r\n${body}\r\n.\r\nQUIT\r\n`
  const bdat = (parameters: string, ...chunks: readonly string[]) =>
    `${mail(parameters)}${chunks.map((chunk, i) => `BDAT ${chunk.length}${i === chunks.length - 1 ? ' LAST' : ''}\r\n${chunk}`).join('')}QUIT\r\n`
  const cases: readonly (readonly [string, boolean])[] = [
    [data('plain\r\n..\r\n.x'), true],
    [data('bare\nhere'), false],
    [data('bare\rhere'), false],
    [data('x\r\n.\rhere'), false],
    [bdat('', 'x\r\n', 'no end'), true],
    [bdat('', 'x\r', '\ny\r\n'), true],
    [bdat('', 'x\r\n', 'cut short\r'), false],
    [bdat(' BODY=BINARYMIME', 'x\r\n\r\nbare\n'), false],
    [bdat(' BODY=BINARYMIME', 'x\r\n'), false],
  ]
  for (const [text, hasOnlyCrlf] of cases) {
    const octets = Buffer.from(text, 'latin1')
    for (let cut = octets.length - 40; cut <= octets.length; cut++) {
      server.taken.length = 0
      await exchange(
        server.port,
        [octets.subarray(0, cut), octets.subarray(cut)].filter(({ length }) => length > 0),
      )
      assert.deepEqual(
        server.taken.map((taken) => taken.hasOnlyCrlf),
        [hasOnlyCrlf],
        JSON.stringify(text),
      )
    }
  }
})
