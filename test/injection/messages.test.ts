import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { rateLimit } from '@postroad/rate-limit'
import { simpleParser } from 'mailparser'
import { start } from './server.ts'

const PATIENCE = { timeout: 20_000 }
const FROM = 'Shop <shop@shop.example>'

test('a message in JSON is stored, and comes as it was meant', async (t) => {
  const { ask, mailbox } = await start(t)
  const { status, json } = await ask('POST', '/v1/messages', {
    from: FROM,
    to: ['Ann <ann@example.com>'],
    cc: { address: 'bob@example.com', name: 'Bób, "the" builder' },
    bcc: 'eve@example.com',
    replyTo: 'help@shop.example',
    subject: 'Grüße aus München',
    text: 'Hello,\nthis is it.\n.\nEnd',
    html: '<p>Hällo <img src="cid:logo"></p>',
    attachments: [
      {
        filename: 'Übersicht "a".pdf',
        content: Buffer.from('PDF\x00\xff', 'latin1').toString('base64'),
        contentType: 'application/pdf',
      },
      { filename: 'logo.png', content: 'iVBORw0KGgo=', contentType: 'image/png', cid: 'logo' },
    ],
    headers: {
      'X-Order': '17',
      'List-Unsubscribe': `<https://shop.example/u/${'a'.repeat(150)}>, <mailto:u@shop.example>`,
    },
  })
  assert.equal(status, 202, JSON.stringify(json))
  assert.match(json.id, /^[A-Za-z0-9]{20}$/)
  await t.waitFor(async () => assert.equal((await mailbox('eve')).length, 1), PATIENCE)
  const [octets = ''] = await mailbox('ann')
  assert.ok(!/eve@|bcc:/i.test(octets), 'a blind copy is blind')
  for (const line of octets.split('\n')) assert.ok(line.length < 300)
  assert.match(octets, /List-Unsubscribe:\s+<https:\/\/shop.example\/u\/a{150}>,\r?\n <mailto:u@shop.example>/)
  const mail = await simpleParser(Buffer.from(octets, 'latin1'))
  assert.equal(mail.subject, 'Grüße aus München')
  assert.equal(mail.messageId, json.messageId)
  assert.equal(mail.text?.trim(), 'Hello,\nthis is it.\n.\nEnd')
  assert.match(String(mail.html), /Hällo/)
  assert.deepEqual([mail.cc].flat()[0]?.value, [{ address: 'bob@example.com', name: 'Bób, "the" builder' }])
  assert.deepEqual(
    mail.attachments.map(({ filename, contentType, cid, content }) => [
      filename,
      contentType,
      cid,
      content.toString('latin1'),
    ]),
    [
      ['logo.png', 'image/png', 'logo', Buffer.from('iVBORw0KGgo=', 'base64').toString('latin1')],
      ['Übersicht "a".pdf', 'application/pdf', undefined, 'PDF\x00\xff'],
    ],
  )
  await t.waitFor(async () => {
    const state = await ask('GET', `/v1/messages/${json.id}`)
    assert.equal(state.json.from, 'shop@shop.example')
    assert.deepEqual(
      state.json.recipients
        .map(({ address, state }: { address: string; state: string }) => [address, state])
        .toSorted(),
      ['ann', 'bob', 'eve'].map((name) => [`${name}@example.com`, 'delivered']),
    )
  }, PATIENCE)
})

test('a whole message is sent as it is, without its blind copies; what is missing is added', async (t) => {
  const { ask, mailbox } = await start(t)
  const raw =
    'From: a@shop.example\nTo: ann@example.com\nBcc: eve@example.com,\n ben@example.com\nSubject: =?utf-8?q?x?=\n\nb\xf6dy\n'
  const headers = { 'content-type': 'message/rfc822' }
  const one = await ask('POST', '/v1/messages', Buffer.from(raw, 'latin1'), { headers })
  assert.equal(one.status, 202, one.text)
  await t.waitFor(async () => assert.equal((await mailbox('ben')).length, 1), PATIENCE)
  const [octets = ''] = await mailbox('ann')
  assert.match(octets, /Subject: =\?utf-8\?q\?x\?=\r?\n\r?\nb\xf6dy/)
  assert.match(octets, /^Message-ID: <.+@shop>\r?$/m)
  assert.match(octets, /^Date: /m)
  assert.ok(!/bcc|eve@|ben@/i.test(octets))
  const two = await ask(
    'POST',
    '/v1/messages?from=b%40shop.example&to=cat@example.com&tag=x',
    Buffer.from(raw, 'latin1'),
    { headers },
  )
  assert.equal(two.status, 202, two.text)
  const three = await ask('POST', '/v1/messages', { raw: raw.replace('\xf6', 'ö'), to: 'dan@example.com' })
  assert.equal(three.status, 202, three.text)
  await t.waitFor(async () =>
    assert.deepEqual(
      await Promise.all(['ann', 'cat', 'dan'].map(async (name) => (await mailbox(name)).length)),
      [1, 1, 1],
    ),
  )
  const wrong = await ask('POST', '/v1/messages?too=x', raw, { headers })
  assert.deepEqual([wrong.status, wrong.json.errors[0].pointer], [422, '?too'])
})

