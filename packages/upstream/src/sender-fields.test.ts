import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import { SenderFields } from './index.ts'

const names = (message: { readonly headers: Iterable<{ readonly name: string; readonly value: string }> }) =>
  [...message.headers].map(({ name, value }) => `${name}: ${value}`)

test('what the sender wrote is not asked about and does not stay; what others have written since does', () => {
  const forged = new SenderFields(['X-Spam', 'X-Spam-*'])
  const envelope = {}
  const text = 'X-Spam-Score: -9\r\nx-spam: No\r\nFrom: a@b.test\r\nX-SPAM-SCORE: -8\r\nX-Spammy: 1\r\n\r\n'
  const arrived = messageFromBytes(Buffer.from(text))
  const kept = ['From: a@b.test', 'X-Spammy: 1']
  assert.deepEqual(names(forged.note(envelope, arrived)), kept)
  const tagged = arrived.withHeader('X-Spam-Score', '7').withHeader('Subject', 'x')
  assert.deepEqual(names(forged.strip(envelope, tagged)), ['Subject: x', 'X-Spam-Score: 7', ...kept])
  assert.equal(forged.strip({}, tagged), tagged)
})

test('a message that brings none is the same message', () => {
  const arrived = messageFromBytes(Buffer.from('From: a@b.test\r\n\r\n'))
  const forged = new SenderFields(['X-Spam*'])
  const envelope = {}
  assert.equal(forged.note(envelope, arrived), arrived)
  assert.equal(forged.strip(envelope, arrived), arrived)
})
