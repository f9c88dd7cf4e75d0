/** Services that are none, lie, stall and die: each costs one question its time, and `onError` says what that is worth. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sessionWith } from '@postroad/testing'
import { startService } from './fixture.test.ts'
import { policy } from './policy.ts'

const FAULTS: readonly (readonly [name: string, answer: string, pattern: RegExp])[] = [
  ['HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', /this is HTTP, not the policy protocol/],
  ['SMTP', '220 mx.test ESMTP\r\n', /this is SMTP, not the policy protocol/],
  ['clamd', 'UNKNOWN COMMAND\n', /"UNKNOWN COMMAND" is not the policy protocol/],
  ['an answer without an action', 'x=y\n\n', /without "action="/],
  ['an answer with a NUL', 'action=REJECT \0\n\n', /NUL/],
  ['two answers to one question', 'action=DUNNO\n\naction=REJECT\n\n', /answered more than it was asked/],
  ['half an answer', 'action=DUNNO\n', /did not answer within 300 ms/],
  ['an answer without end', `action=${'x'.repeat(70_000)}\n`, /more than 65536 octets/],
  ['a word that is none', 'action=my_class\n\n', /cannot be done here: my_class/],
  ['a text that is meant for a header', 'action=PREPEND no field\n\n', /cannot be done here: PREPEND/],
  ['silence', 'silence', /did not answer within 300 ms/],
  ['the end', 'close', /closed the connection without an answer/],
]

for (const [name, answer, pattern] of FAULTS)
  test(`${name}: the log says what it was, and onError decides`, async () => {
    for (const [onError, code] of [
      ['defer', 451],
      ['reject', 554],
      ['pass', 250],
    ] as const) {
      await using service = await startService(answer)
      const plugin = policy({ at: service.at, timeout: 300 })
      const { reply, lines } = await sessionWith({}, [plugin, { onError }]).rcpt('b@mx.test')
      assert.equal(reply?.code, code)
      const failed = lines.filter(({ text }) => text === 'plugin failed')
      assert.match(failed.map(({ error }) => (error as Error).message).join(), pattern) // as: it was logged as one
    }
  })

test('nobody there: the error says so, and the next message asks again', async () => {
  const service = await startService('DUNNO')
  const { at } = service
  await service[Symbol.asyncDispose]()
  const { reply, lines } = await sessionWith({}, [policy({ at }), { onError: 'pass' }])
    .rcpt('b@mx.test')
    .data('Subject: x\n\nx\n')
  assert.equal(reply?.code, 250)
  assert.match(JSON.stringify(lines.find(({ text }) => text === 'plugin failed')), /ECONNREFUSED/)
})

test('after a failure the next question has a connection of its own, and the right answer', async () => {
  await using service = await startService('action=DUNNO\n\naction=REJECT\n\n', 'DUNNO')
  await sessionWith({}, policy({ at: service.at }))
    .rcpt('b@mx.test')
    .expectCode(451)
    .rcpt('c@mx.test')
    .expectCode(250)
  assert.equal(service.connections, 2)
})
