import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { fakeClamd } from './clamd-fixture.test.ts'
import { ask, Instream, scan } from './instream.ts'
import { isWholeReply, parseScanReply } from './reply.ts'

const ever = new AbortController().signal
const message = (...chunks: readonly Uint8Array[]) => ({
  chunks: () => chunks,
  raw: async function* () {
    yield* chunks
  },
})

test('the octets arrive as they are, wherever the chunks end, and however few or many they are', async () => {
  await using clamd = await fakeClamd()
  const { daemon } = clamd
  const content = Buffer.from('Subject: x\r\n\r\nI bring VIRUS=Eicar with me\r\n')
  for (let cut = 0; cut <= content.length; cut++)
    assert.deepEqual(await scan(daemon, message(content.subarray(0, cut), content.subarray(cut)), ever), {
      kind: 'found',
      name: 'Eicar',
    })
  for (let size = 1; size <= content.length; size++) {
    const chunks = Array.from({ length: Math.ceil(content.length / size) }, (_, i) =>
      content.subarray(i * size, (i + 1) * size),
    )
    assert.equal((await scan(daemon, message(...chunks), ever)).kind, 'found')
  }
  for (const seen of clamd.messages) assert.deepEqual(seen, content)
  assert.deepEqual(await scan(daemon, message(), ever), { kind: 'clean' })
})

test('the octets arrive as they are, whatever they are', async () => {
  await using clamd = await fakeClamd({ answer: () => 'stream: OK\0' })
  const { daemon } = clamd
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 70_000 }), { maxLength: 6 }), async (chunks) => {
      assert.deepEqual(await scan(daemon, message(...chunks), ever), { kind: 'clean' })
      assert.deepEqual(clamd.messages.at(-1), Buffer.concat(chunks))
    }),
    { numRuns: 40 },
  )
})

test('a verdict that comes before everything was written is never lost, whenever it comes', async () => {
  await using clamd = await fakeClamd()
  const { daemon } = clamd
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.tuple(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 100 }), fc.nat(10_000)),
        fc.tuple(fc.integer({ min: 1, max: 400_000 }), fc.integer({ min: 1_000, max: 200_000 }), fc.nat(3_000_000)),
      ),
      async ([early, size, more]) => {
        clamd.behave({ early })
        const chunks = Array.from({ length: Math.ceil((early + more) / size) }, () => Buffer.alloc(size, 'x'))
        assert.deepEqual(await scan(daemon, message(...chunks), ever), { kind: 'limit', limit: 'StreamMaxLength' })
      },
    ),
    { numRuns: 40 },
  )
})

test('clamd that dies has found nothing, whenever it dies', async () => {
  await using clamd = await fakeClamd()
  const { daemon } = clamd
  for (const dies of [1, 1000, 100_000, 1_000_000]) {
    clamd.behave({ dies })
    await assert.rejects(scan(daemon, message(...Array.from({ length: 20 }, () => Buffer.alloc(100_000, 'x'))), ever))
  }
  clamd.behave({ answer: () => undefined })
  await assert.rejects(scan(daemon, message(Buffer.from('x')), ever), /hung up without an answer/)
  for (const answer of ['stream: OK', 'stream: Eicar FOU', 'stream: ', 'INSTREAM size']) {
    clamd.behave({ answer: () => answer })
    await assert.rejects(scan(daemon, message(Buffer.from('x')), ever), /hung up in the middle/, answer)
  }
})

test('clamd that does not read slows down who writes, and is not waited for beyond the signal', async () => {
  const server = createServer((socket) => socket.pause().on('error', () => undefined)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number } // it listens on TCP
  const stream = new Instream({ name: 'x', host: '127.0.0.1', port, tls: false })
  let room: Promise<void> | undefined
  for (let i = 0; i < 1000 && room === undefined; i++) room = stream.write(Buffer.alloc(65_536))
  assert.ok(room, 'it is full some time')
  const stop = new AbortController()
  const reason = new Error('enough')
  const answer = assert.rejects(stream.finish(stop.signal), reason)
  stop.abort(reason)
  await answer
  await room
  await assert.rejects(stream.finish(stop.signal), reason)
  server.close()
})

test('a question is answered in one line', async () => {
  await using clamd = await fakeClamd()
  assert.equal(await ask(clamd.daemon, 'VERSION', ever), 'ClamAV 1.4.3')
})

test('what clamd says is a finding, a limit that was met, or an error', () => {
  const reply = (text: string) => parseScanReply(Buffer.from(`${text}\0`))
  assert.deepEqual(reply('stream: OK'), { kind: 'clean' })
  assert.deepEqual(reply('stream: Win.Test.EICAR_HDB-1 FOUND'), { kind: 'found', name: 'Win.Test.EICAR_HDB-1' })
  assert.deepEqual(reply('stream: Eicar(44d88612fea8a8f36de82e1278abb02f:68) FOUND'), { kind: 'found', name: 'Eicar' })
  assert.deepEqual(reply('stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND'), {
    kind: 'limit',
    limit: 'MaxFileSize',
  })
  assert.deepEqual(reply('stream: Heuristics.Limits.Exceeded FOUND'), { kind: 'limit', limit: 'one of its limits' })
  assert.deepEqual(reply('stream: Time limit reached ERROR'), { kind: 'limit', limit: 'Time limit reached' })
  assert.deepEqual(reply('INSTREAM size limit exceeded. ERROR'), { kind: 'limit', limit: 'StreamMaxLength' })
  assert.throws(() => reply("stream: Can't allocate memory ERROR"), /^Error: clamd: Can't allocate memory$/)
  assert.throws(() => reply('read timeout ERROR'), /clamd: read timeout/)
  for (const odd of ['', 'stream: OK ', 'stream: ok', 'stream:  FOUND', 'stream: OK\0stream: OK'])
    assert.throws(() => reply(odd), /not the answer of clamd/, odd)
})

test('who is no clamd is named, and not waited for', () => {
  const said = (text: string) => {
    const answer = Buffer.from(text)
    try {
      return isWholeReply(answer) || parseScanReply(answer)
    } catch (error) {
      return (error as Error).message
    }
  }
  assert.match(String(said('HTTP/1.1 400 Bad Request\r\n')), /not the answer of clamd, but of an HTTP server/)
  assert.match(String(said('SPAMD/1.0 76 Bad header line: zINSTREAM\r\n')), /but of spamd/)
  assert.match(String(said('220 mx.test ESMTP\r\n')), /but of an SMTP server/)
  assert.match(String(said('* OK IMAP4rev2 ready\r\n')), /but of an IMAP server/)
  assert.match(String(said('-ERR unknown command\r\n')), /but of a POP3 or Redis server/)
  assert.match(String(said('\x15\x03\x01\x00\x02\x02\x16')), /but of a TLS server/)
  assert.match(String(said('what do you want?\r\n')), /not the answer of clamd: "what do you want\?\\r\\n"/)
})

test('no answer makes the parser do anything but answer or throw an error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      try {
        const reply = parseScanReply(Buffer.from(octets))
        assert.notEqual(reply.kind, 'clean')
      } catch (error) {
        assert.ok(error instanceof Error)
      }
    }),
  )
})
