/** `catchMail`, as a test of a program uses it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CatchOptions, catchMail, type Inbox } from '@postroad/catch'
import nodemailer, { type SendMailOptions } from 'nodemailer'
import { SmtpClient } from '../failure/smtp-client.ts'
import { serveZone } from '../identity/dns-server.ts'

async function send(inbox: Inbox, mail: SendMailOptions, auth?: { user: string; pass: string }): Promise<void> {
  const transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port: inbox.port,
    tls: { rejectUnauthorized: false },
    ...(auth && { auth }),
  })
  await transport.sendMail({ from: 'shop@sender.test', to: 'ann@example.com', ...mail })
}

test('next gives the mail that is meant, decoded, once; before and after it has come', async () => {
  await using inbox = await catchMail()
  const waiting = inbox.next({ to: 'ANN@example.com', subject: /^welcome/i })
  await send(inbox, { subject: 'Other' })
  await send(inbox, {
    subject: 'Welcome, Änn',
    text: 'Confirm: https://example.com/c?t=1',
    attachments: [{ filename: 'a.txt', content: 'file' }],
  })
  const mail = await waiting
  assert.equal(mail.subject, 'Welcome, Änn')
  assert.deepEqual(mail.links, ['https://example.com/c?t=1'])
  assert.deepEqual(mail.envelope, { from: 'shop@sender.test', to: ['ann@example.com'] })
  assert.equal(Buffer.from(mail.attachments[0]?.content ?? []).toString(), 'file')
  assert.match(mail.raw.toString(), /^Subject: /m)
  assert.equal(mail.headers.get('to')?.trim(), 'ann@example.com')
  await assert.rejects(inbox.next({ subject: 'Welcome', timeout: 0 }), /given before/)
  assert.equal((await inbox.next()).subject, 'Other')
  assert.deepEqual(
    (await inbox.all({ from: 'shop@sender.test' })).map(({ subject }) => subject),
    ['Other', 'Welcome, Änn'],
  )
  await inbox.clear()
  assert.deepEqual(await inbox.all(), [])
})

test('any login is believed, any recipient taken, and STARTTLS is there for who wants it', async () => {
  await using inbox = await catchMail({ tls: true })
  await send(inbox, { to: 'a@x.test, "odd name"@y.test', subject: 'x' }, { user: 'app', pass: 'whatever' })
  const mail = await inbox.next({ to: /^a@/ })
  assert.deepEqual([mail.username, mail.envelope.to.length], ['app', 2])
})

test('an error of time says what came instead, and what was refused', async () => {
  await using inbox = await catchMail({ like: 'strict' })
  await assert.rejects(inbox.next({ timeout: 0 }), /No mail came within 0 ms\.\nNothing came at all\./)
  await assert.rejects(send(inbox, { to: 'unknown@example.com' }), /550 5\.1\.1 No such mailbox/)
  await send(inbox, { to: 'carl@example.com', subject: 'For Carl' }, { user: 'app', pass: 'x' })
  await assert.rejects(
    inbox.next({ to: 'ann@example.com', subject: 'Welcome', timeout: '10 ms' }),
    ({ message }: Error) => {
      assert.match(message, /^No mail with to "ann@example\.com" and subject "Welcome" came within 10 ms\.\n1 is there/)
      assert.match(message, /shop@sender\.test → carl@example\.com "For Carl"/)
      assert.match(message, /Refused:\n {2}shop@sender\.test → unknown@example\.com 550 5\.1\.1 No such mailbox/)
      return true
    },
  )
})

test('like strict: greylisting, an unknown and a full mailbox, a message that is too large, too many connections, too many messages', async () => {
  await using inbox = await catchMail({ like: 'strict' })
  await assert.rejects(send(inbox, {}), /451 4\.7\.1 Greylisted/)
  await assert.rejects(send(inbox, { to: 'full@example.com' }), /452 4\.2\.2 /)
  await assert.rejects(send(inbox, { to: 'suspended@example.com' }), /550 5\.2\.1 /)
  const clients: SmtpClient[] = []
  try {
    for (let n = 0; n < 6; n++) {
      const client = await SmtpClient.connect(inbox.port)
      clients.push(client)
      assert.match(await client.reply(), n < 5 ? /^220 / : /^421 .*Too many connections/)
    }
    const [client] = clients
    assert.ok(client)
    await client.send('EHLO client.test')
    assert.match(await client.send('MAIL FROM:<a@sender.test> SIZE=20000000'), /^552 5\.3\.4 /)
    assert.match(await client.send('MAIL FROM:a@sender.test'), /^501 /)
    await client.send(`AUTH PLAIN ${Buffer.from('\0app\0any').toString('base64')}`)
    for (let n = 0; n < 20; n++) {
      await client.send('MAIL FROM:<a@sender.test>')
      assert.match(await client.send('RCPT TO:<b@example.test>'), /^250 /)
      await client.send('DATA')
      assert.match(await client.send('Subject: x\r\n\r\nx\r\n.'), /^250 /)
    }
    await client.send('MAIL FROM:<a@sender.test>')
    await client.send('RCPT TO:<b@example.test>')
    assert.match(await client.send('DATA'), /^45[01] 4\.7\.28 /)
  } finally {
    SmtpClient.breakAll()
  }
})

test('with authentication SPF, DKIM and DMARC are told, and nothing is refused for them', async () => {
  await using zone = await serveZone({
    'sender.test': 'v=spf1 -all',
    '_dmarc.sender.test': 'v=DMARC1; p=reject',
  })
  await using inbox = await catchMail({ authentication: { dns: { servers: [`${zone.address}:${zone.port}`] } } })
  await send(inbox, { subject: 'forged' })
  const { authentication } = await inbox.next()
  assert.equal(authentication.spf?.mailFrom.result, 'fail')
  assert.deepEqual(authentication.dkim?.signatures, [])
  assert.deepEqual([authentication.dmarc?.result, authentication.dmarc?.policy], ['fail', 'reject'])
})

test('options that there are not are told, and so is a word to choose by', async () => {
  await assert.rejects(catchMail({ prot: 1 } as unknown as CatchOptions), /there is no option "prot"; there are port, /)
  await using inbox = await catchMail()
  await assert.rejects(
    inbox.next({ too: 'x' } as unknown as { to: string }),
    /called "too"; there are to, from, subject/,
  )
  await assert.rejects(inbox.next({ timeout: 'soon' }), /timeout: milliseconds/)
})

test('the oldest go when there are too many', async () => {
  await using inbox = await catchMail({ max: 3, http: 0 })
  for (let n = 0; n < 5; n++) await send(inbox, { subject: `${n}` })
  assert.deepEqual(
    (await inbox.all()).map(({ subject }) => subject),
    ['2', '3', '4'],
  )
  const info = (await (await fetch(`${inbox.page}api/v1/info`)).json()) as {
    Messages: number
    Postroad: { Dropped: number }
  }
  assert.deepEqual([info.Messages, info.Postroad.Dropped], [3, 2])
  assert.equal((await inbox.next()).subject, '2')
})
