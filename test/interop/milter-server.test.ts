/** A real Postfix and a real Sendmail that ask a scope of plugins by milter, over TCP: refusals, edits of header, body and envelope, hold, discard, and a filter that is gone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requiresSendmail, startSendmail } from '../delivery/sendmail.ts'
import { requires } from '../runner/requires.ts'
import { freePorts } from './loopback.ts'
import { offerTo, startFilter } from './milter-judge.ts'
import { obeys } from './milter-obedience.ts'
import { startAsking } from './milter-postfix.ts'

const noPostfix = requires('postfix') || (process.getuid?.() === 0 ? false : 'Postfix needs root')

test('Postfix asks by the line that explain prints, and does what is said', { skip: noPostfix }, async () => {
  const [port = 0] = await freePorts(1)
  await using filter = await startFilter({ port })
  await using postfix = await startAsking(filter.line('main.cf'))
  await obeys(postfix)
  await filter.stop()
  assert.match(await offerTo(postfix.port, { subject: 'plain' }), /^451 4\.7\.1/)
})

test('Sendmail asks by the line that explain prints, and does what is said', { skip: requiresSendmail() }, async () => {
  const [port = 0] = await freePorts(1)
  await using filter = await startFilter({ port })
  await using sendmail = await startSendmail({ mc: filter.line('sendmail.mc') })
  await obeys(sendmail)
  await filter.stop()
  assert.match(await offerTo(sendmail.port, { subject: 'plain' }), /^451 4\.3\.2/)
})
