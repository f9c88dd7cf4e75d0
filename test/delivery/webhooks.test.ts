/** Programs that are told of mail while something is not well: an endpoint that stands still, no room for events, a Redis that dies. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer, defineConfig } from '@postroad/core'
import { createDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { events } from '@postroad/events'
import { Dns } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { redis } from '@postroad/redis'
import { redisQueue } from '@postroad/redis-queue'
import { routing } from '@postroad/routing'
import { createSink } from '@postroad/testing'
import { DURABLE, startRedis } from '../cluster/redis.ts'
import { SmtpClient } from '../failure/smtp-client.ts'
import { requires } from '../runner/requires.ts'

const SECRET = `whsec_${Buffer.alloc(32, 'postroad').toString('base64')}`

interface Told {
  readonly id: string
  readonly type: string
  readonly data: { readonly to: readonly string[] }
}

/** A server with a queue, in a folder or in Redis, and what its next hop got. */
async function start(t: TestContext, told: Parameters<typeof events>[0], url?: string) {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-webhooks-'))
  const sink = await createSink()
  const delivery = { smtp: { tls: { mode: 'none' as const } }, retry: ['200 ms'] }
  const server = await createServer(
    defineConfig({
      hostname: 'mx.webhooks.test',
      folder,
      log: { format: 'json', level: 'error', write: () => {} },
      setup(app) {
        app.use(routing({ domains: { 'one.test': { via: 'smtp', host: '127.0.0.1', port: sink.port } } }))
        if (url === undefined) app.use(queue({ ...delivery, minFree: 0 }))
        else app.use(redis({ url })).use(redisQueue(delivery))
        app.use(events(told))
        app.listen({ port: 0, host: '127.0.0.1' })
      },
    }),
    { services: [...embeddedServices(join(folder, 'services')).services, { service: Dns, create: () => createDns() }] },
  )
  await server.listen()
  t.after(async () => {
    await server.close({ grace: 0 })
    await sink.close()
    await rm(folder, { recursive: true, force: true })
  })
  let count = 0
  /** Sends one letter; resolves to the reply that decided, and whom it was for. */
  const send = async (): Promise<{ readonly reply: string; readonly to: string }> => {
    const to = `r${count++}@one.test`
    const client = await SmtpClient.connect(server.addresses[0]?.port ?? 0)
    try {
      let reply = await client.reply()
      for (const line of [
        'EHLO client.test',
        'MAIL FROM:<a@client.test>',
        `RCPT TO:<${to}>`,
        'DATA',
        'Subject: x\r\n\r\nx\r\n.',
      ]) {
        reply = await client.send(line)
        if (!/^[23]/.test(reply)) break
      }
      return { reply, to }
    } finally {
      client.end()
    }
  }
  const taken = async (): Promise<string> => {
    for (;;) {
      const { reply, to } = await send()
      if (reply.startsWith('250')) return to
      assert.match(reply, /^4/)
      await sleep(50)
    }
  }
  return { send, taken }
}

/** What is missing of the events of letters that were taken. */
function missing(told: readonly Told[], taken: Iterable<string>): string[] {
  const known = new Set(told.flatMap(({ type, data }) => data.to.map((to) => `${type} ${to}`)))
  return [...taken].flatMap((to) => [`accepted ${to}`, `delivered ${to}`]).filter((one) => !known.has(one))
}

/** Resolves when nothing is missing. */
async function arrived(told: readonly Told[], taken: Iterable<string>): Promise<void> {
  for (let turn = 0; turn < 1_200 && missing(told, taken).length > 0; turn++) await sleep(50)
  assert.deepEqual(missing(told, taken), [])
}

/** For each letter: accepted first, and each event under one id. */
function assertOrder(told: readonly Told[]): void {
  const first = new Map<string, string[]>()
  for (const { id, type, data } of told)
    for (const to of data.to) {
      const own = first.get(to) ?? []
      if (!own.includes(`${type} ${id}`)) first.set(to, [...own, `${type} ${id}`])
    }
  for (const [to, own] of first)
    assert.deepEqual(own.map((one) => one.split(' ')[0]), ['accepted', 'delivered'].slice(0, own.length), to) // biome-ignore format: one thought
}