test('a template is filled for each recipient, and what it names and nobody says is a fault at its place', async (t) => {
  const { ask, mailbox } = await start(t)
  const template = {
    subject: 'For {{name}}',
    text: 'Hi {{name}} & co{{#items}}, {{.}}{{/items}}',
    html: '<b>{{name}}</b>{{{raw}}}',
  }
  const { status, json } = await ask('POST', '/v1/messages', {
    from: FROM,
    template,
    variables: { items: ['a', 'b'], raw: '<i>x</i>' },
    recipients: [
      { to: 'ann@example.com', variables: { name: '<Ann>' }, metadata: { n: '1' } },
      { to: 'bob@example.com', variables: { name: 'Bob' } },
    ],
  })
  assert.deepEqual([status, json.accepted, json.refused], [202, 2, 0])
  await t.waitFor(async () => assert.equal((await mailbox('bob')).length, 1), PATIENCE)
  const mail = await simpleParser((await mailbox('ann'))[0] ?? '')
  assert.deepEqual(
    [mail.subject, mail.text?.trim(), String(mail.html).trim()],
    ['For <Ann>', 'Hi <Ann> & co, a, b', '<b>&lt;Ann&gt;</b><i>x</i>'],
  )
  const wrong = await ask('POST', '/v1/messages', {
    from: FROM,
    template,
    variables: { items: [], raw: '' },
    recipients: [
      { to: 'ann@example.com', variables: { nmae: 'x' } },
      { to: 'bob@example.com', variables: { name: 'x\r\nBcc: y' } },
    ],
  })
  assert.equal(wrong.status, 422)
  assert.match(wrong.json.errors[0].detail, /"name".*did you mean "nmae"/)
  assert.deepEqual(
    wrong.json.errors.map(({ pointer }: { pointer: string }) => pointer),
    ['#/recipients/0/variables/name', '#/recipients/1/variables'],
    'what subject and HTML name is told once',
  )
  assert.equal((await mailbox('ann')).length, 1, 'nothing was sent')
})

test('how often a token may send is a limit by identity, as the page has it; another token goes on', async (t) => {
  const page = await readFile(new URL('../../docs/injection.md', import.meta.url), 'utf8')
  assert.match(page, /`\{ of: messages, by: identity, limit: 1000\/h \}`/)
  const plugins = [rateLimit({ limits: [{ of: 'messages', by: 'identity', limit: '2/h' }] })]
  const { ask } = await start(t, { plugins })
  const send = (from: string, token: string) =>
    ask('POST', '/v1/messages', { from, to: 'ann@example.com', subject: 's', text: 't' }, { token })
  for (const expected of [202, 202, 429]) {
    const { status, headers, text } = await send('shop@shop.example', 'shop')
    assert.equal(status, expected, text)
    if (status === 429) assert.match(headers.get('retry-after') ?? '', /^\d+$/)
  }
  assert.equal((await send('news@news.example', 'news')).status, 202)
})

test('mail waits for its time, and can be taken back until then', async (t) => {
  const { ask, mailbox } = await start(t)
  const mail = { from: FROM, to: 'ann@example.com', subject: 'later', text: 'x' }
  const later = await ask('POST', '/v1/messages', { ...mail, at: '+2 h' })
  assert.equal(later.status, 202, later.text)
  const { id } = later.json
  const state = await ask('GET', `/v1/messages/${id}`)
  assert.equal(state.json.at, later.json.at)
  assert.equal((await ask('GET', `/v1/messages/${id}`, undefined, { token: 'news' })).status, 404, 'of another sender')
  assert.equal((await ask('DELETE', `/v1/messages/${id}`, undefined, { token: 'news' })).status, 404)
  assert.equal((await ask('DELETE', `/v1/messages/${id}`)).status, 204)
  assert.equal((await ask('DELETE', `/v1/messages/${id}`)).status, 409)
  assert.equal((await ask('GET', `/v1/messages/${id}`)).json.recipients[0].state, 'cancelled')
  const soon = await ask('POST', '/v1/messages', { ...mail, at: new Date(Date.now() + 300).toISOString() })
  assert.equal(soon.status, 202, soon.text)
  await t.waitFor(async () => assert.equal((await mailbox('ann')).length, 1), PATIENCE)
  assert.equal(
    (await ask('POST', '/v1/messages', { ...mail, at: '2020-01-01T00:00:00Z' })).json.at,
    undefined,
    'has passed: it goes now',
  )
  for (const at of ['tomorrow', '+31 d', '2026-02-30T00:00:00Z', '2026-12-24T18:00:00']) {
    const wrong = await ask('POST', '/v1/messages', { ...mail, at })
    assert.deepEqual([wrong.status, wrong.json.errors?.[0].pointer], [422, '#/at'], at)
  }
})

test('several messages of one request have each its own answer, or all are sent or none', async (t) => {
  const { ask, mailbox } = await start(t)
  const good = { from: FROM, to: 'ann@example.com', subject: 's', text: 't' }
  const bad = { ...good, from: 'x@other.example', sbject: 's' }
  const gone = { ...good, to: 'x@elsewhere.example' }
  const { status, json } = await ask('POST', '/v1/messages/batch', { messages: [good, bad, gone, good] })
  assert.deepEqual([status, json.accepted, json.refused], [207, 2, 2])
  assert.deepEqual(
    json.results.map(({ status }: { status: number }) => status),
    [202, 422, 422, 202],
  )
  assert.match(json.results[1].errors[0].detail, /did you mean "subject"/)
  const none = await ask('POST', '/v1/messages/batch', { messages: [good, bad], allValid: true })
  assert.deepEqual([none.status, none.json.errors[0].pointer], [422, '#/messages/1/sbject'])
  await t.waitFor(async () => assert.equal((await mailbox('ann')).length, 2), PATIENCE)
  assert.equal((await ask('POST', '/v1/messages/batch', { messages: [] })).status, 422)
  assert.equal((await ask('POST', '/v1/messages/batch', { messages: {} })).json.errors[0].detail, 'must be an array')
})
