import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ContentSplitter, splitHeader } from './content.ts'

/** What a filter would be shown of octets that arrive in pieces of these sizes. */
async function shown(octets: Uint8Array, sizes: readonly number[] = []) {
  const fields: string[] = []
  let body = ''
  let ends = 0
  const splitter = new ContentSplitter({
    header: ({ name, value }) => void fields.push(`${name}:${Buffer.from(value).toString('latin1')}`),
    endOfHeader: () => void ends++,
    body: (piece) => void (body += Buffer.from(piece).toString('latin1')),
  })
  let at = 0
  for (const size of sizes) {
    await splitter.write(octets.subarray(at, at + size))
    at += size
  }
  if (at < octets.length) await splitter.write(octets.subarray(at))
  await splitter.end()
  assert.equal(ends, 1)
  return { fields, body }
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

test('fields and body, with folds as LF, also without a header, a body, a last line end', async () => {
  for (const [text, fields, body] of [
    ['A: 1\r\nB:\t2\r\n 3\r\n\r\nx\r\n', ['A: 1', 'B:\t2\n 3'], 'x\r\n'],
    ['A: 1\nB : 2\n\nx\n', ['A: 1', 'B: 2'], 'x\n'],
    ['\r\nbody', [], 'body'],
    ['\nbody', [], 'body'],
    ['A: 1\r\n', ['A: 1'], ''],
    ['A: 1', ['A: 1'], ''],
    ['A: 1\r\n\r\n', ['A: 1'], ''],
    ['', [], ''],
    ['A: \xff\0\r\n\r\n', ['A: \xff?'], ''],
  ] as const)
    assert.deepEqual(await shown(latin1(text)), { fields, body }, JSON.stringify(text))
})

test('a line that is no field ends the header, and is the first of the body; the line of an mbox at the top is passed over', async () => {
  assert.deepEqual(await shown(latin1('A: 1\r\nno field\r\nB: 2\r\n\r\nx')), {
    fields: ['A: 1'],
    body: 'no field\r\nB: 2\r\n\r\nx',
  })
  assert.deepEqual(await shown(latin1('From a@b today\r\nA: 1\r\n\r\nx')), { fields: ['A: 1'], body: 'x' })
  assert.deepEqual(await shown(latin1(' blank first\r\nA: 1\r\n\r\nx')), {
    fields: [],
    body: ' blank first\r\nA: 1\r\n\r\nx',
  })
})

test('property: however it arrives it is shown alike, nothing of it is lost, and nothing throws', async () => {
  const piece = fc.constantFrom('A: 1', '\r\n', '\n', '\r', ' ', 'x', ':', '\0', 'From ', '\r\n\r\n', 'B:\t2')
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 20 }),
      fc.array(fc.nat(7), { maxLength: 30 }),
      async (pieces, sizes) => {
        const octets = latin1(pieces.join(''))
        const whole = await shown(octets)
        assert.deepEqual(await shown(octets, sizes), whole)
        assert.ok(octets.toString('latin1').endsWith(whole.body))
        assert.equal(splitHeader(octets).fields.length, whole.fields.length)
      },
    ),
    { numRuns: 500 },
  )
})

test('a header without end is not kept', async () => {
  const splitter = new ContentSplitter({ header: () => undefined, endOfHeader: () => undefined, body: () => undefined })
  const line = latin1(`A: ${'x'.repeat(1_000)}\r\n`)
  await assert.rejects(async () => {
    for (;;) await splitter.write(line)
  }, /a header without end/)
})
