import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import nodemailer from 'nodemailer'
import { createServer } from 'postroad'

test('who has not logged in may not send, and a wrong password does not help', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'my-server-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  Object.assign(process.env, { POSTROAD_FOLDER: folder, POSTROAD_PORT: '0' })
  const { default: config } = await import('./postroad.config.ts')
  await using server = await createServer({ ...config, log: { format: 'silent' } })
  await server.listen()
  const send = (auth?: { user: string; pass: string }) =>
    nodemailer
      .createTransport({
        host: '127.0.0.1',
        port: server.addresses[0]?.port ?? 0,
        tls: { rejectUnauthorized: false },
        ...(auth && { auth }),
      })
      .sendMail({ from: 'ann@example.test', to: 'bob@elsewhere.test', subject: 'Minutes', text: 'x' })
  await assert.rejects(send(), /530 5\.7\.0/)
  await assert.rejects(send({ user: 'ann@example.test', pass: 'wrong' }), /535 5\.7\.8/)
})
