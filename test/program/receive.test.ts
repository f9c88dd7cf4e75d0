/** Mail received in a program: what the function gets, what its answers are worth, and that the process stays the program's own. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createTcpServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { parseForwardPath } from '@postroad/mail'
import { definePlugin, rewrite } from '@postroad/plugin'
import { defer, type MailHandler, type ReceiveOptions, type Receiver, receive, reject } from '@postroad/receive'
import nodemailer from 'nodemailer'
import { SmtpClient } from '../failure/smtp-client.ts'
import { serveZone } from '../identity/dns-server.ts'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-receive-'))
const zone = await serveZone({
  'sender.example': 'v=spf1 ip4:127.0.0.1 -all',
  '_dmarc.sender.example': 'v=DMARC1; p=reject',
  'forged.example': 'v=spf1 -all',
  '_dmarc.forged.example': 'v=DMARC1; p=reject',
})
after(async () => {
  await zone[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

let count = 0
/** Quiet, on loopback, with a folder of its own. */
function inbox(handler: MailHandler, options: Partial<ReceiveOptions> = {}): Promise<Receiver> {
  return receive(
    {
      domains: ['example.com'],
      host: '127.0.0.1',
      port: 0,
      folder: path.join(folder, String(++count)),
      log: { format: 'silent' },
      dns: { servers: [`${zone.address}:${zone.port}`] },
      listen: { tls: 'none' },
      ...options,
    },
    handler,
  )
}

/** What the client hears at last. */
async function send(
  { port }: Receiver,
  mail: Parameters<ReturnType<typeof nodemailer.createTransport>['sendMail']>[0] = {},
): Promise<string> {
  const client = nodemailer.createTransport({ host: '127.0.0.1', port })
  try {
    const sent = await client.sendMail({ from: 'ann@sender.example', to: 'bob@example.com', text: 'Hello', ...mail })
    return sent.response
  } catch (error) {
    return error instanceof Error && 'response' in error ? String(error.response) : String(error)
  } finally {
    client.close()
  }
}

test('the function gets the message as a reader sees it, who sent it, and files octet for octet', async () => {
  const file = randomBytes(300_000)
  const seen: unknown[] = []
  await using own = await inbox(async (mail) => {
    const [attachment] = await mail.attachments()
    const hash = createHash('sha256')
    for await (const chunk of attachment?.read() ?? []) hash.update(chunk)
    seen.push({
      sender: mail.sender?.toString(),
      recipients: mail.recipients.map(String),
      from: mail.from.map(({ name, text }) => `${name} ${text}`),
      to: mail.to.map(({ text }) => text),
      subject: mail.subject,
      text: (await mail.text()).trim(),
      html: (await mail.html())?.trim(),
      file: attachment?.filename,
      same: hash.digest('hex') === createHash('sha256').update(file).digest('hex'),
      spf: mail.authentication.spf?.mailFrom.result,
      dmarc: mail.authentication.dmarc?.result,
      client: mail.session.remote.address,
    })
  })
  const answer = await send(own, {
    from: '"Änn" <ann@sender.example>',
    to: ['bob@example.com', 'böb@example.com'],
    bcc: 'hidden@example.com',
    subject: 'Grüße',
    html: '<p>Hello</p>',
    attachments: [{ filename: 'Übersicht.bin', content: file }],
  })
  assert.match(answer, /^250 2\.0\.0 Ok: queued as \w+/)
  assert.deepEqual(seen, [
    {
      sender: 'ann@sender.example',
      recipients: ['bob@example.com', 'böb@example.com', 'hidden@example.com'],
      from: ['Änn ann@sender.example'],
      to: ['bob@example.com', 'böb@example.com'],
      subject: 'Grüße',
      text: 'Hello',
      html: '<p>Hello</p>',
      file: 'Übersicht.bin',
      same: true,
      spf: 'pass',
      dmarc: 'pass',
      client: '127.0.0.1',
    },
  ])
})

