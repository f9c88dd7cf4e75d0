import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { HttpReply } from '@postroad/plugin'
import { route, start } from './fixture.test.ts'

test('a plain answer has the same guards, its length, and its own fields before them', async (context) => {
  const replies: Readonly<Record<string, unknown>> = {
    '/text': { status: 202, headers: { 'Content-Type': 'text/plain' }, body: 'wörd' },
    '/none': { status: 204 },
    '/empty': { status: 200, headers: { 'Cache-Control': 'max-age=5' } },
    '/octets': { status: 200, body: Buffer.from([0, 255]) },
    '/wrong': { status: 200, headers: { x: 'a\r\nb: c' }, body: 'x' },
    '/no-status': { body: 'x' },
    '/text-alone': 'x',
  }
  const routes = Object.entries(replies).map(([path, reply]) =>
    route('GET', path, { access: 'public', handler: () => reply as HttpReply }),
  )
  const { ask, answers } = await start(context, routes)
  const text = await ask('GET', '/text')
  assert.deepEqual(
    [text.status, text.text, text.headers['content-type'], text.headers['content-length']],
    [202, 'wörd', 'text/plain', '5'],
  )
  assert.equal(text.headers['cache-control'], 'no-store')
  assert.equal(text.headers['x-content-type-options'], 'nosniff')
  const head = await ask('HEAD', '/text')
  assert.deepEqual([head.status, head.text, head.headers['content-length']], [202, '', '5'])
  const none = await ask('GET', '/none')
  assert.deepEqual([none.status, none.headers['content-length'], none.text], [204, undefined, ''])
  const empty = await ask('GET', '/empty')
  assert.deepEqual([empty.headers['content-length'], empty.headers['cache-control']], ['0', 'max-age=5'])
  assert.equal((await ask('GET', '/octets')).headers['content-length'], '2')
  for (const path of ['/wrong', '/no-status', '/text-alone']) assert.equal((await ask('GET', path)).status, 500, path)
  assert.equal(answers.at(-1)?.status, 500)
})

test('of two routes that could be meant the first is, whether it is written out or not', async (context) => {
  const says = (text: string) => ({ access: 'public' as const, handler: () => ({ status: 200, body: text }) })
  const { ask } = await start(context, [
    route('GET', '/a/x', says('written')),
    route('GET', '/a/:id', says('pattern')),
    route('GET', '/a/y', says('late')),
  ])
  const texts = ['/a/x', '/a/x?q=1', '/a/y', '/a/z', '/a/%78'].map(async (path) => (await ask('GET', path)).text)
  assert.deepEqual(await Promise.all(texts), ['written', 'written', 'pattern', 'pattern', 'written'])
})

test('a body in one piece: as it was sent, bounded also where its length is not said', async (context) => {
  const { listener, ask, lines } = await start(context, [
    route('POST', '/', {
      access: 'public',
      bodyLimit: 10,
      handler: async ({ request, body }) => {
        assert.equal(request.headers.get('host')?.startsWith('127'), true)
        return { status: 200, body: await body() }
      },
    }),
    route('POST', '/twice', {
      access: 'public',
      handler: async ({ request, body }) => {
        await body()
        return new Response(await request.text())
      },
    }),
  ])
  const chunked = { 'transfer-encoding': 'chunked' }
  assert.equal((await ask('POST', '/', { body: '0123456789' })).text, '0123456789')
  assert.equal((await ask('POST', '/', { body: '0123456789', headers: chunked })).text, '0123456789')
  assert.equal((await ask('POST', '/', {})).text, '')
  assert.equal((await ask('POST', '/', { body: '0123456789a' })).status, 413)
  assert.equal((await ask('POST', '/', { body: '0123456789a', headers: chunked })).status, 413)
  assert.deepEqual(lines, [])
  assert.equal((await ask('POST', '/twice', { body: 'x' })).status, 500)
  // A client that goes in the middle of its body is no fault of the route.
  lines.length = 0
  const { port } = listener.address as { port: number }
  const socket = connect(port, '127.0.0.1')
  socket.write('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nhalf', () => socket.destroy())
  await once(socket, 'close')
  while (listener.connections > 0) await new Promise(setImmediate)
  assert.deepEqual(lines, [])
})

test('a request that does not come in time is 408, before and after its route was called', async (context) => {
  const handler = async ({ body }: { body(): Promise<Buffer> }) => ({ status: 200, body: await body() })
  const slow = route('POST', '/', { access: 'public', timeout: 50, handler })
  const { listener } = await start(context, [slow, route('POST', '/other', { access: 'public', handler })], {
    limits: { requestTimeoutMs: 100, headerTimeoutMs: 100 },
  })
  const { port } = listener.address as { port: number }
  for (const text of [
    'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nhalf',
    'POST /other HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nhalf',
    'POST /other HTTP/1.1\r\nHo',
  ]) {
    const socket = connect(port, '127.0.0.1').setEncoding('latin1')
    socket.write(text)
    let said = ''
    socket.on('data', (chunk) => {
      said += chunk
    })
    socket.on('error', () => {})
    await once(socket, 'close')
    assert.match(said, /^HTTP\/1\.1 408 /, text)
  }
})
