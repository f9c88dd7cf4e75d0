/** `postroad trace`: what a server and its transports say, through the control socket, without what is secret. */
import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { readdir, rm, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { createServer, type Server } from '@postroad/core'
import { fixedTransport } from '@postroad/delivery'
import { defer, definePlugin } from '@postroad/plugin'
import { createSink, runDialogue } from '@postroad/testing'
import { dialogueOf, followTrace, serveControl, type TraceLine, type TraceSkipped, trace } from '@postroad/trace'
import { job } from '../../packages/delivery/src/support/fixture.ts'
import { CERTIFICATE } from '../conformance/certificate.ts'
import { makeTestFolder } from '../runner/folder.ts'

const folder = makeTestFolder('trace')
let server: Server
let port: number
const road = definePlugin({
  name: 'road',
  hooks: {
    rcpt: ({ recipient }) => (recipient.local === 'later' ? defer('Come again') : undefined),
    route: ({ recipient }) => (recipient.domain === 'ours.test' ? { via: 'road' } : undefined),
    queue: ({ envelope }) => ({ id: envelope.id }),
    auth: {
      mechanisms: ['PLAIN', 'LOGIN'],
      handler: ({ attempt }) => ('username' in attempt && attempt.username === 'u' ? { name: 'u' } : undefined),
    },
  },
})
before(async () => {
  server = await createServer({
    hostname: 'mx.ours.test',
    folder,
    log: { format: 'silent' },
    setup: (app) =>
      void app
        .use(road())
        .listen({ name: 'mx', host: '127.0.0.1', port: 0, certificate: CERTIFICATE, authWithoutTls: true }),
  })
  await server.listen()
  port = server.addresses[0]?.port ?? 0
})
after(async () => {
  await server.close({ grace: 0 })
  await rm(folder, { recursive: true, force: true })
})

/** Says these lines one after the other, each after the reply to the one before. */
async function say(...lines: readonly string[]): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port })
  let text = ''
  const reply = async (): Promise<void> => {
    while (!/^\d{3}(?: .*)?\r\n$/m.test(text)) {
      const data = await new Promise<string>((resolve) =>
        socket.once('data', (data) => resolve(data.toString('latin1'))),
      )
      text += data
    }
    text = ''
  }
  await reply()
  for (const line of lines) {
    socket.write(`${line}\r\n`)
    await reply()
  }
  await new Promise((resolve) => socket.once('close', resolve).end())
}

/** The lines that this brings about. */
async function traced(query: Parameters<typeof trace>[0], run: () => Promise<unknown>): Promise<readonly TraceLine[]> {
  const lines: TraceLine[] = []
  const tracing = trace(query, (line) => void lines.push(line))
  await run()
  tracing.stop()
  return lines
}
const texts = (lines: readonly TraceLine[]) =>
  lines.map(({ by, text }) => `${by} ${text.replace(/\d+\.\d ms$/, 'N ms').replace(/\(id \S+\)$/, '(id N)')}`)
const MAIL = [
  'EHLO c.test',
  'MAIL FROM:<a@from.test>',
  'RCPT TO:<later@ours.test>',
  'RCPT TO:<b@ours.test>',
  'DATA',
  'Subject: secret\r\n\r\nText\r\n.',
  'QUIT',
]

test('both directions line by line, with what handlers answered in between; a message as its number of octets', async () => {
  const lines = await traced({}, () => say(...MAIL))
  const said = texts(lines)
  const after = (line: string): readonly string[] => said.slice(said.indexOf(line), said.indexOf(line) + 3)
  assert.equal(said[0], 'note connected 127.0.0.1')
  assert.deepEqual(after('C RCPT TO:<later@ours.test>'), [
    'C RCPT TO:<later@ours.test>',
    'hook rcpt: road defer 4.7.1 N ms',
    'S 451 4.7.1 Come again (id N)',
  ])
  assert.deepEqual(after('C RCPT TO:<b@ours.test>').slice(1), [
    'hook rcpt: road - N ms',
    'hook route: road via road N ms',
  ])
  assert.ok(said.includes('C (25 octets of a message)'), said.join('\n'))
  assert.ok(said.some((line) => line.startsWith('S 250-')))
  assert.match(said.at(-1) ?? '', /^note closed: /)
  assert.ok(!JSON.stringify(lines).includes('secret'))
  const [first] = lines
  assert.deepEqual(
    [first?.listener, first?.remote, first?.pid, new Set(lines.map(({ connection }) => connection)).size],
    ['mx', '127.0.0.1', process.pid, 1],
  )
  assert.match(
    (await traced({ content: true }, () => say(...MAIL))).map(({ text }) => text).join('\n'),
    /\| Subject: secret/,
  )
})

