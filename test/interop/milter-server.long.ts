/** What takes longer of the real mail servers that ask a scope of plugins by milter: `npm run interop -- milter-server`. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createTransport } from 'nodemailer'
import { certificate } from '../delivery/certificate.ts'
import { mails } from '../delivery/mailbox.ts'
import { requiresSendmail, startSendmail } from '../delivery/sendmail.ts'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import { freePorts } from './loopback.ts'
import { begin, messageOf, offerTo, startFilter } from './milter-judge.ts'
import { startMortal } from './milter-mortal.ts'
import { type AskingServer, arrived, outlives, underLoad } from './milter-obedience.ts'
import { type AskingPostfix, startAsking } from './milter-postfix.ts'

const noSendmail = requiresSendmail()
const noPostfix = requires('postfix') || (process.getuid?.() === 0 ? false : 'Postfix needs root')
const TO = 'alice@example.test'

test('Sendmail by a UNIX socket, with STARTTLS, and four clients while the filter goes and comes', {
  skip: noSendmail,
}, async (t) => {
  // It takes no socket that is below a folder into which everybody may write, and says so instead of starting.
  const folder = mkdtempSync('/run/postroad-milter-')
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await using filter = await startFilter({ path: join(folder, 'milter'), mode: 0o600 })
  await using sendmail = await startSendmail({ certificate, mc: filter.line('sendmail.mc') })
  assert.match(await byTls(sendmail.port, TO), /^250/)
  assert.match(String((await mails(sendmail.mailbox('alice'), 1))[0]), /^X-Filter: was here, tls=TLSv1\.3$/m)
  const { taken, refused } = await underLoad(sendmail, filter)
  t.diagnostic(`${taken} taken, ${refused} refused for now`)
})

test('the filter is killed in the middle of a message, and under load: nothing is lost, nothing passes unseen (Postfix)', {
  skip: noPostfix,
}, async (t) => {
  await using postfix = await startAsking('smtpd_milters = unix:postroad/milter')
  const place = join(postfix.folder, 'queue/postroad')
  execFileSync(programPath('install'), ['-d', '-o', 'nobody', '-g', 'postfix', '-m', '0750', place])
  await using filter = await startMortal({ path: join(place, 'milter'), mode: 0o660, group: 'postfix' })
  await outlives(postfix, filter)
  const { taken, refused } = await underLoad(postfix, filter, 3)
  t.diagnostic(`${taken} taken, ${refused} refused for now`)
})

test('the filter is killed in the middle of a message, and under load: nothing is lost, nothing passes unseen (Sendmail)', {
  skip: noSendmail,
}, async (t) => {
  const [port = 0] = await freePorts(1)
  await using filter = await startMortal({ port })
  await using sendmail = await startSendmail({ mc: filter.line('sendmail.mc') })
  await outlives(sendmail, filter)
  const { taken, refused } = await underLoad(sendmail, filter, 3)
  t.diagnostic(`${taken} taken, ${refused} refused for now`)
})

test('Sendmail takes 200 KB and 20 MB, and a body instead of it', { skip: noSendmail }, async () => {
  const [port = 0] = await freePorts(1)
  await using filter = await startFilter({ port })
  await using sendmail = await startSendmail({ mc: filter.line('sendmail.mc') })
  await takesLarge(sendmail)
})

test('Sendmail waits for a filter that says it is at work, and for no other', { skip: noSendmail }, async () => {
  for (const progressMs of [1_000, 60_000]) {
    const [port = 0] = await freePorts(1)
    await using filter = await startFilter({ port, progressMs })
    // A sign of life is an answer to it (R); the time for all that belongs to one message (E) goes on.
    const mc = filter.line('sendmail.mc').replace('R:60s', 'R:3s')
    assert.match(mc, /R:3s/)
    await using sendmail = await startSendmail({ mc })
    const reply = await offerTo(sendmail.port, { subject: 'slow' })
    assert.match(reply, progressMs === 1_000 ? /^250/ : /^451 4\.3\.2/)
    if (progressMs === 1_000) await mails(sendmail.mailbox('alice'), 1)
    else assert.equal(arrived(sendmail.mailbox('alice')).length, 0)
  }
})

test('Postfix waits for a filter that says it is at work', { skip: noPostfix }, async () => {
  const [port = 0] = await freePorts(1)
  await using filter = await startFilter({ port, progressMs: 1_000 })
  await using postfix = await startAsking(`${filter.line('main.cf')}\nmilter_content_timeout = 3s`)
  assert.match(await offerTo(postfix.port, { subject: 'slow' }), /^250/)
  await mails(postfix.mailbox('alice'), 1)
})

test('Postfix by a UNIX socket from its chroot: mode and group, STARTTLS, and four clients while the filter goes and comes', {
  skip: noPostfix,
}, async (t) => {
  const [port = 0] = await freePorts(1)
  const master = `127.0.0.1:${port} inet n - y - - smtpd\n`
  await using postfix = await startAsking('smtpd_milters = unix:postroad/milter', master)
  const place = join(postfix.folder, 'queue/postroad')
  execFileSync(programPath('install'), ['-d', '-o', 'nobody', '-g', 'postfix', '-m', '0750', place])
  await using filter = await startFilter({ path: join(place, 'milter'), mode: 0o660, group: 'postfix' })
  const { mode, gid } = statSync(join(place, 'milter'))
  assert.deepEqual([mode & 0o777, gid], [0o660, statSync(place).gid])
  assert.match(await byTls(port, TO), /^250/)
  assert.match(String((await mails(postfix.mailbox('alice'), 1))[0]), /^X-Filter: was here, tls=TLSv1\.3$/m)
  const { taken, refused } = await underLoad({ ...postfix, port }, filter)
  t.diagnostic(`${taken} taken, ${refused} refused for now`)
})

test('Postfix with 200 KB and 20 MB, PIPELINING, and UTF-8', { skip: noPostfix }, async () => {
  const [port = 0] = await freePorts(1)
  await using filter = await startFilter({ port })
  await using postfix = await startAsking(`${filter.line('main.cf')}\nmessage_size_limit = 40000000`)
  await takesLarge(postfix)
  await pipelined(postfix)
  await inUtf8(postfix)
})

test('Sendmail with PIPELINING and UTF-8', { skip: noSendmail }, async () => {
  const [port = 0] = await freePorts(1)
  await using filter = await startFilter({ port })
  await using sendmail = await startSendmail({ mc: filter.line('sendmail.mc') })
  await pipelined(sendmail)
  await inUtf8(sendmail)
})

test('trap 18: mail that did not come by SMTP is refused at its end, and not tried for ever', {
  skip: noPostfix,
}, async () => {
  const [port = 0] = await freePorts(1)
  await using filter = await startFilter({ port })
  const milters = filter.line('main.cf').replace('smtpd_milters', 'non_smtpd_milters')
  await using postfix = await startAsking(milters)
  await ofItsOwn(postfix)
})

/** All commands in one write, one recipient refused. */
async function pipelined({ port, mailbox }: AskingServer): Promise<void> {
  const client = await begin(port)
  const commands = ['MAIL FROM:<a@client.example>', 'RCPT TO:<bob@example.test>', `RCPT TO:<${TO}>`, 'DATA']
  client.write(`${commands.join('\r\n')}\r\n`)
  const replies = [await client.reply(), await client.reply(), await client.reply(), await client.reply()]
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 3)),
    ['250', '550', '250', '354'],
  )
  // The end, and the next message, at once.
  client.write(`Subject: plain\r\n\r\none\r\n.\r\n${commands.join('\r\n')}\r\n`)
  for (const code of ['250', '250', '550', '250', '354']) assert.equal((await client.reply()).slice(0, 3), code)
  assert.match(await client.send('Subject: refuse\r\n\r\ntwo\r\n.'), /^550 5\.7\.1/)
  await client.quit()
  const [mail = ''] = (await mails(mailbox('alice'), 1)).map(String)
  assert.match(mail, /\n\none\n$/)
}

