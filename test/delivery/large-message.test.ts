/** A message of some megabytes through a whole server and its queue: it comes into a file, is taken over there, and arrives as it was. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { createSink } from '@postroad/testing'
import nodemailer from 'nodemailer'
import { startPostroad } from '../bench/postroad.ts'
import { freePorts } from '../interop/loopback.ts'

const LINES = ['.', '..', '.x', 'plain', 'x'.repeat(900), '']

test('RFC 5321 §4.5.2: five megabytes with dots arrive octet for octet, and no file stays', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-large-'))
  const sink = await createSink()
  const [port = 0] = await freePorts(1)
  const kept = path.join(folder, 'kept')
  const server = await startPostroad({ port, sinkPort: sink.port, folder, socket: path.join(folder, 'socket') }, [
    routing({ domains: { 'x.test': { via: 'smtp', host: sink.host, port: sink.port } } }),
    queue({ folder: kept, smtp: { tls: { mode: 'none' } } }),
  ])
  t.after(async () => {
    await server.close()
    await sink.close()
    await rm(folder, { recursive: true })
  })
  let raw = 'Subject: large\r\n\r\n'
  for (let at = 0; raw.length < 5_000_000; at++) raw += `${LINES[at % LINES.length]}\r\n`
  const client = nodemailer.createTransport({ host: '127.0.0.1', port, ignoreTLS: true })
  const envelope = { from: 'a@client.test', to: 'b@x.test' }
  await Promise.all([1, 2, 3].map(() => client.sendMail({ envelope, raw })))
  client.close()
  while (sink.transactions.length < 3) await new Promise((resolve) => setImmediate(resolve))
  for (const { message } of sink.transactions) {
    const text = message.toString('latin1')
    const start = text.indexOf('Subject: large')
    assert.match(text.slice(0, start), /^Received: from /)
    assert.ok(text.slice(start) === raw, 'what came is what went')
  }
  const files = async (): Promise<number> => {
    const shelves = await readdir(path.join(kept, 'bodies'))
    const stored = await Promise.all(shelves.map((shelf) => readdir(path.join(kept, 'bodies', shelf))))
    return stored.flat().length + (await readdir(path.join(kept, 'incoming'))).length
  }
  // Content goes when the end is written down, which is after the next hop's answer.
  while ((await files()) > 0) await new Promise((resolve) => setImmediate(resolve))
})