test('passwords are never told, in whatever way they are said, and also to who begins to listen between', async () => {
  const [plain, user, pass] = ['\0u\0hunter2', 'u', 'hunter2'].map((text) => Buffer.from(text).toString('base64'))
  const lines = await traced({ content: true }, async () => {
    await say('EHLO c.test', `AUTH PLAIN ${plain}`, 'QUIT')
    await say('EHLO c.test', 'AUTH PLAIN', `${plain}`, 'QUIT')
    await say('EHLO c.test', 'AUTH LOGIN', `${user}`, `${pass}`, 'NOOP', 'QUIT')
    await say('EHLO c.test', `auth  plain ${plain}`, 'QUIT')
  })
  const all = JSON.stringify(lines)
  for (const secret of [plain, pass, 'hunter2']) assert.ok(secret !== undefined && !all.includes(secret), all)
  const said = texts(lines)
  assert.ok(
    said.includes('C AUTH PLAIN ***') &&
      said.includes('C AUTH LOGIN') &&
      said.includes('S 334 ***') &&
      said.includes('C ***'),
  )
  assert.ok(said.includes('C NOOP'), 'what follows a login is told again')
  // Begun while a challenge is open.
  const socket = connect({ host: '127.0.0.1', port })
  const heard = () => new Promise((resolve) => socket.once('data', resolve))
  await heard()
  socket.write('EHLO c.test\r\n')
  await heard()
  socket.write('AUTH LOGIN\r\n')
  await heard()
  const late = await traced({}, async () => {
    socket.write(`${user}\r\n`)
    await heard()
    socket.write(`${pass}\r\n`)
    await heard()
  })
  socket.destroy()
  assert.deepEqual(texts(late).filter((line) => line.startsWith('C')), ['C ***', 'C ***']) // biome-ignore format: one line
})

test('filters: a network, a listener, an envelope; what came before the envelope is told when it fits', async () => {
  const run = () => say(...MAIL)
  for (const [query, fits] of [
    [{ ip: ['127.0.0.0/8'] }, true],
    [{ ip: ['192.0.2.0/24'] }, false],
    [{ listener: 'mx' }, true],
    [{ listener: 'submission' }, false],
    [{ from: '*@from.test' }, true],
    [{ from: '*@other.test' }, false],
    [{ to: 'b@*' }, true],
    [{ to: 'c@*' }, false],
    [{ from: 'a@*', to: '*@other.test' }, false],
    [{ out: '*' }, false],
  ] as const) {
    const said = texts(await traced(query, run))
    assert.equal(said.length > 0, fits, JSON.stringify(query))
    if (fits)
      assert.deepEqual(
        [said[0], said.includes('C EHLO c.test')],
        ['note connected 127.0.0.1', true],
        JSON.stringify(query),
      )
  }
  assert.throws(() => trace({ ip: ['nonsense'] }, () => undefined), TypeError)
})

test('the delivery side: what we say to a next hop, and what it says', async () => {
  const sink = await createSink({ certificate: CERTIFICATE, extensions: ['PIPELINING', 'STARTTLS'] })
  const deliver = async () => {
    const transport = fixedTransport({
      hostname: 'mx.ours.test',
      protocol: 'smtp',
      host: '127.0.0.1',
      port: sink.port,
      tls: { mode: 'opportunistic' },
    })
    await transport.deliver(job(['b@to.test']))
    await transport.close()
  }
  const lines = await traced({ out: '127.*' }, deliver)
  const said = texts(lines)
  for (const line of [
    'note connected 127.0.0.1',
    'C EHLO mx.ours.test',
    'C STARTTLS',
    'C MAIL FROM:<a@from.test>',
    'C RCPT TO:<b@to.test>',
    'C DATA',
    'C QUIT',
  ])
    assert.ok(
      said.some((one) => one.startsWith(line)),
      `${line}\n${said.join('\n')}`,
    )
  assert.ok(said.some((line) => /^note TLS TLSv1\.3 X25519MLKEM768/.test(line)))
  assert.ok(said.some((line) => /^S 354/.test(line)) && said.some((line) => /octets of a message/.test(line)))
  assert.deepEqual([lines[0]?.side, lines[0]?.host], ['client', '127.0.0.1'])
  assert.deepEqual(await traced({ out: '*.elsewhere' }, deliver), [])
  await sink.close()
})

