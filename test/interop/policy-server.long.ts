/** What takes longer than `npm test` has time for: `npm run interop -- policy-server`. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../cli/operator.ts'
import { SmtpClient } from '../failure/smtp-client.ts'
import { freePorts } from './loopback.ts'
import { fill, mails, offer, offerOn, skip, startAsked, startAsking, thresholds } from './policy-postfix.ts'

test('trap 1: never OK: before reject_unauth_destination no relay is open', { skip }, async () => {
  const [port = 0] = await freePorts(1)
  await using asked = await startAsked(port, fill)
  const more = 'mynetworks = 203.0.113.0/24'
  const recipient = '$service, reject_unauth_destination, permit'
  await using asking = await startAsking(`inet:127.0.0.1:${port}`, { recipient, more })
  const { reply } = await offer(asking.postfix.port, { to: 'somebody@elsewhere.test' })
  assert.match(reply, /^554 5\.7\.1 .*Relay access denied/)
  assert.equal(asked.lines().length, 0)
})

test('trap 2: a refusal for now does not hide one for good that follows', { skip }, async () => {
  const [port = 0] = await freePorts(1)
  await using _asked = await startAsked(port, fill)
  const recipient =
    'reject_unauth_destination, $service, check_recipient_access inline:{ {erin@example.test = 550 5.1.1 Gone for good} }, permit'
  await using asking = await startAsking(`inet:127.0.0.1:${port}`, { recipient })
  const { reply } = await offer(asking.postfix.port, { to: 'erin@example.test' })
  assert.match(reply, /^550 5\.1\.1 .*Gone for good/)
})

test('trap 10: one message is one transaction with growing recipients, and the next one another', {
  skip,
}, async () => {
  const [port = 0] = await freePorts(1)
  await using asked = await startAsked(port, fill, { thresholds })
  await using asking = await startAsking(`inet:127.0.0.1:${port}`)
  const client = await SmtpClient.connect(asking.postfix.port)
  await client.reply()
  await client.send('EHLO client.test')
  const users = (...names: readonly string[]) => ({ to: names.map((name) => `${name}@example.test`) })
  assert.match((await offerOn(client, users('alice', 'dave', 'bob'))).reply, /^250 /)
  assert.match((await offerOn(client, users('alice'))).reply, /^250 /)
  // Begun, given up, and begun again with the same sender.
  await client.send('MAIL FROM:<joe@client.test>')
  await client.send('RCPT TO:<alice@example.test>')
  await client.send('RSET')
  assert.match((await offerOn(client, users('bob'))).reply, /^250 /)
  await client.quit()
  const lines = await until(() => (asked.lines().length >= 4 ? asked.lines() : undefined))
  assert.deepEqual(
    lines.map(({ to, judged }) => [to, (judged as { outcome: string } | undefined)?.outcome]),
    [
      [['alice@example.test', 'bob@example.test'], 'pass'],
      [['alice@example.test'], 'pass'],
      [['alice@example.test'], 'pass'],
      [['bob@example.test'], 'pass'],
    ],
  )
  const [marked = ''] = await mails(asking.postfix.mailbox('bob'), 1)
  assert.equal(marked.match(/^X-Spam-Flag: YES$/gm)?.length, 1, 'trap 9: once, whatever the number of recipients')
})

test('BDAT is asked about as DATA is', { skip }, async () => {
  const [port = 0] = await freePorts(1)
  await using _asked = await startAsked(port, fill, { thresholds })
  await using asking = await startAsking(`inet:127.0.0.1:${port}`)
  const client = await SmtpClient.connect(asking.postfix.port)
  await client.reply()
  for (const line of ['EHLO client.test', 'MAIL FROM:<joe@client.test>', 'RCPT TO:<later@example.test>'])
    await client.send(line)
  assert.match(await client.send('BDAT 6 LAST\r\nHello'), /^550 5\.7\.1/)
  await client.quit()
})

test('restarted in the middle of load: no 451 4.3.5, and nobody passes who should not', { skip }, async (t) => {
  const [port = 0] = await freePorts(1)
  const folder = mkdtempSync(join(tmpdir(), 'pr-policy-load-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const start = () => startAsked(port, fill, { folder, thresholds })
  let asked = await start()
  await using asking = await startAsking(`inet:127.0.0.1:${port}`)
  const replies: string[] = []
  let isOver = false
  const load = ['alice', 'dave', 'later', 'alice'].map(async (user) => {
    const client = await SmtpClient.connect(asking.postfix.port)
    await client.reply()
    await client.send('EHLO client.test')
    while (!isOver) replies.push(`${user} ${(await offerOn(client, { to: [`${user}@example.test`] })).reply}`)
    await client.quit()
  })
  for (let each = 0; each < 5; each++) {
    const before = replies.length
    await until(() => (replies.length > before + 8 ? true : undefined))
    await asked[Symbol.asyncDispose]()
    asked = await start()
  }
  const last = replies.length
  await until(() => (replies.length > last + 8 ? true : undefined))
  isOver = true
  await Promise.all(load)
  await asked[Symbol.asyncDispose]()
  const kinds = new Map<string, number>()
  for (const reply of replies) {
    const kind = reply.slice(0, reply.indexOf(' ') + 10)
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  }
  t.diagnostic(JSON.stringify([...kinds]))
  assert.deepEqual(
    [...kinds.keys()].sort(),
    ['alice 250 2.0.0', 'dave 550 5.1.1', 'later 550 5.7.1'],
    replies.filter((one) => /4\.3\./.test(one)).join('\n'),
  )
  assert.doesNotMatch(asking.log(), /4\.3\.5/)
})
