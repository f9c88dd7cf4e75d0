/** What happens at the edges of a session: lines of the log, facts nobody can write down, late words, clients that leave early. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { type Config, createServer, type ListenOptions, type Server } from '@postroad/core'
import { defineFact, definePlugin, type Plugin, reject, suspect } from '@postroad/plugin'
import { CERTIFICATE } from '../conformance/certificate.ts'
import { SmtpClient } from './smtp-client.ts'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-edge-'))
after(() => rm(folder, { recursive: true, force: true }))

type Line = Readonly<Record<string, unknown>>
type Started = {
  readonly server: Server
  readonly port: number
  readonly reload: () => Promise<void>
  readonly lines: () => Line[]
} & AsyncDisposable

const road = definePlugin({ name: 'road', hooks: { route: () => ({ via: 'x' }), queue: () => ({ id: 'kept' }) } })

/** A server with these plugins, that takes everything. */
async function start(
  plugins: readonly Plugin[],
  more: Partial<Config> & { listen?: ListenOptions } = {},
): Promise<Started> {
  const { listen, ...config } = more
  let text = ''
  const whole: Config = {
    hostname: 'mx.test',
    folder,
    log: { format: 'json', level: 'debug', write: (lines) => (text += lines) },
    ...config,
    setup(app) {
      for (const plugin of [...plugins, road()]) app.use(plugin)
      app.listen({ host: '127.0.0.1', port: 0, limits: { size: 100_000 }, ...listen })
    },
  }
  const server = await createServer(whole)
  await server.listen()
  const lines = (): Line[] => {
    server.log.flush()
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]))
  }
  return {
    server,
    port: server.addresses[0]?.port ?? 0,
    reload: () => server.reload(whole),
    lines,
    [Symbol.asyncDispose]: () => server.close({ grace: 0 }),
  }
}

async function ready(port: number, ...lines: readonly string[]): Promise<SmtpClient> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  for (const line of ['EHLO client.test', ...lines]) await client.send(line)
  return client
}

const ENVELOPE = ['MAIL FROM:<a@b.test>', 'RCPT TO:<c@d.test>']
const transactions = (lines: readonly Line[]): Line[] => lines.filter((line) => line['event'] === 'transaction')

for (const [what, body, reply] of [
  ['a bare line feed', 'a\nb\r\n.', '550 5.6.11 Message has a bare CR or LF in it'],
  ['too many octets', `${'x'.repeat(900)}\r\n`.repeat(120).concat('.'), '552 5.3.4 Message is larger than the limit'],
] as const)
  test(`the line of a transaction that the wire refused for ${what} says so`, async () => {
    await using started = await start([])
    const client = await ready(started.port, ...ENVELOPE, 'DATA')
    assert.equal(await client.send(body), reply)
    await client.quit()
    assert.deepEqual(
      transactions(started.lines()).map((line) => line['reply']),
      [reply],
    )
  })

test('the line of a transaction that was refused at DATA says so, however it ended', async () => {
  const strict = definePlugin({ name: 'strict', hooks: { data: () => reject('No data today') } })
  for (const last of ['RSET', 'QUIT']) {
    await using started = await start([strict()])
    const client = await ready(started.port, ...ENVELOPE)
    assert.match(await client.send('DATA'), /^550 5\.7\.1 No data today/)
    await client.send(last)
    client.end()
    await started.server.close()
    assert.match(String(transactions(started.lines())[0]?.['reply']), /^550 5\.7\.1 No data today/)
  }
})

test('a fact that cannot be written down does not take the message back, nor the session', async () => {
  const odd = defineFact<unknown>('odd')
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  const rule = definePlugin({
    name: 'rule',
    hooks: {
      mail: {
        provides: [odd],
        handler: ({ set, log }) => {
          log.info({ circle }, 'a field that cannot be written')
          set(odd, circle)
        },
      },
    },
  })
  for (const addresses of ['plain', 'hashed'] as const) {
    let text = ''
    await using started = await start([rule()], {
      log: { format: 'json', addresses, write: (lines) => void (text += lines) },
    })
    const client = await ready(started.port, ...ENVELOPE, 'DATA')
    assert.match(await client.send('Subject: x\r\n\r\nx\r\n.'), /^250 /)
    await client.send(ENVELOPE[0] ?? '')
    await client.send(ENVELOPE[1] ?? '')
    await client.quit()
    await started.server.close()
    const written = transactions(
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Line),
    )
    assert.equal(written.length, 2)
    assert.match(String(written[0]?.['reply']), /^250/)
  }
})

test('what a slow check says of a former HELO is not held against the new one', async () => {
  const decide = new Map<string, () => void>()
  const slow = definePlugin({
    name: 'slow',
    hooks: {
      helo: ({ helo }) =>
        new Promise((resolve) =>
          decide.set(helo.name, () => resolve(helo.name === 'bad' ? reject('bad name') : suspect(2, 'name'))),
        ),
    },
  })
  await using started = await start([slow()])
  const client = await ready(started.port, 'EHLO bad', 'EHLO good', ENVELOPE[0] ?? '')
  decide.get('good')?.()
  await new Promise((resolve) => setImmediate(resolve))
  decide.get('bad')?.()
  decide.get('client.test')?.()
  await new Promise((resolve) => setImmediate(resolve))
  assert.match(await client.send(ENVELOPE[1] ?? ''), /^250/)
  await client.send('DATA')
  assert.match(await client.send('x\r\n.'), /^250/)
  assert.equal(transactions(started.lines())[0]?.['points'], 2)
  await client.send('EHLO bad')
  const renamed = client.send('EHLO fine')
  await renamed
  decide.get('fine')?.()
  decide.get('bad')?.()
  await client.send(ENVELOPE[0] ?? '')
  assert.match(await client.send(ENVELOPE[1] ?? ''), /^250/)
  client.end()
})

