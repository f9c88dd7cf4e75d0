/**
 * What we send onward: whatever a message has in it, and however it is cut, no next hop can read an end of data in it but the one there is, and
 * no bare CR or LF to be lenient about. CVE-2023-51764 from the sending side.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { fixedTransport } from '@postroad/delivery'
import { type Job, makeAddress } from '@postroad/mail'
import { createSink } from '@postroad/testing'
import fc from 'fast-check'

const suites = process.env['POSTROAD_SUITES'] ?? fileURLToPath(new URL('../../../shared/suites', import.meta.url))
const file = `${suites}/smtp-smuggling-sequences/eod-sequences.json`
const skip = existsSync(file) ? false : 'needs the suite smtp-smuggling-sequences: set POSTROAD_SUITES'
const suite: { inbound: { id: string; bytes: string }[]; outbound_extra: { id: string; bytes: string }[] } = skip
  ? { inbound: [], outbound_extra: [] }
  : JSON.parse(readFileSync(file, 'utf8'))
const SMUGGLED = 'MAIL FROM:<evil@client.test>\r\nRCPT TO:<b@mx.test>\r\nDATA\r\nx'

function jobOf(chunks: readonly Uint8Array[], inMemory: boolean): Job {
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  return {
    route: { via: 'smtp' },
    from: makeAddress('a', 'client.test'),
    parameters: {},
    recipients: [{ address: makeAddress('b', 'mx.test'), parameters: {} }],
    message: {
      size,
      raw: async function* () {
        yield* chunks
      },
      ...(inMemory && { chunks: () => chunks }),
    },
    signal: new AbortController().signal,
  }
}

/** Nothing but CRLF ends a line, every line that begins with a dot has another, and the end is the end. */
function assertSafe(raw: Buffer): void {
  const text = raw.toString('latin1')
  assert.ok(text === '.\r\n' || text.endsWith('\r\n.\r\n'))
  const body = text.slice(0, -3)
  assert.doesNotMatch(body, /\r(?!\n)|(?<!\r)\n/)
  for (const line of body.split('\r\n')) assert.ok(!line.startsWith('.') || line.startsWith('..'), JSON.stringify(line))
}

for (const { id, bytes } of [...suite.inbound, ...suite.outbound_extra])
  test(`RFC 5321 §4.5.2: ${id} (${JSON.stringify(bytes)}) goes out as content, at every cut`, { skip }, async () => {
    const sink = await createSink()
    const transport = fixedTransport({
      hostname: 'client.test',
      host: sink.host,
      port: sink.port,
      tls: { mode: 'none' },
    })
    const octets = Buffer.from(`Subject: x\r\n\r\na${bytes}${SMUGGLED}\r\n`, 'latin1')
    const from = 'Subject: x\r\n\r\n'.length
    let sent = 0
    for (let cut = from; cut <= from + bytes.length + 2; cut++)
      for (const inMemory of [false, true]) {
        const [outcome] = await transport.deliver(jobOf([octets.subarray(0, cut), octets.subarray(cut)], inMemory))
        assert.equal(outcome?.kind, 'delivered')
        assert.equal(sink.transactions.length, ++sent)
        assertSafe(sink.transactions.at(-1)?.raw ?? assert.fail())
      }
    await transport.close()
    await sink.close()
  })

test('RFC 5321 §2.3.8: any octets, cut anywhere, go out safe, and well-formed ones as they are', async () => {
  const sink = await createSink()
  const transport = fixedTransport({ hostname: 'client.test', host: sink.host, port: sink.port, tls: { mode: 'none' } })
  const pieces = fc.constantFrom(
    'a',
    '.',
    '..',
    '\r',
    '\n',
    '\r\n',
    '\r\n.',
    '\r\n..',
    '\r\n.\r\n',
    '\0',
    'x'.repeat(70),
  )
  const bodies = fc.array(pieces, { maxLength: 20 }).map((parts) => parts.join(''))
  await fc.assert(
    fc.asyncProperty(bodies, fc.array(fc.nat(200), { maxLength: 6 }), fc.boolean(), async (body, cuts, inMemory) => {
      const octets = Buffer.from(`Subject: x\r\n\r\n${body}`, 'latin1')
      const bounds = [...new Set([0, ...cuts.map((cut) => cut % octets.length), octets.length])].sort((a, b) => a - b)
      const chunks = bounds.slice(1).map((bound, i) => octets.subarray(bounds[i], bound))
      const before = sink.transactions.length
      const [outcome] = await transport.deliver(jobOf(chunks, inMemory))
      assert.equal(outcome?.kind, 'delivered')
      assert.equal(sink.transactions.length, before + 1)
      const { raw, message } = sink.transactions.at(-1) ?? assert.fail()
      assertSafe(raw)
      const text = octets.toString('latin1')
      if (!/\r(?!\n)|(?<!\r)\n/.test(text) && text.endsWith('\r\n')) assert.equal(message.toString('latin1'), text)
    }),
    { numRuns: 300 },
  )
  await transport.close()
  await sink.close()
})
