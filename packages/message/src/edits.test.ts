import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Edits } from '@postroad/mail'
import fc from 'fast-check'
import { createContentWriter } from './content-store.ts'
import { createMessage, disposeBodies, editsOf, isMadeFrom, messageFromBytes, type ReceivedMessage } from './message.ts'
import { openSpillFile } from './spill-file.ts'

const LETTER = 'A: 1\r\nSubject: hello\r\nA: 2\r\n\r\nBody\r\n'
const letter = () => messageFromBytes(Buffer.from(LETTER))
const octets = (...texts: string[]) => texts.map((text) => Buffer.from(text))

async function read(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

/** The octets, after all ways to get them and the size agree. */
async function whole(message: ReceivedMessage): Promise<string> {
  const text = await read(message.raw())
  assert.equal(message.size, text.length)
  const chunks = message.chunks()
  if (chunks) assert.equal(Buffer.concat(chunks).toString('latin1'), text)
  return text
}

/** A server that has put its own trace field on top, which is not counted by name, and is told the edits: as Postfix with a milter. */
class OtherServer {
  readonly #fields: { readonly raw: string; readonly name: string; readonly isOwn?: boolean }[]

  constructor(original: ReceivedMessage) {
    this.#fields = [{ raw: 'Received: own\r\n', name: 'received', isOwn: true }]
    for (const { raw, name } of original.headers) this.#fields.push({ raw: latin1(raw), name: name.toLowerCase() })
  }

  apply({ headers }: Edits): string {
    for (const edit of headers) {
      const name = edit.name.toLowerCase()
      if (edit.kind === 'insert') {
        this.#fields.splice(edit.before, 0, { raw: latin1(edit.raw), name })
        continue
      }
      let seen = 0
      const at = this.#fields.findIndex((field) => !field.isOwn && field.name === name && ++seen === edit.index)
      assert.ok(at >= 0, `${edit.kind} ${name} ${edit.index}: not there`)
      this.#fields.splice(at, 1, ...(edit.kind === 'change' ? [{ raw: latin1(edit.raw), name }] : []))
    }
    return this.#fields.map(({ raw, isOwn }) => (isOwn ? '' : raw)).join('')
  }
}

const latin1 = (raw: Uint8Array): string => Buffer.from(raw).toString('latin1')

const NAMES = ['A', 'b', 'Received', 'Subject'] as const
const name = fc.constantFrom(...NAMES)
const value = fc.constantFrom('w1', 'w2', 'Grüße', 'a long one '.repeat(9))
const edit = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), name, value }),
  fc.record({ kind: fc.constant('replace' as const), name, value }),
  fc.record({ kind: fc.constant('prepend' as const), name, value: fc.constantFrom('t', 'u') }),
  fc.record({
    kind: fc.constant('remove' as const),
    name: fc.constantFrom(...NAMES, ''),
    which: fc.constantFrom('1', '2', undefined),
  }),
  fc.record({ kind: fc.constant('body' as const), text: fc.constantFrom('', 'x\r\n', 'y'.repeat(2_000)) }),
)
type Edit = typeof edit extends fc.Arbitrary<infer E> ? E : never

async function edited(message: ReceivedMessage, step: Edit): Promise<ReceivedMessage> {
  switch (step.kind) {
    case 'add':
      return message.withHeader(step.name, step.value)
    case 'replace':
      return message.withReplacedHeader(step.name, step.value)
    case 'prepend':
      return message.withPrepended(Buffer.from(`${step.name}: ${step.value}\r\n${step.name}: ${step.value}\r\n`))
    case 'remove':
      return message.withoutHeader(step.name, ({ value }) => step.which === undefined || value.includes(step.which))
    default:
      return message.withBody(octets(step.text))
  }
}

test('edits of any chain, applied to what arrived, give what leaves, in memory and on disk', async () => {
  const field = fc.constantFrom(
    'A: 1\r\n',
    'A:2\r\n',
    'b: 1\r\n',
    'Received: from x\r\n\tby y\r\n',
    'subject : 2\r\n',
    'junk 1\r\n',
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(field, { maxLength: 7 }),
      fc.array(edit, { maxLength: 7 }),
      fc.boolean(),
      fc.boolean(),
      async (fields, steps, isOnDisk, hasTrace) => {
        const text = `${fields.join('')}\r\nBody\r\n`
        const writer = createContentWriter({ memoryLimit: isOnDisk ? 0 : 1_000 })
        await writer.write(Buffer.from(text))
        const stored = await writer.finish()
        const original = createMessage(stored, hasTrace ? Buffer.from('Received: ours\r\n') : undefined, {
          open: () => createContentWriter({ memoryLimit: isOnDisk ? 0 : 1_000 }),
        })
        let final = original
        for (const step of steps) final = await edited(final, step)
        const edits = editsOf(original, final)
        assert.ok(edits && isMadeFrom(original, final))
        const header = new OtherServer(original).apply(edits)
        assert.equal(
          edits.body !== undefined,
          steps.some(({ kind }) => kind === 'body'),
        )
        const body = await read(edits.body?.() ?? original.body())
        assert.equal(await whole(final), `${header}\r\n${body}`)
        assert.equal(await whole(original), `${hasTrace ? 'Received: ours\r\n' : ''}${text}`)
        disposeBodies(final)
        await stored.dispose()
      },
    ),
    { numRuns: 2_000 },
  )
})