/** Fields and a body in UTF-8, and octets that are none; addresses, too, where the server takes them: Debian's Sendmail has no SMTPUTF8. */
async function inUtf8({ port, mailbox, isPostfix }: AskingServer): Promise<void> {
  const [from, user] = isPostfix ? ['j\u00fcrgen', 'd\u00f6rte'] : ['jurgen', 'dave']
  const client = await begin(port)
  assert.match(
    await client.send(`MAIL FROM:<${from}@client.example>${isPostfix ? ' SMTPUTF8' : ''} BODY=8BITMIME`),
    /^250/,
  )
  assert.match(await client.send(`RCPT TO:<${user}@example.test>`), /^250/)
  assert.match(await client.send('DATA'), /^354/)
  const head = 'Date: Mon, 30 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@client.example>\r\n'
  const content = `${head}From: jürgen@client.example\r\nSubject: Grüße, 日本語\r\nX-Keep: ü\r\n\r\nñandú\r\n`
  client.write(`${Buffer.from(content).toString('latin1')}\xe4\xff\r\n`)
  assert.match(await client.send('.'), /^250/)
  await client.quit()
  const [mail = Buffer.alloc(0)] = await mails(mailbox(user), 1)
  const text = mail.toString('latin1')
  assert.match(text, /^X-Filter: was here, tls=none\nReceived: /m)
  const end = Buffer.from(content.slice(content.indexOf('X-Keep')).replaceAll('\r\n', '\n')).toString('latin1')
  assert.ok(text.trimEnd().endsWith(`${end}\xe4\xff`), text)
}

