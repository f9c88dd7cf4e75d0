import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import nodemailer from 'nodemailer'
import { type Keep, start } from './inbox.ts'

test('a message is kept before 250 is said; what cannot be kept comes again; mail for others is refused', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'my-server-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const kept: Parameters<Keep>[0][] = []
  const keep: Keep = async (mail) => {
    if (mail.subject === 'too much') throw new Error('the disk is full')
    kept.push(mail)
  }
  await using inbox = await start(keep, { port: 0, folder, authentication: false, log: { format: 'silent' } })
  const transport = nodemailer.createTransport({ host: '127.0.0.1', port: inbox.port })
  const send = (to: string, subject: string) =>
    transport.sendMail({ from: 'bob@sender.test', to, subject, text: 'Hello' })
  await send('ann@example.test', 'Minutes')
  assert.deepEqual(
    kept.map(({ to, subject, text }) => [to, subject, text.trim()]),
    [[['ann@example.test'], 'Minutes', 'Hello']],
  )
  await assert.rejects(send('ann@example.test', 'too much'), /451 4\.3\.0/)
  await assert.rejects(send('ann@elsewhere.test', 'Minutes'), /550 5\.7\.1/)
})
