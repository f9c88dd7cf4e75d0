import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memorySource } from '@postroad/mail'
import fc from 'fast-check'
import { check, ping, tell } from './client.ts'
import { fieldsOf, isWholeReply, parseReply, symbolsOf, testsOf } from './reply.ts'
import { fakeSpamd, opinion } from './spamd-fixture.test.ts'

const ever = new AbortController().signal
const front = Buffer.from('X-Envelope-From: <a@b.test>\r\n')
const of = (text: string, user?: string) => ({ front, message: memorySource([Buffer.from(text)]), user })

test('the length is exact, whatever the octets are, and whatever stands in front', async () => {
  await using spamd = await fakeSpamd()
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 70_000 }), { maxLength: 4 }), async (chunks) => {
      const reply = await check(spamd.daemon, 'CHECK', { front, message: memorySource(chunks) }, ever)
      assert.equal(reply.isSpam, false)
      assert.equal(spamd.asked.at(-1)?.message, Buffer.concat([front, ...chunks]).toString('latin1'))
    }),
    { numRuns: 30 },
  )
})

test('each verb is asked as it is spelt, for a user where there is one', async () => {
  await using spamd = await fakeSpamd()
  for (const verb of ['HEADERS', 'SYMBOLS', 'CHECK'] as const) {
    const { isSpam, score, required } = await check(spamd.daemon, verb, of('SCORE=7.5', 'alice'), ever)
    assert.deepEqual({ isSpam, score, required }, { isSpam: true, score: 7.5, required: 5 })
    assert.equal(spamd.asked.at(-1)?.verb, verb)
    assert.equal(spamd.asked.at(-1)?.fields.get('User'), 'alice')
  }
  assert.equal(await ping(spamd.daemon, ever), 'SPAMD/1.5 0 PONG')
  assert.equal(await tell(spamd.daemon, 'spam', of('x'), ever), true)
  assert.deepEqual(
    ['Message-class', 'Set'].map((name) => spamd.asked.at(-1)?.fields.get(name)),
    ['spam', 'local'],
  )
  assert.equal(await tell(spamd.daemon, 'forget', of('x'), ever), false)
  assert.equal(spamd.asked.at(-1)?.fields.get('Remove'), 'local')
})

test('no code but 0 is an answer, and half an answer is none', async () => {
  await using spamd = await fakeSpamd()
  const said = async (text: string | undefined): Promise<unknown> => {
    spamd.behave(() => text)
    return check(spamd.daemon, 'SYMBOLS', of('x'), ever)
  }
  for (const code of [64, 67, 69, 70, 74, 75, 76, 78, 79, 98])
    await assert.rejects(said(`SPAMD/1.0 ${code} Something is wrong\r\n`), new RegExp(`spamd: ${code} .*Something`))
  const whole = opinion({ verb: 'SYMBOLS', fields: new Map(), message: 'SCORE=9' })
  for (let end = 0; end < whole.length; end++) await assert.rejects(said(whole.slice(0, end)), `${end} octets`)
  assert.ok(await said(whole))
  await assert.rejects(said(undefined), /without an answer/)
  await assert.rejects(said('SPAMD/1.1 0 EX_OK\r\n\r\n'), /has not said whether/)
  await assert.rejects(said('SPAMD/1.1 0 EX_OK\r\nSpam: True ; nan / 5.0\r\n\r\n'), /has not said whether/)
  await assert.rejects(said('HTTP/1.1 400 Bad Request\r\n\r\n'), /not the answer of spamd, but of an HTTP server/)
  await assert.rejects(said('UNKNOWN COMMAND\n'), /but of clamd/)
  await assert.rejects(
    said(`SPAMD/1.1 0 EX_OK\r\nContent-length: 9999999\r\n\r\n${'x'.repeat(1_100_000)}`),
    /more than/,
  )
})

test('no answer makes the parser do anything but answer or throw an error', () => {
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.string().map((text) => Buffer.from(`SPAMD/1.1 0 EX_OK\r\nSpam: ${text}\r\n\r\n`)),
  )
  fc.assert(
    fc.property(octets, (answer) => {
      try {
        isWholeReply(Buffer.from(answer))
        const { score, required } = parseReply(Buffer.from(answer))
        assert.ok(Number.isFinite(score) && Number.isFinite(required))
      } catch (error) {
        assert.ok(error instanceof Error)
      }
    }),
  )
})

test('fields and tests are found, folded or not, with any line ends', () => {
  const status = 'Yes, score=9.1 required=5.0 tests=A,B_C,\r\n\tD autolearn=no\r\n\tversion=4.0.1'
  for (const text of [`A: b\r\nX-Spam-Status: ${status}\r\n\r\nbody: x`, `A: b\nX-Spam-Status: ${status}\n\nbody: x`])
    assert.deepEqual(fieldsOf(text), [
      { name: 'A', value: 'b' },
      { name: 'X-Spam-Status', value: status },
    ])
  assert.deepEqual(testsOf(status), ['A', 'B_C', 'D'])
  assert.deepEqual(testsOf('No, score=0.0 required=5.0 tests=none autolearn=ham'), [])
  assert.deepEqual(testsOf('No, hits=0'), [])
  for (const text of ['A,B', 'A,B\r\n', 'A,\r\n B,A']) assert.deepEqual(symbolsOf(text), ['A', 'B'])
  assert.deepEqual(symbolsOf('\r\n'), [])
})