/** As whoever counts is told. */
function failuresOf(endpoint: string): number {
  const all: { readonly name: string; readonly failures: number }[] = []
  channel('postroad:events:stats').publish({ add: (stats: { endpoints: typeof all }) => void all.push(...stats.endpoints) }) // biome-ignore format: one question
  return all.find(({ name }) => name === endpoint)?.failures ?? 0
}

/** An endpoint in a process of its own, that can be stopped as a machine is that hangs. */
async function startHook(t: TestContext) {
  const source = `const server = require('node:http').createServer((request, response) => {
    let text = ''
    request.on('error', () => {}).on('data', (part) => (text += part))
    request.on('end', () => process.stdout.write(text + '\\n', () => response.writeHead(204).end()))
  })
  server.listen(0, '127.0.0.1', () => process.stdout.write(server.address().port + '\\n'))
  process.stdin.resume().on('end', () => process.exit(0))`
  const child = spawn(process.execPath, ['-e', source], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => void child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)
  const [port] = (await once(lines, 'line')) as [string] // it listens
  const told: Told[] = []
  lines.on('line', (line) => told.push(...([JSON.parse(line)].flat() as Told[])))
  return { port: Number(port), told, freeze: () => child.kill('SIGSTOP'), thaw: () => child.kill('SIGCONT') }
}

test('an endpoint that stands still holds up no mail and no other endpoint, and hears all when it goes on', {
  timeout: 180_000,
}, async (t) => {
  const hook = await startHook(t)
  const here: Told[] = []
  const { taken } = await start(t, {
    endpoints: [
      { name: 'hook', url: `http://127.0.0.1:${hook.port}/`, secrets: SECRET, plain: true, networks: ['127.0.0.0/8'], timeout: 500 }, // biome-ignore format: one endpoint
      { name: 'here', deliver: (some) => void here.push(...some) },
    ],
  })
  const letters = [await taken(), await taken()]
  await arrived(hook.told, letters)
  hook.freeze()
  for (let more = 0; more < 20; more++) letters.push(await taken())
  await arrived(here, letters)
  assert.equal(missing(hook.told, letters).length, 40)
  // All that were on their way, and some that were tried again.
  while (failuresOf('hook') < 6) {
    letters.push(await taken())
    await sleep(50)
  }
  hook.thaw()
  await arrived(hook.told, letters)
  assertOrder(hook.told)
  assertOrder(here)
})

test('without room for events mail is answered 452, and what was taken before is delivered and told, whole', {
  timeout: 180_000,
}, async (t) => {
  const here: Told[] = []
  let works = false
  const { send, taken } = await start(t, {
    endpoints: [
      {
        name: 'here',
        batch: 50,
        deliver(some) {
          if (!works) throw new Error('away')
          here.push(...some)
        },
      },
    ],
    keepSize: 0,
    limit: 65_536,
  })
  const letters = [await taken()]
  for (;;) {
    const { reply, to } = await send()
    if (reply.startsWith('250')) letters.push(to)
    else {
      assert.match(reply, /^452 4\.3\.1 /)
      break
    }
  }
  assert.match((await send()).reply, /^452 /)
  assert.equal(here.length, 0)
  works = true
  await arrived(here, letters)
  // It was told, so there is room again.
  letters.push(await taken())
  await arrived(here, letters)
  assertOrder(here)
})

test('Redis dies under mail and its events: 4yz, and when it is back all that was taken is told', {
  skip: requires('redis-server'),
  timeout: 180_000,
}, async (t) => {
  await using server = await startRedis(DURABLE)
  const here: Told[] = []
  const { send, taken } = await start(t, { endpoints: [{ name: 'here', deliver: (some) => void here.push(...some) }] }, server.url) // biome-ignore format: one server
  const letters: string[] = []
  for (let round = 0; round < 2; round++) {
    for (let more = 0; more < 5; more++) letters.push(await taken())
    await server.kill()
    for (let more = 0; more < 3; more++) {
      const { reply } = await send()
      assert.match(reply, /^4/)
    }
    await server.start()
  }
  letters.push(await taken())
  await arrived(here, letters)
  assertOrder(here)
})
