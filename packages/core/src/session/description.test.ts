import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import { describe } from './description.ts'

const message = (header: string) => messageFromBytes(Buffer.from(`${header}\r\n\r\nx\r\n`))

test('a message is called by its Message-ID and its subject, as people read them', () => {
  assert.deepEqual(describe(message('Message-ID: <1@a.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?='), 'plain'), {
    messageId: '1@a.test',
    subject: 'Grüße',
  })
  assert.deepEqual(describe(message('Subject:\r\nFrom: a@b.test'), 'plain'), {})
  assert.equal(describe(message(`Subject: ${'x '.repeat(400)}`), 'plain').subject?.length, 250)
})

test('as digests both are the same for the same text, and tell nothing', () => {
  const hashed = describe(message('Message-ID: <1@a.test>\r\nSubject: secret'), 'hashed')
  assert.match(JSON.stringify(hashed), /^\{"messageId":"[0-9a-f]{12}","subject":"[0-9a-f]{12}"\}$/)
  assert.deepEqual(hashed, describe(message('Subject: secret\r\nMessage-ID: <1@a.test>'), 'hashed'))
})
