import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeAddress } from '@postroad/mail'
import { definePlugin } from '@postroad/plugin'
import { createTestServer, sessionOn, type TestServer, type TestServerOptions } from '@postroad/testing'
import { maildir } from './maildir.ts'

/** Everybody lives here but `other`; `both` is an alias. */
const route = definePlugin({
  name: 'test-route',
  hooks: {
    route: ({ recipient }) => {
      if (recipient.local === 'other') return { via: 'elsewhere' }
      return {
        via: 'maildir',
        ...(recipient.local === 'both' && { to: [makeAddress('a', 'mx.test'), makeAddress('b', 'mx.test')] }),
      }
    },
  },
})

type Options = Parameters<typeof maildir>[0]

async function withMail(
  options: Options,
  work: (server: TestServer, folder: string) => Promise<void>,
  server: TestServerOptions = {},
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-mail-'))
  const running = await createTestServer([route(), maildir({ folder, ...options })], server)
  try {
    await work(running, folder)
  } finally {
    await running.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function mails(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, 'new')).catch(() => [])
  return await Promise.all(names.map((name) => readFile(join(folder, 'new', name), 'latin1')))
}

test('RFC 5321 §4.2.5: 250 is said when the message is in each mailbox', async () => {
  await withMail({}, async (server, folder) => {
    await sessionOn(server)
      .mail('s@client.test')
      .rcpt('A@mx.test')
      .rcpt('b@mx.test')
      .data('Subject: x\n\nHi\n')
      .expectCode(250)
    for (const name of ['a', 'b']) {
      const [text = '', ...others] = await mails(join(folder, name))
      assert.deepEqual(others, [])
      assert.match(text, /^Return-Path: <s@client\.test>\r\nReceived: from [\s\S]*\r\nSubject: x\r\n\r\nHi\r\n$/)
    }
    assert.deepEqual(server.delivered, [])
  })
})

test('an alias gets a copy in each of its mailboxes', async () => {
  await withMail({ byDomain: true, deliveredTo: true }, async (server, folder) => {
    await sessionOn(server).rcpt('both@mx.test').data().expectAccepted()
    assert.match((await mails(join(folder, 'mx.test', 'a')))[0] ?? '', /^Delivered-To: a@mx\.test\r\n/)
    assert.match((await mails(join(folder, 'mx.test', 'b')))[0] ?? '', /^Delivered-To: b@mx\.test\r\n/)
  })
})

test('without `create`, a recipient without a mailbox is refused at RCPT', async () => {
  await withMail({ create: false }, async (server, folder) => {
    await mkdir(join(folder, 'a'))
    await sessionOn(server).rcpt('x@mx.test').expectRefusal('5.1.1').rcpt('a@mx.test').data().expectCode(250)
    assert.equal((await mails(join(folder, 'a'))).length, 1)
  })
})

test('a local part that looks like a path stays inside the folder', async () => {
  await withMail({}, async (server, folder) => {
    await sessionOn(server).rcpt('"../../x"@mx.test').data().expectCode(250)
    assert.deepEqual(await readdir(folder), ['%2E.%2F..%2Fx'])
  })
})

test('a delivery that goes elsewhere is left to another plugin, as a whole', async () => {
  await withMail({}, async (server, folder) => {
    await sessionOn(server).rcpt('a@mx.test').rcpt('other@mx.test').data().expectAccepted()
    assert.deepEqual([(await mails(join(folder, 'a'))).length, server.delivered.length], [0, 1])
  })
})

test('a mailbox that cannot be written defers its recipient; LMTP says so for this one only', async () => {
  await withMail(
    { create: false },
    async (server, folder) => {
      await mkdir(join(folder, 'a'))
      await mkdir(join(folder, 'b'))
      const session = sessionOn(server).rcpt('a@mx.test').rcpt('b@mx.test')
      await session
      await rm(join(folder, 'b'), { recursive: true })
      await session.data().expectReplies(250, 550)
      await rm(folder, { recursive: true })
      await session.mail('s@client.test').rcpt('a@mx.test').expectRefusal('4.3.0')
    },
    { protocol: 'lmtp' },
  )
})