test('what the function answers is what the client hears: nothing is 250, a refusal is its own, a throw is 451 or 554', async () => {
  const answers: Readonly<Record<string, () => unknown>> = {
    refused: () => reject('No tickets today', { status: '5.7.1' }),
    later: () => defer('Not now', { status: '4.2.0' }),
    thrown: () => {
      throw new Error('disk full')
    },
    rejected: () => Promise.reject(new Error('database away')),
    nonsense: () => ({ kind: 'yes' }),
  }
  // What the types forbid is tried, too.
  const handler = (async ({ subject = '' }) => answers[subject]?.()) as MailHandler
  await using own = await inbox(handler)
  assert.match(await send(own, { subject: 'refused' }), /^550 5\.7\.1 No tickets today \(id /)
  assert.match(await send(own, { subject: 'later' }), /^450 4\.2\.0 Not now|^451 4\.2\.0 Not now/)
  for (const subject of ['thrown', 'rejected', 'nonsense'])
    assert.match(await send(own, { subject }), /^451 4\.3\.0 Local error in processing/, subject)
  await using strict = await inbox(handler, { onError: 'reject' })
  assert.match(await send(strict, { subject: 'thrown' }), /^554 5\.3\.0 /)
  assert.match(await send(strict, { subject: 'fine' }), /^250 /)
})

test('a function that is late is 451, and knows that its answer does not count any more', async () => {
  let aborted: (() => void) | undefined
  const late = new Promise<void>((resolve) => (aborted = resolve))
  await using own = await inbox(
    ({ signal }) => new Promise(() => signal.addEventListener('abort', () => aborted?.(), { once: true })),
    { timeout: '200 ms' },
  )
  assert.match(await send(own), /^451 4\.3\.0 /)
  await late
})

test('only our domains, and only addresses that there are; a question that fails is no answer', async () => {
  const own = await inbox(() => undefined, {
    domains: ['example.com', '*.example.org'],
    recipients: ({ local }) => {
      if (local === 'broken') throw new Error('directory away')
      return local !== 'nobody'
    },
  })
  await using _ = own
  const rcpt = async (address: string): Promise<string> => (await send(own, { to: address })).slice(0, 9)
  assert.equal(await rcpt('bob@example.com'), '250 2.0.0')
  assert.equal(await rcpt('bob@mail.example.org'), '250 2.0.0')
  assert.equal(await rcpt('nobody@example.com'), '550 5.1.1')
  assert.equal(await rcpt('broken@example.com'), '451 4.3.0')
  assert.equal(await rcpt('bob@elsewhere.example'), '550 5.7.1')
  assert.equal(await rcpt('bob%elsewhere.example@relay.example'), '550 5.7.1')
})

test('forged mail is told by default, refused when it is asked for, and not looked at when it is not', async () => {
  const results: unknown[] = []
  const handler: MailHandler = ({ authentication }) => {
    results.push(authentication.dmarc?.result)
  }
  const forged = { from: 'ceo@forged.example' }
  await using told = await inbox(handler)
  assert.match(await send(told, forged), /^250 /)
  await using enforced = await inbox(handler, { authentication: 'enforce' })
  assert.match(await send(enforced, forged), /^550 5\.7\.26 DMARC /)
  assert.match(await send(enforced), /^250 /)
  const asked = zone.questions
  await using none = await inbox(handler, { authentication: false })
  assert.match(await send(none, forged), /^250 /)
  assert.deepEqual(results, ['fail', 'pass', undefined])
  assert.equal(zone.questions, asked)
})

test('a message that goes elsewhere as well is not half the function’s: it is not called, and the client comes again', async () => {
  let calls = 0
  const elsewhere = definePlugin({
    name: 'elsewhere',
    hooks: {
      route: {
        before: ['routing'],
        handler: ({ recipient }) => (recipient.local === 'archive' ? { via: 'archive' } : undefined),
      },
      queue: {
        supports: [],
        carries: (via) => via === 'archive',
        handler: ({ deliveries, envelope }) =>
          deliveries.every(({ route }) => route.via === 'archive') ? { id: envelope.id } : undefined,
      },
    },
  })
  const archive = parseForwardPath('<archive@example.com>')
  assert.ok(archive)
  const copies = definePlugin({
    name: 'copies',
    hooks: {
      rewrite: {
        changes: 'envelope',
        handler: ({ message }) => (message.subject === 'copy' ? rewrite({ add: [archive] }) : message),
      },
    },
  })
  await using own = await inbox(() => void calls++, { plugins: (app) => app.use(elsewhere()).use(copies()) })
  assert.match(await send(own, { subject: 'copy' }), /^45\d 4\.\d\.\d /)
  assert.equal(calls, 0)
  assert.match(await send(own, { to: 'archive@example.com' }), /^250 /)
  assert.equal(calls, 0)
  // Of recipients that the client names the second is asked to come by itself.
  assert.match(await send(own, { to: 'bob@example.com, archive@example.com' }), /^250 /)
  assert.equal(calls, 1)
})

test('plugins see a message before the function does', async () => {
  let calls = 0
  const house = definePlugin({
    name: 'house',
    hooks: { message: ({ message }) => (message.subject === 'lottery' ? reject('No') : undefined) },
  })
  await using own = await inbox(() => void calls++, { plugins: (app) => app.use(house()) })
  assert.match(await send(own, { subject: 'lottery' }), /^550 /)
  assert.match(await send(own, { subject: 'minutes' }), /^250 /)
  assert.equal(calls, 1)
})

test('all mistakes of the options are told at once, with what was meant; a port in use is told, and nothing stays open', async () => {
  // As a program without types might call it.
  const wrong = { domains: [], recipient: () => true, port: 'smtp', onError: 'ignore' } as unknown as ReceiveOptions
  await assert.rejects(receive(wrong, 3 as unknown as MailHandler), ({ message }: Error) => {
    for (const part of [
      /port must be a whole number from 0 to 65535, not "smtp"/,
      /receive\.handler: not a function/,
      /receive\.domains: name a domain at least/,
      /receive\.recipient: there is no such option; did you mean "recipients"\?/,
      /onError/,
    ])
      assert.match(message, part)
    return true
  })
  const taken = createTcpServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const address = taken.address()
  assert.ok(address !== null && typeof address === 'object')
  await assert.rejects(
    inbox(() => undefined, { port: address.port }),
    /EADDRINUSE|is in use|cannot be opened/,
  )
  taken.close()
})

test('the process stays the program’s: no listener for its errors, no end of it, and nothing that keeps it running afterwards', async () => {
  const counts = () =>
    ['uncaughtException', 'unhandledRejection', 'SIGTERM', 'exit'].map((name) => process.listenerCount(name))
  const before = counts()
  const own = await inbox(() => undefined)
  assert.deepEqual(counts(), before)
  assert.match(await send(own), /^250 /)
  await own.close()
  assert.deepEqual(counts(), before)
  await own.close()
})

test('close lets what is under way come to its end: what was taken is answered 250, and its function has ended', async () => {
  const called = new EventEmitter()
  const begun = once(called, 'begun')
  const own = await inbox(async () => {
    const go = once(called, 'go')
    called.emit('begun')
    await go
  })
  const client = await SmtpClient.connect(own.port)
  await client.reply()
  for (const line of ['EHLO c.example', 'MAIL FROM:<a@sender.example>', 'RCPT TO:<b@example.com>', 'DATA'])
    await client.send(line)
  const answer = client.send('Subject: x\r\n\r\nx\r\n.')
  await begun
  const closed = own.close()
  called.emit('go')
  assert.match(await answer, /^250 /)
  await closed
})
