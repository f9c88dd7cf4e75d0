import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { carryEdits, editsOf, isMadeFrom, messageFromBytes, withFields } from './message.ts'

const LETTER = 'A: 1\r\nSubject: hello\r\nA: 2\r\nno field\r\n\r\nBody\r\n'
const letter = () => messageFromBytes(Buffer.from(LETTER))
const field = (text: string) => Buffer.from(`${text}\r\n`)

async function text(message: { raw(): AsyncIterable<Uint8Array> }): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of message.raw()) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

test('a message of a list of fields: its own keep what they are known by, octets are new', async () => {
  const message = letter()
  const [first, subject, second, odd] = [...message.headers]
  assert.ok(first && subject && second && odd)
  const made = withFields(message, [field('Top: t'), first, field('Subject: new'), second, odd, field('End: e')], 1)
  assert.equal(await text(made), 'Top: t\r\nA: 1\r\nSubject: new\r\nA: 2\r\nno field\r\nEnd: e\r\n\r\nBody\r\n')
  assert.ok(isMadeFrom(message, made))
  const edits = editsOf(message, made)?.headers.map(({ kind, name, ...rest }) =>
    kind === 'insert' && 'before' in rest ? `${kind} ${name} ${rest.before}` : `${kind} ${name}`,
  )
  assert.deepEqual(edits, ['change Subject', 'insert End 5', 'insert Top 0'])
  assert.throws(() => withFields(message, [...letter().headers]), /not a field of this message/)
})

test('a field that ended with the message gets its line end when another follows', async () => {
  const message = messageFromBytes(Buffer.from('Subject: cut'))
  assert.equal(await text(withFields(message, [...message.headers, field('X: y')])), 'Subject: cut\r\nX: y\r\n')
})

test('all fields, some new ones between them: any list is what is read back', async () => {
  const slots = fc.array(fc.oneof(fc.nat(3), fc.constantFrom('B: 1', 'A: new', 'C:')), { maxLength: 9 })
  await fc.assert(
    fc.asyncProperty(slots, fc.nat(2), async (list, top) => {
      const message = letter()
      const own = [...message.headers]
      const distinct = list.filter((one, at) => typeof one === 'string' || list.indexOf(one) === at)
      const fields = distinct.map((one) => (typeof one === 'string' ? field(one) : (own[one] ?? field('X: x'))))
      const made = withFields(message, fields, top)
      const wanted = fields.map((one) => Buffer.from(one instanceof Uint8Array ? one : one.raw).toString()).join('')
      assert.equal(await text(made), `${wanted}\r\nBody\r\n`)
      assert.equal(made.size, wanted.length + 8)
    }),
    { numRuns: 200 },
  )
})

test('edits are carried over to a message that somebody else has changed meanwhile', async () => {
  const base = letter()
  const [first, subject, second, odd] = [...base.headers]
  assert.ok(first && subject && second && odd)
  const edited = withFields(base, [field('Top: t'), first, field('Subject: [x] hello'), field('New: n'), odd], 1)
  assert.equal(carryEdits(base, edited, base), edited)
  const others = base.withHeader('X-Spam', 'yes').withoutHeader('A', ({ value }) => value === '1')
  assert.equal(
    await text(carryEdits(base, edited, others)),
    'Top: t\r\nX-Spam: yes\r\nSubject: [x] hello\r\nNew: n\r\nno field\r\n\r\nBody\r\n',
  )
})

test('another body is carried over, too, and two of them are an error: one would be lost', async () => {
  const base = letter()
  const edited = await base.withHeader('X', '1').withBody([Buffer.from('new\r\n')])
  const carried = carryEdits(base, edited, base.withHeader('Y', '2'))
  assert.equal(await text(carried), `X: 1\r\nY: 2\r\n${LETTER.slice(0, -6)}new\r\n`)
  assert.equal(editsOf(base, carried)?.body !== undefined, true)
  const others = await base.withBody([Buffer.from('other\r\n')])
  assert.throws(() => carryEdits(base, edited, others), { code: 'ERR_BODY_TWICE' })
  assert.match(
    await text(carryEdits(base, base.withHeader('X', '1'), others)),
    /^X: 1\r\nA: 1[\s\S]*\r\n\r\nother\r\n$/,
  )
})