/** Mail that did not come by SMTP. A refusal of a recipient is said at the end: at RCPT it would be tried for ever. */
async function ofItsOwn(postfix: AskingPostfix): Promise<void> {
  const submit = (to: string): void => {
    const env = { ...process.env, MAIL_CONFIG: join(postfix.folder, 'etc') }
    const input = 'From: frank@example.test\nSubject: plain\n\nof its own\n'
    execFileSync(programPath('sendmail'), ['-f', 'frank@example.test', to], { input, env, timeout: 30_000 })
  }
  submit('later@example.test')
  const [mail = ''] = (await mails(postfix.mailbox('later'), 1)).map(String)
  assert.match(mail, /^X-Filter: was here, tls=none\nReceived: by postfix\.test/m)
  submit('bob@example.test')
  const [bounce = ''] = (await mails(postfix.mailbox('frank'), 1)).map(String)
  assert.match(bounce, /No such user: 100% %s/)
  assert.deepEqual(readdirSync(join(postfix.folder, 'queue/maildrop')), [])
}

/** Offers one over TLS; the server's answer. */
async function byTls(port: number, to: string): Promise<string> {
  const transport = createTransport({ host: '127.0.0.1', port, requireTLS: true, tls: { rejectUnauthorized: false } })
  try {
    const raw = messageOf({ subject: 'plain' })
    const { response } = await transport.sendMail({ envelope: { from: 'sender@client.example', to }, raw })
    return response
  } finally {
    transport.close()
  }
}

/** Bodies of 200 KB and 20 MB with dots at the beginning of lines arrive as they are, marked; and one of that size is replaced. */
async function takesLarge(server: AskingServer): Promise<void> {
  const line = `.${'x'.repeat(75)}\r\n`
  for (const [user, octets] of [
    ['carol', 200_000],
    ['dave', 20_000_000],
  ] as const) {
    const body = line.repeat(octets / line.length)
    assert.match(await offerTo(server.port, { subject: 'large', to: [`${user}@example.test`], body }), /^250/)
    const [mail = Buffer.alloc(0)] = await mails(server.mailbox(user), 1)
    const text = mail.toString('latin1')
    assert.match(text.slice(0, 2_000), /^X-Filter: was here/m)
    assert.ok(
      text.slice(text.indexOf('\n\n') + 2).trimEnd() === body.replaceAll('\r\n', '\n').trimEnd(),
      `${octets} octets`,
    )
  }
  const body = line.repeat(20_000_000 / line.length)
  assert.match(await offerTo(server.port, { subject: 'edit', to: ['erin@example.test'], body }), /^250/)
  const [mail = ''] = (await mails(server.mailbox('erin'), 1)).map(String)
  assert.match(mail, /\n\nanother body\n\.\n100%s\n+$/)
}
