/** Whatever a plugin throws, rejects with or answers, and however it behaves when it is looked at: a failure like any other. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import vm from 'node:vm'
import { BootError, createServer } from '@postroad/core'
import { definePlugin, type HookName, type Plugin } from '@postroad/plugin'
import { SmtpClient } from './smtp-client.ts'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-thrown-'))
after(() => rm(folder, { recursive: true, force: true }))

const boo = (): never => {
  throw new Error('boo')
}
const traps = new Proxy({}, { get: () => boo })
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const VALUES: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('s'),
  'a big number': () => 1n,
  'a frozen error': () => Object.freeze(new Error('no')),
  'an error of another realm': () => vm.runInNewContext('new Error("far")'),
  'an object without a prototype': () => Object.create(null),
  'a circle': () => Object.assign([], { 0: {} }).map((each, _, all) => Object.assign(each, { all })),
  'what throws as text': () => ({ toString: boo, toJSON: boo }),
  'an error whose message throws': () => Object.defineProperty(new Error('x'), 'message', { get: boo }),
  'an error whose stack throws': () => Object.defineProperty(new Error('x'), 'stack', { get: boo }),
  'a proxy that throws': () => new Proxy({}, traps),
  'a proxy of an error that throws': () => new Proxy(new Error('x'), traps),
  'a revoked proxy': revoked,
}

/** A server with a plugin that does at one hook what is set, and a road that stores. */
async function start(hook: HookName, format: 'json' | 'pretty') {
  let act: (context: never) => unknown = () => undefined
  const stored: string[] = []
  const odd = definePlugin({ name: 'odd', hooks: { [hook]: (context: never) => act(context) } as never })
  const road = definePlugin({
    name: 'road',
    hooks: {
      route: () => ({ via: 'road' }),
      queue: ({ envelope }) => {
        stored.push(envelope.id)
        return { id: envelope.id }
      },
    },
  })
  let text = ''
  const write = (lines: string) => {
    text += lines
  }
  const setup = (app: { use(plugin: Plugin): typeof app; listen(options: object): unknown }) =>
    void app.use(odd()).use(road()).listen({ host: '127.0.0.1', port: 0 })
  const server = await createServer({ hostname: 'mx.test', folder, log: { format, write, level: 'debug' }, setup })
  await server.listen()
  const port = server.addresses[0]?.port ?? 0
  return { server, stored, log: () => text, port, does: (next: typeof act) => void (act = next) }
}

/** Hands in a message; the replies to MAIL, RCPT, DATA and the final dot, as far as it comes. */
async function handIn(port: number): Promise<string> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  await client.send('EHLO client.test')
  let reply = ''
  for (const line of ['MAIL FROM:<a@b.test>', 'RCPT TO:<c@d.test>', 'DATA', 'Subject: x\r\n\r\nx\r\n.']) {
    reply = await client.send(line)
    if (!/^[23]/.test(reply)) break
  }
  assert.equal(await client.send('NOOP'), '250 2.0.0 Ok', 'the session lives')
  await client.quit()
  return reply
}

const DECIDE: readonly HookName[] = [
  'connect',
  'helo',
  'mail',
  'rcpt',
  'route',
  'nexthop',
  'data',
  'receive',
  'message',
  'rewrite',
  'queue',
]
const HEAR: readonly HookName[] = ['accepted', 'closed']

for (const [at, hook] of [...DECIDE, ...HEAR].entries())
  test(`${hook}: every value can be thrown, rejected with and answered`, async () => {
    const { server, stored, port, does, log } = await start(hook, at % 2 === 0 ? 'json' : 'pretty')
    for (const [what, value] of Object.entries(VALUES)) {
      const ways: Readonly<Record<string, (context: never) => unknown>> = {
        throws: () => {
          throw value()
        },
        rejects: () => Promise.reject(value()),
        answers: () => value(),
        'answers later': async () => [value()],
      }
      for (const [way, act] of Object.entries(ways)) {
        does(act)
        const before = stored.length
        const reply = await handIn(port)
        const isNothing = HEAR.includes(hook) || (way === 'answers' && what === 'undefined')
        assert.match(reply, isNothing ? /^250 2\.0\.0 Ok: / : /^451 4\.3\.0 /, `${way} ${what}: ${reply}`)
        assert.equal(
          stored.length - before,
          isNothing ? 1 : 0,
          `${way} ${what}: stored once where 250 was said, else never`,
        )
      }
    }
    if (!HEAR.includes(hook)) assert.ok((log().match(/plugin failed/g) ?? []).length >= 50, 'each is told')
    await server.close()
  })

