import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { openApi } from '../../plugins/injection/src/openapi.ts'
import { routesFor } from '../../plugins/injection/src/routes.ts'
import { start } from './server.ts'

const MAIL = { from: 'shop@shop.example', to: 'ann@example.com', subject: 's', text: 't', at: '+1 h' }
const JSON_TYPE = { 'content-type': 'application/json' }

test('bodies that are no JSON, or can be read in two ways, are refused at their place', async (t) => {
  const { ask } = await start(t)
  const post = (body: string | Uint8Array) => ask('POST', '/v1/messages', body, { headers: JSON_TYPE })
  for (const [body, status, pointer] of [
    ['', 400, undefined],
    ['{', 400, undefined],
    ['[]', 422, '#'],
    ['null', 422, '#'],
    ['"x"', 422, '#'],
    [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 400, `#${'/0'.repeat(32)}`],
    ['{"from":"a@shop.example","from":"b@shop.example"}', 400, '#/from'],
    ['{"headers":{"X-A":"1","\\u0058-A":"2"}}', 400, '#/headers/X-A'],
    ['{"a":[1,{"x\\"":1,"x\\"":2}]}', 400, '#/a/1/x%22'],
    ['{"__proto__":{"from":"a@shop.example"}}', 400, '#/__proto__'],
    ['{"variables":{"\\u005f_proto__":1}}', 400, '#/variables/__proto__'],
    ['{"constructor":1}', 422, '#/constructor'],
    [JSON.stringify({ ...MAIL, text: 'x' }).replace('"x"', '"\\ud800"'), 422, '#/text'],
    [Buffer.from([0x22, 0xff, 0x22]), 400, undefined],
  ] as const) {
    const { status: got, json } = await post(body)
    assert.equal(got, status, `${String(body).slice(0, 60)}: ${JSON.stringify(json).slice(0, 200)}`)
    if (pointer)
      assert.ok(
        json.errors.some((each: { pointer: string }) => each.pointer === pointer),
        `${pointer}: ${JSON.stringify(json).slice(0, 300)}`,
      )
  }
  assert.equal(({} as Record<string, unknown>)['from'], undefined)
  assert.equal(
    (await ask('POST', '/v1/messages', JSON.stringify(MAIL), { headers: { 'content-type': 'text/plain' } })).status,
    415,
  )
  assert.equal((await post(JSON.stringify(MAIL))).status, 202, 'and goes on')
})

test('no value ends a line of the header section', async (t) => {
  const { ask } = await start(t)
  for (const evil of ['a\r\nBcc: x@example.com', 'a\nX: y', 'a\rX: y', 'a\0b', 'a\u007f']) {
    for (const [more, place] of [
      [{ subject: evil }, '#/subject'],
      [{ from: { address: 'shop@shop.example', name: evil } }, '#/from/name'],
      [{ from: `${evil} <shop@shop.example>` }, '#/from'],
      [{ to: [`ann@example.com${evil}`] }, '#/to/0'],
      [{ cc: evil }, '#/cc'],
      [{ bcc: [evil] }, '#/bcc/0'],
      [{ replyTo: { address: evil } }, '#/replyTo/address'],
      [{ returnPath: evil }, '#/returnPath'],
      [{ headers: { 'X-A': evil } }, '#/headers/X-A'],
      [{ headers: { 'X-A': ['ok', evil] } }, '#/headers/X-A/1'],
      [{ headers: { [evil]: 'x' } }, undefined],
      [{ tags: [evil] }, '#/tags/0'],
      [{ metadata: { a: evil } }, '#/metadata/a'],
      [{ at: evil }, '#/at'],
      [{ tenant: evil }, '#/tenant'],
      [{ attachments: [{ filename: evil, content: '' }] }, '#/attachments/0/filename'],
      [{ attachments: [{ content: '', contentType: `text/plain; a=${evil}` }] }, '#/attachments/0/contentType'],
      [{ attachments: [{ content: '', cid: evil }] }, '#/attachments/0/cid'],
      [{ text: undefined, template: { subject: '{{x}}' }, subject: undefined, variables: { x: evil } }, '#/variables'],
    ] as const) {
      const { status, json } = await ask('POST', '/v1/messages', { ...MAIL, ...more })
      assert.equal(status, 422, `${JSON.stringify(more)}: ${JSON.stringify(json)}`)
      if (place) assert.equal(json.errors[0].pointer, place, `${JSON.stringify(more)}: ${JSON.stringify(json)}`)
    }
  }
  const all = await ask('POST', '/v1/messages', {
    from: 1,
    to: ['x', { address: 'ann@example.com', nme: 'A' }],
    headers: { Subject: 'x', 'Content-Type': 'text/x' },
    attachments: [{ content: '*', contentType: 'multipart/mixed' }, {}],
    text: 5,
  })
  const places = all.json.errors.map(({ pointer }: { pointer: string }) => pointer)
  assert.deepEqual(places, ['#/from', '#/to/1/nme', '#/text', '#/attachments/1/content'], 'all that the schema finds')
  const more = await ask('POST', '/v1/messages', {
    ...MAIL,
    to: ['x', 'y@'],
    headers: { Subject: 'x', 'Content-Type': 'text/x' },
    attachments: [{ content: '*', contentType: 'multipart/mixed' }],
  })
  assert.deepEqual(
    more.json.errors.map(({ pointer }: { pointer: string }) => pointer).toSorted(),
    [
      '#/attachments/0/content',
      '#/attachments/0/contentType',
      '#/headers/Content-Type',
      '#/headers/Subject',
      '#/to/0',
      '#/to/1',
    ],
    'all that is found after it',
  )
})

