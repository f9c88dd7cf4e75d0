/** The REST API: every example of the documentation of Mailpit's client for JavaScript, run by that client, and what is ours beside it. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import { MailpitClient } from 'mailpit-api'
import { type Stage, stage } from './stage.ts'

let it: Stage
let mailpit: MailpitClient
before(async () => {
  it = await stage()
  mailpit = new MailpitClient(it.url)
})
after(() => it[Symbol.asyncDispose]())
beforeEach(async () => void (await mailpit.deleteMessages()))

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
const WITH_FILES = {
  to: '"Bob, B." <bob@example.test>, carl@example.test',
  cc: 'dora@example.test',
  bcc: 'hidden@example.test',
  replyTo: 'reply@sender.test',
  subject: 'Grüße & more',
  text: 'Hello Bob,\nsee https://example.test/confirm?token=1 and the file.',
  html: '<p>Hello <b>Bob</b> <img src="cid:logo@x"></p>',
  headers: { 'X-Tag': ['one', 'two'], 'List-Unsubscribe': '<https://example.test/off>' },
  attachments: [
    { filename: 'Übersicht.pdf', content: Buffer.from('%PDF-1.4 not really'), contentType: 'application/pdf' },
    { filename: 'logo.png', content: PNG, cid: 'logo@x', contentType: 'image/png' },
  ],
}

test('a message as Mailpit’s client reads it: people, text, HTML, files with sums, and those who are in no field', async () => {
  assert.match(await it.send(WITH_FILES), /^250 /)
  const { messages, total, unread, messages_count } = await mailpit.listMessages()
  assert.deepEqual([total, unread, messages_count], [1, 1, 1])
  const [line] = messages
  assert.ok(line)
  assert.deepEqual(line.From, { Name: 'Änn', Address: 'ann@sender.test' })
  assert.deepEqual(line.To[0], { Name: 'Bob, B.', Address: 'bob@example.test' })
  assert.deepEqual([line.Read, line.Attachments, line.Snippet.slice(0, 10)], [false, 1, 'Hello Bob,'])

  const mail = await mailpit.getMessageSummary()
  assert.equal(mail.ID, line.ID)
  assert.equal(mail.Subject, 'Grüße & more')
  assert.deepEqual(
    mail.To.map(({ Address }) => Address),
    ['bob@example.test', 'carl@example.test'],
  )
  assert.deepEqual(
    mail.Bcc.map(({ Address }) => Address),
    ['hidden@example.test'],
  )
  assert.equal(mail.ReturnPath, 'ann@sender.test')
  assert.match(mail.Text, /^Hello Bob,\r?\nsee https/)
  assert.match(mail.HTML, /<b>Bob<\/b>/)
  assert.deepEqual(mail.ListUnsubscribe.Links, ['https://example.test/off'])
  assert.deepEqual(
    mail.Attachments.map(({ FileName, ContentType, Size }) => [FileName, ContentType, Size]),
    [['Übersicht.pdf', 'application/pdf', 19]],
  )
  assert.deepEqual(
    mail.Inline.map(({ ContentID }) => ContentID),
    ['logo@x'],
  )
  const [pdf] = mail.Attachments
  assert.ok(pdf)
  const blob = await mailpit.getMessageAttachment(mail.ID, pdf.PartID)
  assert.equal(blob.type, 'application/pdf')
  const octets = Buffer.from(await blob.arrayBuffer())
  assert.equal(octets.toString(), '%PDF-1.4 not really')
  const { Checksums } = pdf as unknown as { Checksums: Record<string, string> } // not in the types of the client
  for (const name of ['MD5', 'SHA1', 'SHA256'])
    assert.equal(Checksums[name], createHash(name.toLowerCase()).update(octets).digest('hex'))

  const headers = await mailpit.getMessageHeaders(mail.ID)
  assert.deepEqual(headers['X-Tag'], ['one', 'two'])
  assert.ok(headers['Message-Id'] && headers['Mime-Version'])
  const source = await mailpit.getMessageSource(mail.ID)
  assert.match(source, /^Message-ID|^X-Tag|^From/m)
  assert.equal(Buffer.byteLength(source), mail.Size)
  assert.equal((await mailpit.listMessages()).unread, 0, 'it was read')
})

test('send, wait, search, mark, tag and delete, as the client’s examples do', async () => {
  await mailpit.sendMessage({
    From: { Email: 'test@example.test', Name: 'First LastName' },
    To: [{ Email: 'rec@example.test', Name: 'Recipient Name' }, { Email: 'another@example.test' }],
    Bcc: ['secret@example.test'],
    Subject: 'Welcome',
    Text: 'Hi there',
    HTML: '<b>Hi</b> there',
    Attachments: [{ Filename: 'a.txt', Content: Buffer.from('file').toString('base64') }],
    Headers: { 'X-IP': '192.0.2.1' },
  })
  const welcome = await mailpit.waitForMessage({ query: 'subject:Welcome' })
  assert.equal(welcome.Subject, 'Welcome')
  assert.equal(welcome.Attachments[0]?.FileName, 'a.txt')
  assert.deepEqual((await mailpit.getMessageHeaders(welcome.ID))['X-Ip'], ['192.0.2.1'])
  for (const subject of ['one two', 'two three', 'tree']) await it.send({ subject, text: `text of ${subject}` })
  await mailpit.waitForMessages({ query: 'from:sender.test', count: 3, exact: true })

  const found = async (query: string): Promise<readonly string[]> =>
    (await mailpit.searchMessages({ query })).messages.map(({ Subject }) => Subject)
  assert.deepEqual(await found('two'), ['two three', 'one two'])
  assert.deepEqual(await found('"two three"'), ['two three'])
  assert.deepEqual(await found('two -three'), ['one two'])
  assert.deepEqual(await found('subject:"one two" from:ANN@'), ['one two'])
  assert.deepEqual(await found('-from:sender.test'), ['Welcome'])
  assert.deepEqual(await found('to:another'), ['Welcome'])
  assert.deepEqual(await found('addressed:secret'), ['Welcome'])
  assert.deepEqual(await found('has:attachment'), ['Welcome'])
  assert.deepEqual(await found('is:read'), ['Welcome'])
  assert.deepEqual(await found('larger:1M'), [])
  assert.equal((await found('after:2020-01-01 smaller:1M')).length, 4)
  assert.deepEqual(await found('before:2020-01-01'), [])
  assert.deepEqual(await found("' OR 1=1 --"), [])

  await mailpit.setReadStatus({ Search: 'two', Read: true })
  assert.equal((await mailpit.listMessages()).unread, 1)
  await mailpit.setReadStatus({ IDs: [welcome.ID], Read: false })
  assert.deepEqual(await found('is:unread'), ['tree', 'Welcome'])
  await mailpit.setReadStatus({ Read: true })
  assert.deepEqual(await found('is:unread'), [])

  await mailpit.setTags({ IDs: [welcome.ID], Tags: ['tag1', 'Tag 2<'] })
  assert.deepEqual(await mailpit.getTags(), ['Tag 2', 'tag1'])
  assert.deepEqual(await found('tag:"Tag 2"'), ['Welcome'])
  await mailpit.renameTag('Tag 2', 'New Tag Name')
  assert.deepEqual(await mailpit.getTags(), ['New Tag Name', 'tag1'])
  await mailpit.deleteTag('tag1')
  assert.deepEqual(await mailpit.getTags(), ['New Tag Name'])

  await mailpit.deleteMessagesBySearch({ query: 'two' })
  assert.deepEqual(
    (await mailpit.listMessages()).messages.map(({ Subject }) => Subject),
    ['tree', 'Welcome'],
  )
  await mailpit.deleteMessages({ IDs: [welcome.ID] })
  assert.equal((await mailpit.listMessages()).total, 1)
  const info = await mailpit.getInfo()
  assert.deepEqual([info.Messages, info.Unread], [1, 0])
  assert.equal((await mailpit.getConfiguration()).MessageRelay.Enabled, false)
})

test('wait answers with what is there, with what comes, and after its time with what came instead', async () => {
  const waiting = it.ask('api/v1/wait?query=subject:later&timeout=30s')
  await it.send({ subject: 'other' })
  await it.send({ subject: 'later on' })
  const first = (await (await waiting).json()) as { ID: string; Subject: string } // of shape.ts
  assert.equal(first.Subject, 'later on')
  const there = await it.ask('api/v1/wait?query=subject:other')
  assert.equal(((await there.json()) as { Subject: string }).Subject, 'other')
  const late = await it.ask(`api/v1/wait?after=${first.ID}&timeout=0`)
  assert.equal(late.status, 408)
  assert.equal((await it.ask('api/v1/wait?timeout=1d')).status, 400)
  assert.equal((await it.ask('api/v1/wait?after=nothing')).status, 404)
})

test('what cannot be is told, and nothing is changed by it', async () => {
  await it.send({ subject: 'stays' })
  const bodies: readonly (readonly [method: string, path: string, body: string, status: number])[] = [
    ['DELETE', 'api/v1/messages', '{"IDs":', 400],
    ['DELETE', 'api/v1/messages', '[]', 400],
    ['DELETE', 'api/v1/messages', '{"IDs":"all"}', 400],
    ['DELETE', 'api/v1/search', '', 400],
    ['PUT', 'api/v1/messages', '{"Read":"yes"}', 400],
    ['PUT', 'api/v1/tags', '{"Tags":["a"]}', 400],
    ['POST', 'api/v1/send', '{"Subject":"nobody"}', 400],
    ['POST', 'api/v1/send', '{"From":{"Email":"a@b.test"}}', 400],
    ['POST', 'api/v1/send', '{"From":{"Email":"no address"},"To":[{"Email":"c@d.test"}]}', 400],
    ['POST', 'api/v1/messages', '{}', 405],
  ]
  for (const [method, path, body, status] of bodies) {
    const answer = await it.ask(path, { method, ...(body !== '' && { body }) })
    assert.equal(answer.status, status, `${method} ${path} ${body}: ${await answer.text()}`)
  }
  for (const path of [
    'api/v1/message/nothing',
    'api/v1/message/latest/part/99',
    'view/latest.html',
    'view/..%2f..%2fetc',
  ])
    assert.equal((await it.ask(path)).status, 404, path)
  for (const path of ['api/v1/messages?start=-1', 'api/v1/messages?limit=many', 'api/v1/search?query='])
    assert.equal((await it.ask(path)).status, 400, path)
  assert.equal((await mailpit.listMessages()).total, 1)
})

test('what filters would say, and where links lead, is told; nothing is refused for it', async () => {
  await using asking = await stage({ filters: {} })
  assert.match(
    await asking.send({
      subject: 'Your bill',
      html: '<a href="https://bad.example.net/x?to=https%3A%2F%2Fother.example.org%2Fy">https://www.bank.example.com/</a>',
      attachments: [{ filename: 'bill.pdf.exe', content: Buffer.from('MZ') }],
    }),
    /^250 /,
  )
  const { Postroad: told } = (await (await asking.ask('api/v1/message/latest')).json()) as {
    Postroad: {
      Findings: { plugin: string; signal: string; weight: number; evidence: string[] }[]
      Links: Record<string, string>[]
    }
  }
  const found = told.Findings.map(({ plugin, signal }) => `${plugin} ${signal}`)
  for (const one of ['attachments name', 'attachments disguise', 'html mismatch', 'urls redirector'])
    assert.ok(found.includes(one), `${one}: ${found.join(', ')}`)
  assert.deepEqual(
    told.Findings.map(({ weight }) => weight),
    told.Findings.map(({ weight }) => weight).toSorted((a, b) => b - a),
  )
  assert.deepEqual(told.Links[0], {
    URL: 'https://bad.example.net/x?to=https%3A%2F%2Fother.example.org%2Fy',
    Host: 'bad.example.net',
    Shown: 'https://www.bank.example.com/',
    Element: 'a',
    LeadsTo: 'https://other.example.org/y',
  })
  await it.send({ subject: 'Nobody was asked' })
  const unasked = (await (await it.ask('api/v1/message/latest')).json()) as { Postroad: { Findings: unknown } }
  assert.equal(unasked.Postroad.Findings, null)
})
