import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { deferred, NOW, route, start, tokens } from './fixture.test.ts'
import { eventStream } from './index.ts'
import { Streams } from './streams.ts'

test('events stream, one a line however they are written, and end with the listener', async (context) => {
  let ends = 0
  const { listener, ask } = await start(context, [
    route('GET', '/events', {
      access: 'public',
      handler: (context) =>
        eventStream(context, ({ send }, last) => {
          send({ event: 'first\r\ndata: x', id: '7', data: { after: last } })
          send({ data: 'two\nlines' })
          return () => void ends++
        }),
    }),
  ])
  const answer = ask('GET', '/events', { headers: { 'last-event-id': '6' } })
  while (listener.connections === 0) await sleep(2)
  await sleep(50)
  await listener.close(5_000)
  const { headers, text } = await answer
  assert.match(String(headers['content-type']), /^text\/event-stream/)
  assert.equal(text, ': open\n\nevent: first  data: x\nid: 7\ndata: {"after":"6"}\n\ndata: two\ndata: lines\n\n')
  assert.equal(ends, 1)
})

test('a reader of events that does not read is told how many it missed, and takes no memory', async (context) => {
  let send: ((event: { data: string }) => void) | undefined
  const { listener } = await start(context, [
    route('GET', '/', {
      access: 'public',
      handler: (context) =>
        eventStream(
          context,
          (stream) => {
            send = stream.send
          },
          { queue: 4 },
        ),
    }),
  ])
  const { port } = listener.address as { port: number }
  const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'))
  context.after(() => socket.destroy())
  while (!send) await sleep(2)
  socket.pause()
  const big = 'x'.repeat(100_000)
  for (let count = 0; count < 800; count++) {
    send({ data: big })
    if (count % 50 === 0) await sleep(1)
  }
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk
  })
  socket.resume()
  const skipped = (): number =>
    [...text.matchAll(/event: skipped\ndata: \{"count":(\d+)\}/g)].reduce((sum, [, count]) => sum + Number(count), 0)
  const read = (): number => [...text.matchAll(/data: x+\n\n/g)].length
  while (skipped() + read() < 800) await sleep(20)
  assert.equal(skipped() + read(), 800)
  assert.ok(skipped() > 100, `${skipped()} skipped`)
})

test('streams end when tokens or the configuration change; a request that is under way goes on', async (context) => {
  const [asked, release] = [deferred(), deferred()]
  const aborted: string[] = []
  const routes = [
    route('GET', '/events', { access: 'public', handler: (context) => eventStream(context, () => {}) }),
    route('GET', '/late-events', {
      access: 'public',
      handler: async (context) => {
        asked.resolve()
        await release.promise
        return eventStream(context, () => {})
      },
    }),
    route('GET', '/slow', {
      access: 'public',
      handler: async ({ signal }) => {
        await release.promise
        return new Response(`aborted: ${signal.aborted}`)
      },
    }),
  ]
  const { listener, ask, answers } = await start(context, routes)
  const streams = () => answers.filter(({ path }) => path === '/events').length
  const first = ask('GET', '/events')
  while (streams() < 1) await sleep(2)
  listener.setTokens(tokens)
  assert.equal((await first).text, ': open\n\n')
  const second = ask('GET', '/events')
  const [slow, late] = [ask('GET', '/slow'), ask('GET', '/late-events')]
  while (streams() < 2) await sleep(2)
  await asked.promise
  listener.update(
    { name: 'web', hostname: 'mx.example.com' },
    {
      routes: [],
      now: () => NOW,
      logOf: () => assert.fail(),
      onAnswer: ({ status }) => void aborted.push(`${status}`),
    },
  )
  assert.equal((await second).text, ': open\n\n')
  release.resolve()
  assert.equal((await slow).text, 'aborted: false')
  assert.equal((await late).status, 200, 'a stream of the old configuration ends where it begins')
  assert.equal((await ask('GET', '/slow')).status, 404)
  assert.deepEqual(aborted, ['404'])
})

test('a site is told when a handler is called, and when its request is over', async (context) => {
  const over: string[] = []
  const begun = deferred()
  const { ask, listener } = await start(context, [])
  const site = {
    routes: [
      { plugin: 'p', route: route('GET', '/a', { access: 'public' }) },
      {
        plugin: 'p',
        route: route('GET', '/never', {
          access: 'public',
          handler: () => {
            begun.resolve()
            return new Promise<Response>(() => {})
          },
        }),
      },
    ],
    now: () => NOW,
    logOf: () => console,
    begin() {
      over.push('begun')
      return () => void over.push('over')
    },
  }
  listener.update({ name: 'web', hostname: 'mx.example.com' }, site)
  await ask('GET', '/a')
  await ask('GET', '/nowhere')
  assert.deepEqual(over.splice(0), ['begun', 'over'])
  const { port } = listener.address as { port: number }
  const socket = connect(port, '127.0.0.1', () => socket.write('GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n'))
  await begun.promise
  socket.destroy()
  while (over.length < 2) await sleep(2)
  assert.deepEqual(over, ['begun', 'over'])
})

test('who leaves unread what was sent for too long is disconnected; who reads is not', async (context) => {
  const streams = new Streams(300)
  const kept: string[] = []
  const server = createServer((request, response) => {
    const { url = '' } = request
    streams.add(new AbortController(), { turn: streams.turn, outgoing: response })
    response.once('close', () => kept.push(url))
    const write = (): void =>
      void (response.write('x'.repeat(url === '/slow' ? 1_000_000 : 10))
        ? setTimeout(write, 50)
        : response.once('drain', write))
    write()
  }).listen(0)
  context.after(() => server.closeAllConnections())
  context.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const [slow, quick] = ['/slow', '/quick'].map((path) =>
    connect(port, '127.0.0.1', function (this: import('node:net').Socket) {
      this.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      if (path === '/slow') this.pause()
      else this.resume()
    }),
  )
  context.after(() => slow?.destroy())
  context.after(() => quick?.destroy())
  while (kept.length === 0) await sleep(20)
  assert.deepEqual(kept, ['/slow'])
})
