/** What the other tests here stand on: Dovecot itself, without Postroad in front of it. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { createTransport } from 'nodemailer'
import { requires } from '../runner/requires.ts'
import { startDovecot } from './dovecot.ts'
import { readInbox } from './mailbox.ts'
import { traceOf, trickyMessage } from './message.ts'

const skip = requires('dovecot-lmtpd', 'dovecot-imapd')

test('Dovecot takes mail over LMTP and gives it back over IMAP, octet for octet', { skip }, async () => {
  await using dovecot = await startDovecot(['alice@example.test', 'bob@example.test'])
  const data = trickyMessage('direct')
  const transport = createTransport({ host: '127.0.0.1', port: dovecot.lmtp.port, lmtp: true, ignoreTLS: true })
  await transport.sendMail({ envelope: { from: 'sender@client.example', to: ['alice@example.test'] }, raw: data })
  await assert.rejects(
    transport.sendMail({ envelope: { from: '', to: ['nobody@example.test'] }, raw: data }),
    /550 5\.1\.1 .*User doesn't exist/,
  )
  const inbox = await readInbox(dovecot.imapPort, 'alice@example.test')
  assert.equal(inbox.length, 1)
  assert.match(traceOf(inbox[0]!, data), /^Return-Path: <sender@client\.example>\r\n/)
  assert.deepEqual(await readInbox(dovecot.imapPort, 'bob@example.test'), [])
})

test('a stopped Dovecot refuses connections, and comes back on the same ports with its mail', { skip }, async () => {
  await using dovecot = await startDovecot(['alice@example.test'])
  const transport = createTransport({ host: '127.0.0.1', port: dovecot.lmtp.port, lmtp: true, ignoreTLS: true })
  await transport.sendMail({
    envelope: { from: 'sender@client.example', to: ['alice@example.test'] },
    raw: trickyMessage('before'),
  })
  await dovecot.stop()
  await assert.rejects(
    new Promise((resolve, reject) =>
      connect(dovecot.lmtp.port, '127.0.0.1').on('connect', resolve).on('error', reject),
    ),
    { code: 'ECONNREFUSED' },
  )
  await dovecot.start()
  assert.equal((await readInbox(dovecot.imapPort, 'alice@example.test')).length, 1)
})
