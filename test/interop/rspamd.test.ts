/** A real rspamd behind the plugin: the short case. All of it: `npm run interop -- rspamd`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rspamd } from '@postroad/rspamd'
import { requires } from '../runner/requires.ts'
import { gtube, MAX_MESSAGE, PUBLIC_KEY, startRspamd } from './rspamd-daemon.ts'
import { offer, startScannerServer } from './scanner-server.ts'

const skip = requires('rspamd')

const message = (body: string, fields = ''): Buffer =>
  Buffer.from(
    `From: a@client.test\r\nTo: rcpt@mx.test\r\nSubject: test\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n` +
      `Message-ID: <1@client.test>\r\n${fields}\r\n${body}\r\n`,
  )

test('rspamd rejects, marks, rewrites, defers and edits, and when it is killed nothing passes', { skip }, async () => {
  await using daemon = await startRspamd()
  await using server = await startScannerServer(rspamd({ at: `127.0.0.1:${daemon.port}` }))
  const taken = () => server.taken.at(-1)?.text ?? ''

  assert.match(await offer(server.port, message(gtube('X'))), /^550 5\.7\.1 Gtube pattern/)
  assert.match(await offer(server.port, message(gtube('Y'), 'X-Spam-Level: no\r\n')), /^250/)
  assert.match(taken(), /^X-Spam: Yes\r\n/)
  assert.doesNotMatch(taken(), /X-Spam-Level/)
  assert.match(await offer(server.port, message(gtube('Z'))), /^250/)
  assert.match(taken(), /\r\nSubject: \*\*\*SPAM\*\*\* test\r\n/)
  assert.match(await offer(server.port, message(gtube('A'))), /^250/)
  assert.doesNotMatch(taken(), /X-Spam/)
  assert.match(await offer(server.port, message('x', 'X-Test: soft\r\n')), /^451 4\.7\.1 Try again in a while/)
  assert.match(await offer(server.port, message('a secret\r\n.hidden', 'X-Test: body\r\n')), /^250/)
  assert.match(taken(), /\r\nX-Test: body\r\n\r\na XXXXXX\r\n\.hidden\r\n$/)

  {
    await using encrypted = await startScannerServer(rspamd({ at: `127.0.0.1:${daemon.port}`, key: PUBLIC_KEY }))
    assert.match(await offer(encrypted.port, message(gtube('X'))), /^550 5\.7\.1 Gtube pattern/)
    assert.match(await offer(encrypted.port, message('x')), /^250/)
  }

  // Over the size limit of rspamd: never a good message.
  const large = message(`${'x'.repeat(998)}\r\n`.repeat(Math.ceil(MAX_MESSAGE / 1_000)), 'X-Test: large\r\n')
  const reply = await offer(server.port, large)
  const line = server.lines().at(-1) as { readonly facts?: { readonly rspamd?: { readonly scanned: boolean } } }
  if (reply.startsWith('250')) assert.equal(line.facts?.rspamd?.scanned, false)
  else assert.match(reply, /^451/)

  await daemon.kill()
  assert.match(await offer(server.port, message(gtube('X'))), /^451 4\.3\.0/)
  assert.match(await offer(server.port, message('x')), /^451 4\.3\.0/)
})
