/**
 * Plugins that fail, in every way, at every hook, over a real socket: the process lives, the mail is deferred (or as the
 * operator said), nothing passes by accident.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { createServer, type UseOptions } from '@postroad/core'
import { definePlugin, type HookName } from '@postroad/plugin'
import { SmtpClient } from './smtp-client.ts'

/** Hooks whose failure an SMTP client can notice, and the command at which it does. */
const COMMANDS: Readonly<Partial<Record<HookName, string>>> = {
  connect: 'RCPT',
  helo: 'RCPT',
  mail: 'RCPT',
  rcpt: 'RCPT',
  route: 'RCPT',
  nexthop: 'RCPT',
  data: 'DATA',
  receive: 'DATA',
  message: '.',
  rewrite: '.',
  queue: '.',
  quarantine: '.',
  auth: 'AUTH',
  verify: 'VRFY',
  expand: 'EXPN',
  help: 'HELP',
  unknown: 'FOO',
}
const TELLS: readonly HookName[] = ['accepted', 'refused', 'closed']

/** Ways to fail. `floats` answers nothing and lets a rejection go that nobody holds: no failure of the hook, and no danger to the process. */
const FAILURES: Readonly<Record<string, (context: { signal: AbortSignal }) => unknown>> = {
  throws: () => {
    throw new Error('secret text')
  },
  rejects: () => Promise.reject(new Error('secret text')),
  'rejects later': async () => {
    await new Promise((wake) => setTimeout(wake, 5))
    throw new Error('secret text')
  },
  'never settles': () => new Promise(() => undefined),
  'throws what is no error': () => {
    throw undefined
  },
  'answers nonsense': () => '550 no',
  'answers an unknown kind': () => ({ kind: 'acept' }),
  'answers nonsense later': () => Promise.resolve(42),
}
const HANGING = 'never settles'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-failure-'))
after(() => rm(folder, { recursive: true, force: true }))

async function start(hook: HookName, handler: (context: never) => unknown, options: UseOptions = {}) {
  const lines: Record<string, unknown>[] = []
  const spec = hook === 'auth' ? { mechanisms: ['PLAIN'], handler } : { handler }
  const failing = definePlugin({ name: 'failing', hooks: { [hook]: spec } as never })
  const stored: string[] = []
  const road = definePlugin({
    name: 'road',
    hooks: {
      route: () => ({ via: 'road' }),
      message: () => (hook === 'quarantine' ? ({ kind: 'quarantine', reason: 'test' } as const) : undefined),
      queue: ({ envelope }) => {
        stored.push(envelope.id)
        return { id: envelope.id }
      },
    },
  })
  const server = await createServer({
    hostname: 'mx.test',
    folder,
    refuseAt: 'rcpt',
    log: {
      format: 'json',
      write: (text) =>
        void lines.push(
          ...text
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line)),
        ),
    },
    setup(app) {
      app.use(failing(), { timeout: 60, ...options }).use(road())
      app.listen({ host: '127.0.0.1', port: 0, authWithoutTls: true })
    },
  })
  await server.listen()
  return { server, stored, lines, port: server.addresses[0]?.port ?? 0 }
}

/** Speaks up to and including the command; gives its reply. */
async function speakUntil(command: string, port: number): Promise<{ reply: string; client: SmtpClient }> {
  const client = await SmtpClient.connect(port)
  const script = [
    ['EHLO client.test'],
    ['AUTH PLAIN AGNhcm9sAHg=', 'AUTH'],
    ['VRFY a', 'VRFY'],
    ['EXPN a', 'EXPN'],
    ['HELP', 'HELP'],
    ['FOO', 'FOO'],
    ['MAIL FROM:<a@b.test>'],
    ['RCPT TO:<c@d.test>', 'RCPT'],
    ['DATA', 'DATA'],
    ['Subject: x\r\n\r\nx\r\n.', '.'],
  ] as const
  let reply = await client.reply()
  for (const [line, name] of script) {
    if (name && ['AUTH', 'VRFY', 'EXPN', 'HELP', 'FOO'].includes(name) && name !== command) continue
    reply = await client.send(line)
    if (name === command || reply.startsWith('421')) break
    if (!/^[23]/.test(reply)) break
  }
  return { reply, client }
}