test('a sink that was opened and will get no message is told to abort: client gone, another sink refused', async () => {
  const calls: string[] = []
  const listener = (name: string) =>
    definePlugin({
      name,
      hooks: {
        receive: () => ({
          write: () => undefined,
          end: () => void calls.push(`${name} end`),
          abort: () => void calls.push(`${name} abort`),
        }),
      },
    })()
  let open: (() => void) | undefined
  const slow = definePlugin({
    name: 'slow',
    hooks: { receive: () => new Promise<undefined>((resolve) => (open = () => resolve(undefined))) },
  })
  await using started = await start([listener('first'), slow()])
  const client = await ready(started.port, ...ENVELOPE)
  void client.send('DATA')
  while (!open) await new Promise((resolve) => setTimeout(resolve, 5))
  client.end()
  while (started.server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  open()
  await started.server.close({ grace: 100 })
  assert.deepEqual(calls, ['first abort'])
  calls.length = 0
  const broken = definePlugin({
    name: 'broken',
    hooks: {
      receive: () => {
        throw new Error('no')
      },
    },
  })
  await using second = await start([listener('one'), broken()])
  const other = await ready(second.port, ...ENVELOPE)
  assert.match(await other.send('DATA'), /^451/)
  assert.deepEqual(calls, ['one abort'])
  other.end()
})

test('an answer that breaks when it is looked at is a failure like any other', async () => {
  const boo = (): never => {
    throw new Error('boo')
  }
  const answers = [
    Object.defineProperty({}, 'then', { get: boo }),
    Object.defineProperty({}, 'then', { value: boo }),
    Object.defineProperty({}, 'kind', { get: boo }),
  ]
  for (const answer of answers) {
    const odd = definePlugin({ name: 'odd', hooks: { rcpt: () => answer as never } })
    await using started = await start([odd()])
    const client = await ready(started.port, ENVELOPE[0] ?? '')
    assert.match(await client.send(ENVELOPE[1] ?? ''), /^451 4\.3\.0/)
    assert.equal(await client.send('NOOP'), '250 2.0.0 Ok')
    assert.ok(started.lines().some((line) => line['text'] === 'plugin failed'))
    client.end()
  }
})

test('session facts found out at HELO may be found out again', async () => {
  const name = defineFact<string, 'session'>('helo-name', 'session')
  const finder = definePlugin({
    name: 'finder',
    hooks: { helo: { provides: [name], handler: ({ helo, set }) => set(name, helo.name) } },
  })
  const reader = definePlugin({
    name: 'reader',
    hooks: { rcpt: { after: [name], handler: ({ get }) => reject(get(name)) } },
  })
  await using started = await start([finder(), reader()])
  const client = await ready(started.port, 'EHLO second.test', ENVELOPE[0] ?? '')
  assert.match(await client.send(ENVELOPE[1] ?? ''), /^550 5\.7\.1 second\.test/)
  client.end()
})

test('a login that was refused has a line of its own: who guesses passwords begins no transaction', async () => {
  const users = definePlugin({
    name: 'users',
    hooks: {
      auth: {
        mechanisms: ['PLAIN'],
        handler: ({ attempt }) => ('password' in attempt && attempt.password === 'b' ? { name: 'a' } : undefined),
      },
    },
  })
  await using started = await start([users()], { listen: { authWithoutTls: true } })
  const client = await ready(started.port)
  const plain = (password: string): string => `AUTH PLAIN ${Buffer.from(`\0a\0${password}`).toString('base64')}`
  assert.match(await client.send(plain('secret')), /^535/)
  assert.match(await client.send(plain('b')), /^235/)
  client.end()
  const lines = started.lines().filter((line) => line['event'] === 'auth')
  assert.deepEqual(
    lines.map(({ user, mechanism, remote, reply }) => ({ user, mechanism, remote, reply })),
    [{ user: 'a', mechanism: 'PLAIN', remote: '127.0.0.1', reply: '535 5.7.8 Authentication credentials invalid' }],
  )
  assert.ok(!JSON.stringify(started.lines()).includes('secret'))
})

test('a handshake that fails is the client’s affair, told in a short line with its address; other errors are ours', async () => {
  for (const tls of ['implicit', 'optional'] as const) {
    await using started = await start([], { listen: { tls, certificate: CERTIFICATE } })
    if (tls === 'implicit') await started.reload()
    const socket = net.connect(started.port, '127.0.0.1').on('error', () => undefined)
    if (tls === 'optional') {
      socket.write('EHLO x\r\nSTARTTLS\r\n')
      let text = ''
      while (!text.includes('Ready')) text += String((await once(socket, 'data'))[0])
    }
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await once(socket.resume(), 'close')
    const failed = (): Line | undefined => started.lines().find((line) => line['text'] === 'TLS handshake failed')
    while (!failed()) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.deepEqual([failed()?.['level'], failed()?.['remote']], ['info', '127.0.0.1'])
    assert.match(String(failed()?.['reason']), /^[\x20-\x7e]{1,200}$/)
    assert.ok(!started.lines().some((line) => line['level'] === 'error'))
  }
})
