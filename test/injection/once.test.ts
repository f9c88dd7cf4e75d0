import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type accept, defer, definePlugin, messageTags, reject } from '@postroad/plugin'
import { start } from './server.ts'

const MAIL = { from: 'shop@shop.example', to: 'ann@example.com', subject: 's', text: 't', at: '+1 h' }
const keyed = (key: string) => ({ headers: { 'idempotency-key': key } })

test('a request that is sent again with its key is answered alike, and is one message', async (t) => {
  const { ask } = await start(t)
  const first = await ask('POST', '/v1/messages', MAIL, keyed('"a b"'))
  const again = await ask('POST', '/v1/messages', MAIL, keyed('"a b"'))
  assert.deepEqual([first.status, again.status, again.text], [202, 202, first.text])
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  const other = await ask('POST', '/v1/messages', { ...MAIL, subject: 'x' }, keyed('"a b"'))
  assert.deepEqual([other.status, other.json.detail], [422, 'The idempotency key is that of another request'])
  assert.notEqual((await ask('POST', '/v1/messages', MAIL, keyed('c'))).json.id, first.json.id)
  assert.equal(
    (await ask('POST', '/v1/messages', { ...MAIL, from: 'news@news.example' }, { ...keyed('"a b"'), token: 'news' }))
      .status,
    202,
    'keys of others are others',
  )
  for (const wrong of ['""', '"a', 'ü', '"a" "b"', 'x'.repeat(300)])
    assert.equal(
      (await ask('POST', '/v1/messages', MAIL, keyed(Buffer.from(wrong).toString('latin1')))).status,
      400,
      wrong,
    )
})

test('while the first is under way its key is 409; what was refused is tried again', async (t) => {
  let answer: (value: ReturnType<typeof accept> | ReturnType<typeof defer> | undefined) => void = () => {}
  let asked: () => void = () => {}
  const slow = definePlugin({
    name: 'slow',
    hooks: {
      message: () => {
        asked()
        return new Promise((resolve) => (answer = resolve))
      },
    },
  })
  const { ask } = await start(t, { plugins: [slow()] })
  const isAsked = new Promise<void>((resolve) => (asked = resolve))
  const first = ask('POST', '/v1/messages', MAIL, keyed('k'))
  await isAsked
  const second = await ask('POST', '/v1/messages', MAIL, keyed('k'))
  assert.deepEqual([second.status, second.headers.get('retry-after')], [409, '1'])
  answer(defer('Not now'))
  assert.deepEqual(
    [(await first).status, (await first).headers.get('retry-after'), (await first).json.reply.code],
    [503, '30', 451],
  )
  const isAskedAgain = new Promise<void>((resolve) => (asked = resolve))
  const third = ask('POST', '/v1/messages', MAIL, keyed('k'))
  await isAskedAgain
  answer(undefined)
  assert.equal((await third).status, 202)
})

test('what plugins refuse is told with their words, and tags reach who asks for them', async (t) => {
  const seen: unknown[] = []
  const rules = definePlugin({
    name: 'rules',
    hooks: {
      rcpt: ({ recipient }) => (recipient.local === 'gone' ? reject('Gone for good') : undefined),
      message: ({ message, find, session }) => {
        seen.push([find(messageTags), session.identity?.name])
        return message.subject === 'bad' ? reject('We do not like it', { status: '5.7.1' }) : undefined
      },
    },
  })
  const { ask } = await start(t, { plugins: [rules()] })
  const some = await ask('POST', '/v1/messages', {
    ...MAIL,
    to: ['ann@example.com', 'gone@example.com'],
    tags: ['x'],
    metadata: { order: '1' },
    tenant: 'a',
  })
  assert.deepEqual(
    [
      some.status,
      some.json.refused.map(({ address, reply }: { address: string; reply: { text: string } }) => [
        address,
        reply.text,
      ]),
    ],
    [202, [['gone@example.com', 'Gone for good']]],
  )
  assert.deepEqual(seen, [[{ tenant: 'a', tags: ['x'], metadata: { order: '1' } }, 'shop']])
  const none = await ask('POST', '/v1/messages', { ...MAIL, to: 'gone@example.com' })
  assert.equal(none.status, 422)
  assert.match(none.json.errors[0].detail, /gone@example.com: 550 .*Gone for good/)
  const bad = await ask('POST', '/v1/messages', { ...MAIL, subject: 'bad' })
  assert.deepEqual([bad.status, bad.json.reply], [422, { code: 550, status: '5.7.1', text: 'We do not like it' }])
  assert.deepEqual(seen[1], [undefined, 'shop'], 'tags of one are not those of another')
})

test('who may send what: tokens, senders, sizes, recipients', async (t) => {
  const { ask, url } = await start(t)
  const of = async (body: object, token?: string) =>
    await ask('POST', '/v1/messages', body, token === undefined ? {} : { token })
  assert.equal((await of(MAIL, 'prt_wrong')).status, 401)
  assert.equal((await fetch(`${url}/v1/messages`, { method: 'POST', body: '{}' })).status, 401)
  const nobody = await of(MAIL, 'nobody')
  assert.deepEqual(
    [nobody.status, nobody.json.detail],
    [403, 'The token "nobody" may not send: it is not in the option "clients"'],
  )
  for (const [wrong, pointer] of [
    [{ from: 'a@other.example' }, '#/from'],
    [{ from: 'a@shop.example.evil.example' }, '#/from'],
    [{ returnPath: 'a@other.example' }, '#/returnPath'],
    [{ from: undefined, raw: 'From: a@other.example\r\n\r\nx' }, '#/raw'],
    [{ from: undefined, raw: 'From: a@shop.example, b@other.example\r\n\r\nx' }, '#/raw'],
  ] as const) {
    const { subject: _, text: __, ...rest } = MAIL
    const { status, json } = await of({ ...('raw' in wrong ? rest : MAIL), ...wrong })
    assert.deepEqual([status, json.errors?.[0].pointer], [422, pointer], JSON.stringify(wrong))
  }
  const news = { ...MAIL, from: 'news@news.example' }
  assert.equal((await of({ ...news, text: 'x'.repeat(30_000) }, 'news')).status, 413)
  const many = await of({ ...news, to: ['a', 'b', 'c', 'd'].map((name) => `${name}@example.com`) }, 'news')
  assert.deepEqual([many.status, many.json.errors[0].detail], [422, 'has 4 recipients; 3 are allowed'])
  assert.equal((await of({ ...MAIL, from: 'ä@bücher.example', to: 'ü@example.com' })).status, 202, 'international')
  assert.equal((await of({ ...MAIL, returnPath: null })).status, 202, 'the null reverse-path')
})
