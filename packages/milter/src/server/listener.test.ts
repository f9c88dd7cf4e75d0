import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Judgement } from '@postroad/smtp'
import { begin, CLIENT, dial, END, FROM, HELO, listenFor, MESSAGE, PASS, POSTFIX, TO } from './fixture.test.ts'

test('on closing idle sessions end at once, and a message that is under way is judged first', async (t) => {
  const { listener, connect } = await listenFor(t)
  const [idle, busy] = [await connect(), await connect()]
  await idle.hears()
  await idle.ask(CLIENT)
  await begin(busy)
  const closed = listener.close(5_000)
  await idle.end()
  busy.say(...MESSAGE, END)
  assert.deepEqual(await busy.hears(), ['continue'])
  await busy.end()
  await closed
  assert.equal(listener.connections, 0)
})

test('what is not over when the grace is, is cut off; handlers are told', async (t) => {
  const { listener, connect, heard } = await listenFor(t, { stages: { judge: () => new Promise<Judgement>(() => {}) } })
  const server = await connect()
  await begin(server)
  server.say(...MESSAGE, END)
  await listener.close(50)
  assert.equal(heard.calls.at(-1), 'close server')
})

test('a server that goes while its message is judged: handlers are told at once, and the judgement is thrown away', async (t) => {
  let go: (judgement: Judgement) => void = () => {}
  let disposed = 0
  const { connect, heard } = await listenFor(t, {
    stages: {
      judge: () =>
        new Promise<Judgement>((resolve) => {
          go = resolve
        }),
    },
  })
  const server = await connect()
  await begin(server)
  server.say(...MESSAGE, END)
  while (!heard.calls.includes('judge')) await new Promise((resolve) => setTimeout(resolve, 5))
  server.socket.destroy()
  while (heard.calls.at(-1) !== 'close client') await new Promise((resolve) => setTimeout(resolve, 5))
  go({ ...PASS, dispose: () => void disposed++ })
  while (disposed === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(disposed, 1)
})

test('a reload: sessions that begin meet the new scope, and those that are open keep theirs', async (t) => {
  const { listener, connect, heard, scope } = await listenFor(t)
  const old = await connect()
  await begin(old)
  const attached: string[] = []
  const attach = scope.attach
  listener.update(
    { name: 'renamed', hostname: 'filter.test' },
    {
      ...scope,
      attach(wire) {
        attached.push('new')
        return attach(wire)
      },
    },
  )
  assert.deepEqual(await old.say(...MESSAGE, END).hears(), ['continue'])
  assert.deepEqual(attached, [])
  await begin(await connect())
  assert.deepEqual(attached, ['new'])
  assert.equal(heard.wires.at(-1)?.listener, 'renamed')
})

test('a server that keeps its connection over a reload that changes the steps comes again: steps are agreed once', async (t) => {
  const { listener, connect, scope } = await listenFor(t, { hooks: ['rcpt'] })
  const server = await connect()
  await server.hears()
  server.say(CLIENT, HELO, FROM)
  await server.ask(TO)
  listener.update({ name: 'filter', hostname: 'filter.test' }, { ...scope, hooks: new Set(['message']) })
  server.say({ kind: 'quitSession' }, CLIENT)
  await server.end()
})

test('connections beyond the limit are turned away, and said once', async (t) => {
  const { listener, connect, errors } = await listenFor(t, { limits: { connections: 1 } })
  await (await connect()).hears()
  const [second, third] = [await dial(listener), await dial(listener)]
  await Promise.all([second.end(), third.end()])
  assert.equal(errors.length, 1)
  assert.match(String(errors[0]), /limits\.connections allows no more/)
})

test('a server that says nothing is left when its time is over', async (t) => {
  const { connect, heard } = await listenFor(t, { limits: {} })
  const server = await connect()
  await server.hears()
  await server.ask(CLIENT)
  server.socket.end()
  await server.end()
  assert.equal(heard.calls.at(-1), 'close client')
})

test('a large body that replaces another waits for the server to read it', async (t) => {
  let made = 0
  const { connect } = await listenFor(t, {
    stages: {
      judge: async () => ({
        ...PASS,
        edits: {
          headers: [],
          body: async function* () {
            for (let i = 0; i < 300; i++) {
              made++
              yield Buffer.alloc(65_535, 120)
            }
          },
        },
      }),
    },
  })
  const server = await connect()
  await begin(server)
  server.socket.pause()
  server.say(...MESSAGE, END)
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.ok(made < 200, `${made} of 300 pieces were made for who reads none`)
  server.socket.resume()
  assert.equal((await server.hears()).length, 301)
})

test('options that contradict each other are a mistake that says so', async (t) => {
  const { listener, scope } = await listenFor(t)
  assert.throws(
    () => listener.update({ name: 'filter', hostname: 'x', port: 1, mode: 0o600 }, scope),
    /mode: only a UNIX socket has one/,
  )
  assert.throws(
    () => listener.update({ name: 'filter', hostname: 'x', limits: { idleTimeoutMs: 1_000 } }, scope),
    /limits\.idleTimeoutMs: at least 300000/,
  )
})

test('octets at random after a good beginning cost one session, and nothing else', async (t) => {
  const { listener, errors } = await listenFor(t)
  let seed = 7
  const random = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff
    return seed
  }
  for (let round = 0; round < 150; round++) {
    const server = await dial(listener)
    server.say({ kind: 'options', ...POSTFIX })
    if (round % 2 === 0) server.say(CLIENT, HELO, FROM, TO)
    for (let i = 0; i < 6; i++) {
      const data = Buffer.from(Array.from({ length: random() % 40 }, () => random() & 0xff))
      const frame = Buffer.alloc(5 + data.length)
      frame.writeUInt32BE(data.length + 1)
      frame[4] = random() % 3 === 0 ? random() & 0xff : ('MRTLNBEADUHKC'.charCodeAt(random() % 13) ?? 0) & 0xff
      data.copy(frame, 5)
      server.socket.write(frame)
    }
    server.socket.end()
    await server.end()
  }
  while (listener.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.ok(
    errors.every((error) => (error as Error).name === 'MilterError'),
    String(errors.find((error) => (error as Error).name !== 'MilterError')),
  )
})