test('bodies without end, and of wrong lengths, take nothing with them', async (t) => {
  const { ask, port, tokens } = await start(t, { options: { size: 1_000_000 } })
  const head = (more: string) =>
    `POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${tokens['shop']}\r\nContent-Type: application/json\r\n${more}\r\n\r\n`
  assert.match(await talk(port, head('Content-Length: 100000000')), /^HTTP\/1\.1 413 /)
  assert.match(
    await talk(port, `${head('Transfer-Encoding: chunked')}${`10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(40)}`),
    /^HTTP\/1\.1 413 /,
  )
  assert.match(await talk(port, head('Content-Length: -1')), /^HTTP\/1\.1 400 /)
  assert.match(await talk(port, head('Content-Length: 2\r\nTransfer-Encoding: chunked')), /^HTTP\/1\.1 400 /)
  await talk(port, `${head('Content-Length: 500')}{"from"`, true)
  assert.equal((await ask('POST', '/v1/messages', { ...MAIL, text: 'x'.repeat(1_100_000) })).status, 413)
  assert.equal((await ask('POST', '/v1/messages', MAIL)).status, 202)
})

test('templates cannot run for ever, reach for what objects have, or include others', async (t) => {
  const { ask } = await start(t)
  const list = Array.from({ length: 300 }, () => 'x')
  const of = (text: string, variables: object = { list }) =>
    ask('POST', '/v1/messages', { from: MAIL.from, to: MAIL.to, at: MAIL.at, template: { text }, variables })
  for (const text of [
    '{{#list}}{{#list}}{{#list}}{{#list}}{{.}}{{/list}}{{/list}}{{/list}}{{/list}}',
    '{{constructor}}',
    '{{list.length}}',
    '{{toString}}',
    '{{>other}}',
    '{{#list}}',
    '{{#missing}}x{{/missing}}',
  ]) {
    const { status, json } = await of(text)
    assert.equal(status, 422, `${text}: ${JSON.stringify(json)}`)
  }
  assert.equal(
    (await ask('POST', '/v1/messages', { ...MAIL, text: undefined, template: '../../etc/passwd' })).status,
    422,
  )
  assert.equal((await of('{{#no}}x{{/no}}{{^no}}y{{/no}}', { no: false })).status, 202)
})

test('the description has all routes, and they it', async (t) => {
  const { ask } = await start(t)
  const { json } = await ask('GET', '/v1/injection/openapi.json')
  assert.deepEqual(json, JSON.parse(JSON.stringify(openApi('0.1.0'))))
  const described = Object.entries(json.paths as Record<string, object>).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const deps = { options: { size: 1 } } as Parameters<typeof routesFor>[0] // nothing is asked
  const served = routesFor(deps).map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
  assert.deepEqual(described.toSorted(), served.toSorted())
  const names = new Set(Object.keys(json.components.schemas))
  for (const [, name = ''] of JSON.stringify(json).matchAll(/"#\/components\/schemas\/(\w+)"/g))
    assert.ok(names.has(name), name)
})

/** What is answered to octets; `leaves`: the client does not wait. */
function talk(port: number, text: string, leaves = false): Promise<string> {
  return new Promise((resolve) => {
    let said = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text, () => leaves && socket.destroy()))
    socket.on('data', (chunk) => {
      said += chunk
      socket.end()
    })
    socket.on('error', () => resolve(said))
    socket.on('close', () => resolve(said))
  })
}