for (const part of ['write', 'end'] as const)
  test(`receive: the ${part} of a sink may throw, or reject with, every value`, async () => {
    const { server, stored, port, does, log } = await start('receive', part === 'write' ? 'json' : 'pretty')
    for (const [what, value] of Object.entries(VALUES)) {
      const ways: Readonly<Record<string, () => unknown>> = {
        throws: () => {
          throw value()
        },
        rejects: () => Promise.reject(value()),
        // What a sink answers is nobody's business; that it throws when one looks whether it is a promise is.
        answers: () => value(),
        'answers later': async () => [value()],
      }
      for (const [way, act] of Object.entries(ways)) {
        does(() => ({ write: () => undefined, [part]: act }))
        const before = stored.length
        const reply = await handIn(port)
        const isWell = way === 'answers' && !/proxy/.test(what)
        assert.match(
          reply,
          isWell || way === 'answers later' ? /^250 2\.0\.0 Ok: / : /^451 4\.3\.0 /,
          `${way} ${what}: ${reply}`,
        )
        assert.equal(
          stored.length - before,
          reply.startsWith('250') ? 1 : 0,
          `${way} ${what}: stored once where 250 was said, else never`,
        )
      }
    }
    assert.ok((log().match(/plugin failed/g) ?? []).length >= Object.keys(VALUES).length * 2, 'each is told')
    await server.close()
  })

test('a receipt that changes when it is looked at again is a receipt; one that says nonsense of its recipients is none', async () => {
  const { server, port, does } = await start('queue', 'json')
  let looks = 0
  const fickle = { get id() { return looks++ === 0 ? 'first' : boo() } } // biome-ignore format: short
  does(() => fickle)
  assert.match(await handIn(port), /queued as first$/)
  for (const refused of [5, 'x', [1], [{ recipient: {} }], revoked(), [revoked()]]) {
    does(() => ({ id: 'x', refused }))
    assert.match(await handIn(port), /^451 4\.3\.0 /)
  }
  await server.close()
})

test('an opinion is what it was when it was given, in the reply and in the log', async () => {
  const { server, port, does, log } = await start('rcpt', 'json')
  let looks = 0
  const fickle = { kind: 'reject', code: 550, status: '5.7.1', get text() { return looks++ === 0 ? 'first' : boo() } } // biome-ignore format: short
  does(() => fickle)
  assert.match(await handIn(port), /^550 5\.7\.1 first \(id [0-9A-Z]{17}\.1\)$/)
  for (const broken of [{ status: Symbol('s') }, { text: Symbol('s') }, { code: 1n }, { for: 5 }]) {
    does(() => ({ ...fickle, text: 'x', ...broken }))
    assert.match(await handIn(port), /^451 4\.3\.0 /)
  }
  await server.close()
  assert.match(log(), /"event":"transaction".*"text":"first"/)
})

test('setup and start may throw anything: a mistake with the name of the plugin, or its text', async () => {
  for (const [what, value] of Object.entries(VALUES)) {
    const fails = (when: 'setup' | 'start' | 'hooks') =>
      definePlugin({
        name: 'odd',
        setup: (): object => {
          const fail = () => {
            throw value()
          }
          if (when === 'setup') fail()
          return when === 'start' ? { start: fail } : Object.defineProperty({}, 'rcpt', { get: fail, enumerable: true })
        },
      })
    const boot = (plugin: Plugin) =>
      createServer({
        hostname: 'mx.test',
        folder,
        log: { format: 'silent' },
        setup: (app) => void app.use(plugin).listen({ port: 0 }),
      })
    for (const when of ['setup', 'hooks'] as const)
      await assert.rejects(
        boot(fails(when)()),
        (error) => error instanceof BootError && /odd/.test(error.message),
        `${when} ${what}`,
      )
    const server = await boot(fails('start')())
    await assert.rejects(server.listen(), { code: 'ERR_SETUP' }, what)
    await server.close()
    const broken = createServer({
      hostname: 'mx.test',
      setup: () => {
        throw value()
      },
    })
    await assert.rejects(
      broken,
      (error) => error instanceof BootError && /setup of the configuration failed/.test(error.message),
      what,
    )
  }
})
