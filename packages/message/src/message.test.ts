import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { createContentWriter } from './content-store.ts'
import { createMessage, messageFromBytes, type ReceivedMessage } from './message.ts'

const LETTER = 'A: 1\r\nSubject: hello\r\n\tworld\r\na: 2\r\nContent-Type: text/plain\r\n\r\nBody\r\n'
const letter = () => messageFromBytes(Buffer.from(LETTER))

async function read(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** The octets, after all ways to get them and the size agree. */
async function octets(message: ReceivedMessage): Promise<string> {
  const text = await read(message.raw())
  assert.equal(message.size, Buffer.byteLength(text))
  const chunks = message.chunks()
  if (chunks) assert.equal(Buffer.concat(chunks).toString(), text)
  return text
}

/** The same letter in memory and on disk; the file is closed when the test is done. */
async function letters(context: TestContext): Promise<readonly ReceivedMessage[]> {
  const writer = createContentWriter({ memoryLimit: 0 })
  await writer.write(Buffer.from(LETTER))
  const stored = await writer.finish()
  context.after(() => stored.dispose())
  return [letter(), createMessage(stored)]
}

test('a message is its octets, in memory and on disk', async (context) => {
  for (const message of await letters(context)) {
    assert.equal(await octets(message), LETTER)
    assert.equal(await octets(message), LETTER)
    assert.equal(await read(message.body()), 'Body\r\n')
    assert.deepEqual(message.headers.all('A'), ['1', '2'])
  }
})

test('edits give new messages and change nothing else, in memory and on disk', async (context) => {
  for (const message of await letters(context)) {
    assert.equal(await octets(message.withHeader('X', 'y')), `X: y\r\n${LETTER}`)
    assert.equal(await octets(message.withoutHeader('a')), LETTER.replace('A: 1\r\n', '').replace('a: 2\r\n', ''))
    assert.equal(await octets(message.withoutHeader('a', ({ value }) => value === '2')), LETTER.replace('a: 2\r\n', ''))
    assert.equal(
      await octets(message.withReplacedHeader('SUBJECT', 'x')),
      LETTER.replace('Subject: hello\r\n\tworld', 'SUBJECT: x'),
    )
    assert.equal(await octets(message.withReplacedHeader('New', 'x')), `New: x\r\n${LETTER}`)
    const all = message
      .withHeader('A', '0')
      .withPrepended(Buffer.from('T: 1\r\nT: 2\r\n'))
      .withoutHeader('Subject')
      .withReplacedHeader('a', 'z')
      .withHeader('Y', 'y')
    assert.equal(
      await octets(all),
      'Y: y\r\nT: 1\r\nT: 2\r\na: z\r\nA: 1\r\na: 2\r\nContent-Type: text/plain\r\n\r\nBody\r\n',
    )
    assert.deepEqual(
      [...all.headers].map(({ name }) => name),
      ['Y', 'T', 'T', 'a', 'A', 'a', 'Content-Type'],
    )
    assert.equal(message.withoutHeader('absent'), message)
    assert.equal(await octets(message), LETTER)
  }
})

test('messages without header section, body or last line end keep their octets', async () => {
  for (const text of ['', '\r\n', '\r\nbody\r\n', 'A: b', 'A: b\r\n', 'junk\r\n', '\n\n']) {
    const message = messageFromBytes(Buffer.from(text))
    assert.equal(await octets(message.withHeader('X', 'y').withoutHeader('x')), text)
    assert.equal(await octets(message.withHeader('X', 'y')), `X: y\r\n${text}`)
  }
})

test('RFC 5322 §2.2: an edit cannot smuggle a field or a body', () => {
  assert.throws(() => letter().withHeader('X', 'y\r\n\r\nbody'), TypeError)
  assert.throws(() => letter().withReplacedHeader('A', 'y\nZ: z'), TypeError)
  assert.throws(() => letter().withHeader('X: y\r\nZ', 'z'), TypeError)
})

test('any series of edits and its inverse keep the rest, octet for octet', async () => {
  const fields = fc.array(
    fc.constantFrom('A: 1\r\n', 'b:2\r\n', 'B : 3\r\n\t4\r\n', 'junk\r\n', 'Long: x\r\n y\r\n z\r\n'),
    {
      maxLength: 8,
    },
  )
  await fc.assert(
    fc.asyncProperty(fields, fc.string({ maxLength: 20 }), async (list, body) => {
      const text = `${list.join('')}\r\n${body}`
      const message = messageFromBytes(Buffer.from(text))
      assert.equal(await octets(message.withHeader('Z', '1').withReplacedHeader('z', '2').withoutHeader('Z')), text)
      const kept = list.filter((field) => !/^b/i.test(field)).join('')
      assert.equal(await octets(message.withoutHeader('B')), `${kept}\r\n${body}`)
    }),
  )
})

test('RFC 5321 §2.3.8: that no CR or LF stands by itself is said where it was seen, and of no other body', async (context) => {
  for (const memoryLimit of [0, 1024]) {
    const writer = createContentWriter({ memoryLimit })
    await writer.write(Buffer.from(LETTER))
    const stored = await writer.finish(true)
    context.after(() => stored.dispose())
    const message = createMessage(stored)
    assert.equal(message.hasOnlyCrlf, true)
    assert.equal(message.withHeader('X', 'y').withoutHeader('a').hasOnlyCrlf, true)
    assert.equal(message.withPrepended(Buffer.from('X: y\n')).hasOnlyCrlf, false)
    assert.equal(message.withPrepended(Buffer.from('X: \r y\r\n')).hasOnlyCrlf, false)
    assert.equal(message.withPrepended(Buffer.from('X: y\r')).hasOnlyCrlf, false)
    assert.equal((await message.withBody([Buffer.from('new\r\n')])).hasOnlyCrlf, false)
  }
  assert.equal(letter().hasOnlyCrlf, false)
})

test('the file of a message has the octets that its edits left alone, and its head the others', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-message-'))
  context.after(() => rm(folder, { recursive: true }))
  const writer = createContentWriter({ memoryLimit: 0, folder, keepsName: true })
  await writer.write(Buffer.from(LETTER))
  const stored = await writer.finish()
  context.after(() => stored.dispose())
  const message = createMessage(stored, Buffer.from('Received: here\r\n'))
  const edits = [
    message,
    message.withHeader('X', 'y'),
    message.withoutHeader('a'),
    message.withReplacedHeader('A', '9'),
  ]
  for (const edited of edits) {
    const { head, skip } = edited.file?.() ?? assert.fail('it is in a file')
    assert.equal(await octets(edited), Buffer.from(head).toString() + LETTER.slice(skip))
  }
  assert.equal((await message.withBody([Buffer.from('other\r\n')])).file?.(), undefined)
  assert.equal(letter().file?.(), undefined)
})