for (const hook of Object.keys(COMMANDS) as HookName[]) {
  for (const [way, handler] of Object.entries(FAILURES)) {
    test(`${hook} ${way}: deferred, nothing stored, and the process lives`, async () => {
      // A queue that hangs gets five seconds for its last word; the test of that is its own.
      if (way === HANGING && (hook === 'queue' || hook === 'quarantine')) return assertHangingQueue(hook)
      const { server, stored, port, lines } = await start(hook, handler)
      const { reply, client } = await speakUntil(COMMANDS[hook] ?? '', port)
      assert.match(reply, /^451 4\.3\.0 /, reply)
      assert.doesNotMatch(reply, /secret/)
      client.end()
      assert.deepEqual(stored, [])
      assert.match(await greeting(port), /^220 /)
      await server.close({ grace: 0 })
      assert.ok(
        lines.some((line) => line['text'] === 'plugin failed' && line['plugin'] === 'failing' && line['hook'] === hook),
      )
    })
  }
}

async function assertHangingQueue(hook: HookName): Promise<void> {
  let aborted = false
  const { server, stored, port } = await start(
    hook,
    ({ signal }: { signal: AbortSignal }) =>
      new Promise(() =>
        signal.addEventListener('abort', () => {
          aborted = true
        }),
      ),
  )
  const { reply, client } = await speakUntil('.', port)
  assert.match(reply, /^451 4\.3\.0 /)
  assert.ok(aborted, 'the signal did not fire')
  assert.deepEqual(stored, [])
  client.end()
  await server.close({ grace: 0 })
}

test('queue: a receipt that comes in the last moment after the deadline is still believed: stored is stored', async () => {
  const { server, port } = await start(
    'queue',
    ({ signal }: { signal: AbortSignal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve({ id: 'q1' }))),
  )
  const { reply, client } = await speakUntil('.', port)
  assert.match(reply, /^250 2\.0\.0 Ok: \S+ queued as q1/)
  client.end()
  await server.close()
})

for (const hook of TELLS) {
  for (const way of ['throws', 'rejects', HANGING, 'answers nonsense'] as const) {
    test(`${hook} ${way}: what has happened has happened, and only the log knows`, async () => {
      const { server, port } = await start(hook, FAILURES[way] as never)
      const { reply, client } = await speakUntil('.', port)
      assert.match(reply, /^250 /)
      await client.quit()
      assert.match(await greeting(port), /^220 /)
      await server.close({ grace: 0 })
    })
  }
}

for (const hook of ['mail', 'rcpt', 'message', 'route', 'data'] as const) {
  const command = COMMANDS[hook] ?? ''
  test(`${hook}: onError says what a failure is worth`, async () => {
    const expectations = [
      ['pass', hook === 'data' ? /^354/ : /^250/],
      ['reject', /^554 5\.3\.0/],
      ['disconnect', /^421 4\.3\.0/],
    ] as const
    for (const [onError, expected] of expectations) {
      const { server, port } = await start(hook, FAILURES['throws'] as never, { onError })
      const { reply, client } = await speakUntil(command, port)
      assert.match(reply, expected, `${onError}: ${reply}`)
      if (onError === 'disconnect') await client.closed()
      client.end()
      await server.close({ grace: 0 })
    }
  })

  test(`${hook}: a shadowed plugin that fails changes nothing`, async () => {
    const { server, port } = await start(hook, FAILURES['throws'] as never, { mode: 'shadow' })
    const { reply, client } = await speakUntil(command, port)
    assert.match(reply, hook === 'data' ? /^354/ : /^250/)
    client.end()
    await server.close({ grace: 0 })
  })
}

test('a handler that is late cannot set a fact any more, and hears so', async () => {
  let late: unknown
  const { server, port } = await start('mail', (async ({
    set,
    signal,
  }: {
    set(fact: object, value: unknown): void
    signal: AbortSignal
  }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    try {
      set({ name: 'x', scope: 'transaction' }, 1)
    } catch (error) {
      late = error
    }
  }) as never)
  const { client } = await speakUntil('RCPT', port)
  client.end()
  await server.close({ grace: 0 })
  assert.match(String(late), /after the run was over/)
})

test('a client whose connection breaks aborts what runs for it, except in queue', async () => {
  for (const hook of ['rcpt', 'queue'] as const) {
    let reason: unknown
    let entered = (): void => undefined
    const begun = new Promise<void>((resolve) => {
      entered = resolve
    })
    const { server, port } = await start(
      hook,
      ({ signal }: { signal: AbortSignal }) => {
        entered()
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason
            resolve(undefined)
          })
        })
      },
      { timeout: 2_000 },
    )
    const speaking = speakUntil(hook === 'rcpt' ? 'RCPT' : '.', port).catch(() => undefined)
    await begun
    SmtpClient.breakAll()
    await speaking
    await new Promise((wake) => setTimeout(wake, 30))
    assert.equal(reason !== undefined, hook === 'rcpt', hook)
    await server.close({ grace: 0 })
  }
})

async function greeting(port: number): Promise<string> {
  const client = await SmtpClient.connect(port)
  const reply = await client.reply()
  await client.quit()
  return reply
}