test('edits that undo each other are none; one in place is a change, one on top an insertion', async () => {
  const original = letter()
  const headersOf = (final: ReceivedMessage) =>
    editsOf(original, final)?.headers.map((edit) => [
      edit.kind,
      edit.name,
      edit.kind === 'insert' ? edit.before : edit.index,
    ])
  assert.deepEqual(headersOf(original), [])
  assert.deepEqual(headersOf(original.withHeader('X', 'y').withReplacedHeader('x', 'z').withoutHeader('X')), [])
  assert.deepEqual(headersOf(original.withReplacedHeader('A', '1')), [['change', 'A', 1]])
  assert.deepEqual(headersOf(original.withoutHeader('A', ({ value }) => value === '2')), [['delete', 'A', 2]])
  const onTop = original.withoutHeader('A', ({ value }) => value === '1').withHeader('A', '1')
  assert.deepEqual(headersOf(onTop), [
    ['delete', 'A', 1],
    ['insert', 'A', 0],
  ])
  assert.deepEqual(headersOf(onTop.withReplacedHeader('A', '3')), headersOf(onTop))
})

test('a message that was not made from another has no edits of it', async () => {
  assert.equal(editsOf(letter(), letter()), undefined)
  assert.equal(isMadeFrom(letter(), letter()), false)
  const wrapped = { ...letter(), raw: () => letter().raw() }
  assert.equal(editsOf(letter(), wrapped as unknown as ReceivedMessage), undefined)
})

test('withBody: another body under the same header section, size, text and MIME follow', async () => {
  const original = messageFromBytes(Buffer.from('Subject: s\r\nContent-Type: text/plain\r\n\r\nold\r\n'))
  assert.equal(await original.text(), 'old\n')
  const changed = await original.withBody(octets('new ', 'text\r\n'))
  assert.equal(await whole(changed), 'Subject: s\r\nContent-Type: text/plain\r\n\r\nnew text\r\n')
  assert.equal(await read(changed.body()), 'new text\r\n')
  assert.equal(await changed.text(), 'new text\n')
  assert.equal(await original.text(), 'old\n')
  const html = changed.withReplacedHeader('Content-Type', 'text/html')
  assert.equal((await html.mime()).html, 'new text\n')
  const twice = await html.withHeader('X', 'y').withBody((await import('node:stream')).Readable.from(octets('third')))
  assert.equal(await whole(twice), 'X: y\r\nSubject: s\r\nContent-Type: text/html\r\n\r\nthird')
})

test('withBody: a message without an empty line, or without a last line end, gets both', async () => {
  for (const [text, expected] of [
    ['', '\r\nx'],
    ['\r\n', '\r\nx'],
    ['A: b', 'A: b\r\n\r\nx'],
    ['A: b\r\n', 'A: b\r\n\r\nx'],
  ] as const)
    assert.equal(
      await whole(await messageFromBytes(Buffer.from(text)).withBody(octets('x'))),
      expected,
      JSON.stringify(text),
    )
})

test('withBody: what the source throws is thrown, and nothing stays behind', async () => {
  let aborted = 0
  const open = () => {
    const writer = createContentWriter({ memoryLimit: 0 })
    return Object.assign(Object.create(writer) as typeof writer, {
      write: (chunk: Uint8Array) => writer.write(chunk),
      finish: () => writer.finish(),
      abort: () => {
        aborted++
        return writer.abort()
      },
    })
  }
  const writer = createContentWriter()
  await writer.write(Buffer.from(LETTER))
  const message = createMessage(await writer.finish(), undefined, { open })
  async function* broken() {
    yield Buffer.from('some')
    throw new Error('no more')
  }
  await assert.rejects(message.withBody(broken()), /no more/)
  // @ts-expect-error: text is not octets
  await assert.rejects(message.withBody(['text']), TypeError)
  assert.equal(aborted, 2)
  assert.equal(await whole(message), LETTER)
})

test('disposeBodies frees what replaced the body, and leaves what arrived', async () => {
  const original = letter()
  const changed = await original.withBody(octets('new'))
  disposeBodies(original)
  await assert.rejects(read(changed.body()), { code: 'ERR_BODY_DISPOSED' })
  assert.equal(await whole(original), LETTER)
})

test('a body that comes when all is freed, of a handler that ran out of time, is freed at once', async () => {
  let closed = 0
  const openFile = async (folder: string) => {
    const file = await openSpillFile(folder)
    return { ...file, close: () => file.close().finally(() => closed++) }
  }
  const original = messageFromBytes(Buffer.from(LETTER), {
    open: () => createContentWriter({ memoryLimit: 0, openFile }),
  })
  async function* late() {
    yield Buffer.from('new')
    disposeBodies(original)
    yield Buffer.from('er')
  }
  await assert.rejects(original.withBody(late()), { code: 'ERR_BODY_DISPOSED' })
  while (closed === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(closed, 1)
})