test('a traced connection is a dialogue that goes the same way again', async () => {
  const lines = await traced({ content: true }, () => say(...MAIL))
  const text = dialogueOf(lines)
  assert.match(text, /^# \S+ of \d{4}-.*from 127\.0\.0\.1\n/)
  assert.match(text, /# rcpt: road defer/)
  await runDialogue(text, { port })
  const short = dialogueOf(
    await traced({}, () =>
      say('EHLO c.test', `AUTH PLAIN ${Buffer.from('\0u\0p').toString('base64')}`, 'NOOP', ...MAIL.slice(1)),
    ),
  )
  assert.match(short, /# C: AUTH PLAIN \*\*\*\n# auth: .*\n# S: 235/)
  assert.match(short, /C: X-Traced: 25 octets/)
  await runDialogue(short, { port })
  await assert.rejects(runDialogue(text.replace('S: 451 4.7.1', 'S: 250 2.1.5'), { port }))
})

test('through the control socket, which only its user may open; whoever is killed leaves none behind', async () => {
  const control = await serveControl(folder)
  const [name] = await readdir(path.join(folder, 'control'))
  assert.equal(name, `${process.pid}.sock`)
  assert.deepEqual(
    await Promise.all(
      ['control', `control/${name}`].map(async (one) =>
        ((await stat(path.join(folder, one))).mode & 0o777).toString(8),
      ),
    ),
    ['700', '600'],
  )
  const controller = new AbortController()
  const lines: (TraceLine | TraceSkipped)[] = []
  const following = followTrace(folder, { to: '*@ours.test' }, (line) => void lines.push(line), {
    signal: controller.signal,
    joined: () => void client(),
  })
  let isDone: Promise<void> | undefined
  const client = (): void => {
    isDone ??= say(...MAIL)
  }
  while (!lines.some((line) => 'text' in line && line.text.startsWith('closed')))
    await new Promise((resolve) => setTimeout(resolve, 20))
  await isDone
  controller.abort()
  await following
  assert.ok(lines.some((line) => 'text' in line && /^rcpt: road defer 4\.7\.1 \d+\.\d ms$/.test(line.text)))
  await assert.rejects(
    followTrace(folder, { ip: ['x'] }, () => undefined, { signal: new AbortController().signal }),
    /x/,
  )
  await control[Symbol.asyncDispose]()
  assert.deepEqual(await readdir(path.join(folder, 'control')), [])
})

test('a reader that does not read costs bounded memory, and hears how much it has missed; the server waits for nobody', async () => {
  await using _control = await serveControl(folder)
  const socket = connect({ path: path.join(folder, 'control', `${process.pid}.sock`) })
  socket.write('GET /trace HTTP/1.1\r\nHost: x\r\n\r\n')
  await new Promise((resolve) => socket.once('data', resolve))
  socket.pause()
  const wire = channel('postroad:wire')
  while (!wire.hasSubscribers) await new Promise((resolve) => setImmediate(resolve))
  const of = {}
  const line = {
    side: 'server',
    kind: 'in',
    of,
    session: 's',
    listener: 'mx',
    remote: '192.0.2.1',
    text: `NOOP ${'x'.repeat(500)}\r\n`,
    isSecret: false,
  } as const
  const before = process.memoryUsage().rss
  for (let i = 0; i < 100_000; i++) wire.publish(line)
  assert.ok(process.memoryUsage().rss - before < 60_000_000, `${process.memoryUsage().rss - before}`)
  let text = ''
  socket.setEncoding('latin1').on('data', (data: string) => {
    text += data
  })
  socket.resume()
  while (!text.includes('"skipped"')) await new Promise((resolve) => setTimeout(resolve, 10))
  const skipped = Number(/"skipped":(\d+)/.exec(text)?.[1])
  assert.ok(skipped > 90_000 && skipped < 100_000, String(skipped))
  socket.destroy()
  while (wire.hasSubscribers) await new Promise((resolve) => setTimeout(resolve, 10))
})

test('nobody traces: nothing is made', async () => {
  assert.equal(channel('postroad:wire').hasSubscribers, false)
  await say('EHLO c.test', 'QUIT')
})
