/** What is no message: none was begun, or it is in a loop, or its header has no end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, codesOf, ground, handler } from '../fixture.test.ts'

test('without a transaction, or without content, there is no message', async () => {
  const made = ground()
  const client = new Client(made)
  await assert.rejects(async () => client.stages.message(), { message: 'there is no transaction' })
  await client.begin()
  await assert.rejects(async () => client.stages.message(), { message: 'there is no content' })
  assert.deepEqual(made.lines, [])
})

test('a message in a loop, or with a header without end, is refused', async () => {
  const send = async (text: string) => {
    const made = ground({ route: [handler('route', () => ({ via: 'x' }))] })
    const client = new Client(made)
    await client.begin()
    await client.rcpt('a@x.test')
    return [codesOf(await client.data(text)), made.lines.at(-1)?.['reply']]
  }
  assert.deepEqual(await send('Received: x\r\n'.repeat(101)), [
    [554],
    '554 5.4.6 Too many hops: this message is in a loop',
  ])
  for (const large of [`X: ${'y'.repeat(1_000)}\r\n`.repeat(300), 'X: y\r\n'.repeat(1_001)])
    assert.deepEqual(await send(large), [[552], '552 5.3.4 The header section is too large'])
})
