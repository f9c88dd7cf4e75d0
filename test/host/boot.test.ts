/** Every mistake that can be found before the first connection is, and all of them at once. */
import assert from 'node:assert/strict'
import { mkdtemp, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { type App, BootError, type Config, createServer, defineConfig, explainText } from '@postroad/core'
import { defineFact, definePlugin, defineService, type Plugin, type Schema, Store } from '@postroad/plugin'
import { memoryStore } from '@postroad/testing'

const fact = defineFact<string>('spf')
const Geo = defineService<{ country(): string }>('geo')

async function build(setup: (app: App) => void, config: Partial<Config> = {}) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-boot-'))
  return createServer(
    { hostname: 'mx.test', folder, log: { format: 'silent' }, ...config, setup },
    { services: [{ service: Store, create: () => memoryStore() }] },
  )
}

/** The catalogued codes and texts of what is wrong. */
async function mistakes(...args: Parameters<typeof build>): Promise<string[]> {
  try {
    const server = await build(...args)
    await server.close()
    return []
  } catch (error) {
    assert.ok(error instanceof BootError, String(error))
    return error.errors.map((one) => `${one.code} ${one.message}`)
  }
}

const listening =
  (...plugins: Plugin[]) =>
  (app: App) => {
    for (const plugin of plugins) app.use(plugin)
    app.listen({ port: 0, host: '127.0.0.1' })
  }
const hook = (name: string, hooks: object) => definePlugin({ name, hooks } as never)()

test('a cycle names its members', async () => {
  const found = await mistakes(
    listening(
      hook('a', { mail: { after: ['b'], handler() {} } }),
      hook('b', { mail: { after: ['c'], handler() {} } }),
      hook('c', { mail: { after: ['a'], handler() {} } }),
    ),
  )
  assert.deepEqual(found, ['ERR_CYCLE the handlers of "mail" wait for each other: a → b → c → a'])
})

test('a fact has exactly one provider, no later than its reader', async () => {
  const at = (name: string, stage: string) => hook(name, { [stage]: { provides: [fact], handler() {} } })
  const reader = hook('dmarc', { mail: { after: [fact], handler() {} } })
  assert.match(
    (await mistakes(listening(reader))).join(),
    /ERR_FACT_MISSING dmarc\.mail reads "spf", nobody provides it/,
  )
  assert.match(
    (await mistakes(listening(reader, at('spf', 'message')))).join(),
    /ERR_FACT_LATE dmarc\.mail reads "spf", which spf provides only at message/,
  )
  assert.match(
    (await mistakes(listening(at('a', 'mail'), at('b', 'mail')))).join(),
    /ERR_FACT_TWICE both a and b provide "spf"/,
  )
  assert.deepEqual(await mistakes(listening(reader, at('spf', 'mail'))), [])
})

test('all mistakes are reported at once', async () => {
  const schema: Schema = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: () => ({ issues: [{ message: 'too small', path: ['delay'] }] }),
    },
  }
  const found = await mistakes(
    (app) => {
      app.use(definePlugin({ name: 'greylist', options: schema, setup: () => ({}) })())
      app.use(definePlugin({ name: 'needy', needs: { geo: Geo }, setup: () => ({}) })())
      app.use(hook('odd', { onMail: () => undefined }))
      app.use(hook('same', {})).use(hook('same', {}))
      app.use(hook('fine', {}), { after: ['nowhere'], mode: 'shadwo' as never, tiemout: 5 } as never)
      app.use((() => undefined) as never)
      app.use(hook('judge', { message: () => undefined }))
      app.scope('mx', (mx) =>
        mx.listen({ port: 1, path: '/x' }).listen({ tls: 'required', port: 25 }).listen({ port: 25, auth: 'required' }),
      )
      app.scope('mx', () => undefined)
    },
    { thresholds: { quarantine: 5 } },
  )
  const codes = found.map((one) => one.split(' ')[0])
  for (const code of [
    'ERR_OPTIONS',
    'ERR_NEED',
    'ERR_HOOK',
    'ERR_DUPLICATE_PLUGIN',
    'ERR_ORDER',
    'ERR_USE',
    'ERR_LISTEN',
    'ERR_LISTEN_TWICE',
    'ERR_NO_AUTH',
    'ERR_DUPLICATE_SCOPE',
    'ERR_NO_QUARANTINE',
  ])
    assert.ok(codes.includes(code), `${code} is missing in ${found.join('\n')}`)
  assert.match(found.join('\n'), /greylist\.delay: too small/)
})

test('every option of the server is judged, whether it is in a configuration that was defined or not', async () => {
  const wrong = { refuseAt: 'helo', thresholds: { rejct: 5 } }
  const said = [
    'ERR_CONFIG thresholds.rejct: there is no such option; did you mean "reject"?',
    'ERR_CONFIG refuseAt must be rcpt or now, not "helo"',
  ]
  const errorsOf = async (config: Config) => {
    const error = await createServer(config).then(
      () => assert.fail('it was taken'),
      (error: unknown) => error,
    )
    assert.ok(error instanceof BootError, String(error))
    for (const one of error.errors)
      assert.ok(error.message.includes(`${one.code}: ${one.message}\n    Correct the option`), error.message)
    return error.errors.map(({ code, message }) => `${code} ${message}`)
  }
  assert.deepEqual(await errorsOf(wrong as never), [
    ...said,
    'ERR_CONFIG setup must be a function that fills the server: setup(app) { … }',
  ])
  // @ts-expect-error: the compiler sees them first
  assert.deepEqual(await errorsOf(defineConfig({ ...wrong, setup: () => undefined })), said)
  assert.deepEqual(await errorsOf(5 as never), ['ERR_CONFIG the configuration must be an object, not 5'])
})

test('mistakes of the server, its listeners, uses and plugins are told together, and nothing is made or set up', async () => {
  const schema: Schema = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: () => ({ issues: [{ message: 'too small', path: ['delay'] }] }),
    },
  }
  const setup = (): never => assert.fail('it is set up')
  const folder = path.join(os.tmpdir(), `postroad-never-${process.pid}`)
  const found = await mistakes(
    (app) => {
      app.use(definePlugin({ name: 'greylist', options: schema, setup })())
      app.use(definePlugin({ name: 'fine', setup })(), { tiemout: 5 } as never)
      app.listen({ prot: 25 } as never)
    },
    { folder, grace: 'soon' },
  )
  assert.deepEqual(
    found.map((one) => one.replace(/ is not a duration.*/, '')),
    [
      'ERR_CONFIG grace: "soon"',
      'ERR_USE fine: tiemout: there is no such option; did you mean "timeout"?',
      'ERR_LISTEN server:no port: prot: there is no such option; did you mean "port"?',
      'ERR_OPTIONS greylist.delay: too small',
    ],
  )
  await assert.rejects(stat(folder), { code: 'ENOENT' })
})

test('a listener and a server take durations and sizes with their units', async () => {
  const server = await build(
    (app) => {
      app.use(hook('fine', {}), { timeout: '5 s' })
      app.listen({
        port: 0,
        host: '127.0.0.1',
        limits: { size: '25 MB', commandTimeoutMs: '5 min', minDataRate: '1 KiB' },
        greeting: { waitMs: '2 s' },
        stress: { loopDelayMs: '0.5 s', disk: { path: '/', freeBytes: '1 GiB' } },
      })
    },
    { grace: '90 s', memory: '64 KiB', dns: { timeoutMs: '3 s' } },
  )
  await server.close()
})

test('no listener, a failing setup and an absent service are mistakes', async () => {
  assert.match((await mistakes(() => undefined)).join(), /ERR_NO_LISTENER/)
  const failing = definePlugin({
    name: 'failing',
    setup: () => {
      throw new Error('no disk')
    },
  })
  assert.match((await mistakes(listening(failing()))).join(), /ERR_SETUP failing could not be set up/)
  const liar = definePlugin({ name: 'liar', provides: { geo: Geo }, setup: (() => ({})) as never })
  assert.match((await mistakes(listening(liar()))).join(), /ERR_SERVICE_ABSENT liar declares "geo"/)
  const provider = (name: string) =>
    definePlugin({ name, provides: { geo: Geo }, setup: () => ({ services: { geo: { country: () => 'NL' } } }) })()
  assert.match(
    (await mistakes(listening(provider('a'), provider('b')))).join(),
    /ERR_SERVICE_TWICE both a and b provide "geo"/,
  )
})

test('services: a provider is set up before who needs it, whatever the order of use; a circle is named', async () => {
  const seen: string[] = []
  const user = definePlugin({
    name: 'user',
    needs: { geo: Geo, store: Store },
    setup: ({ geo }) => {
      seen.push(geo.country())
      return {}
    },
  })
  const provider = definePlugin({
    name: 'provider',
    provides: { geo: Geo },
    setup: () => ({ services: { geo: { country: () => 'NL' } } }),
  })
  assert.deepEqual(await mistakes(listening(user(), provider())), [])
  assert.deepEqual(seen, ['NL'])
  const Other = defineService<object>('other')
  const a = definePlugin({
    name: 'a',
    needs: { o: Other },
    provides: { geo: Geo },
    setup: () => ({ services: { geo: { country: () => '' } } }),
  })
  const b = definePlugin({
    name: 'b',
    needs: { g: Geo },
    provides: { o: Other },
    setup: () => ({ services: { o: {} } }),
  })
  assert.match((await mistakes(listening(a(), b()))).join(), /ERR_NEED_CYCLE a, b need services of each other/)
})

test('a scope sees what is used around it, not the other way round', async () => {
  const server = await build((app) => {
    app.use(hook('outer', { mail: () => undefined }))
    app.scope('in', (mx) => mx.use(hook('inner', { mail: () => undefined })).listen({ port: 0 }))
    app.scope('out', (mx) => mx.listen({ port: 0 }))
  })
  const text = explainText(server.explain())
  assert.match(text, /scope in\n[\s\S]*mail {7}outer \+ inner/)
  assert.match(text, /scope out\n[\s\S]*mail {7}outer$/m)
  await server.close()
})

test('orders go by plugins, whatever `as` calls them, and are shown with both names', async () => {
  const server = await build((app) => {
    app.use(hook('rule', { mail: { after: ['access'], handler: () => undefined } }), { as: 'house' })
    app.use(hook('access', { mail: () => undefined }), { as: 'partners', onError: 'pass' })
    app.use(hook('access', { mail: () => undefined }), { as: 'friends' })
    app.listen({ port: 0, host: '127.0.0.1' })
  })
  const text = explainText(server.explain())
  assert.match(text, /mail {7}access as partners \(on error pass\) \+ access as friends {2}→ {2}rule as house$/m)
  await server.close()
})

test('plugins are closed in reverse order of use, also when boot fails', async () => {
  const closed: string[] = []
  const closing = (name: string) => definePlugin({ name, setup: () => ({ close: () => void closed.push(name) }) })()
  await mistakes((app) => app.use(closing('a')).use(closing('b')))
  assert.deepEqual(closed, ['b', 'a'])
})

test('a quarantine is needed where somebody gives points: not who only observes, and not who is in the shadow', async () => {
  const says = (plugin: Plugin, options = {}, ...inner: (readonly [Plugin, object?])[]) =>
    mistakes(
      (app) => {
        app.use(plugin, options).scope('mx', (mx) => {
          for (const one of inner) mx.use(...one)
          mx.listen({ port: 0, host: '127.0.0.1' })
        })
      },
      { thresholds: { quarantine: 5 } },
    )
  const needed = ['ERR_NO_QUARANTINE scope "mx" would have nowhere to put a message of 5 points']
  const judge = hook('judge', { message: () => undefined })
  const store = hook('store', { quarantine: () => ({ id: 'x' }) })
  assert.deepEqual(await says(hook('watcher', { connect: { observes: true, handler() {} } })), [])
  assert.deepEqual(await says(hook('watcher', { connect: { observes: false, handler() {} } })), needed)
  assert.deepEqual(await says(judge, { mode: 'shadow' }), [])
  assert.deepEqual(await says(judge), needed)
  for (const stage of ['connect', 'helo', 'mail', 'rcpt', 'nexthop', 'data', 'message'])
    assert.deepEqual(await says(hook('judge', { [stage]: () => undefined })), needed, stage)
  assert.deepEqual(await says(judge, {}, [store]), [])
  assert.deepEqual(await says(judge, {}, [store, { mode: 'shadow' }]), needed)
  assert.deepEqual(await says(hook('gate', { rcpt: { points: false, handler() {} } })), [])
  assert.deepEqual(await says(hook('gate', { rcpt: { points: true, handler() {} } })), needed)
  assert.deepEqual(await says(hook('gate', { route: { points: false, handler() {} } })), [
    'ERR_HOOK gate.route: "points" goes with hooks of opinions',
  ])
  assert.deepEqual(await says(hook('watcher', { route: { observes: true, handler() {} } })), [
    'ERR_HOOK watcher.route: "observes" goes with hooks of opinions',
  ])
})

test('EHLO offers nothing for the sake of who is in the shadow: such a plugin lets nobody in, and takes no message', async () => {
  const users = (...mechanisms: string[]) => hook('users', { auth: { mechanisms, handler() {} } })
  const queue = (name: string, ...supports: string[]) => hook(name, { queue: { supports, handler() {} } })
  const offered = async (...uses: (readonly [Plugin, object?])[]) => {
    const server = await build((app) => {
      for (const use of uses) app.use(...use)
      app.listen({ port: 0, host: '127.0.0.1', authWithoutTls: true })
    })
    const [keywords = ''] = /^.*EHLO.*$/m.exec(explainText(server.explain())) ?? []
    await server.close()
    return ['AUTH PLAIN LOGIN', 'AUTH LOGIN', 'AUTH', 'DSN', 'SMTPUTF8'].filter((one) => keywords.includes(one)).join()
  }
  assert.equal(await offered([users('PLAIN')]), 'AUTH')
  assert.equal(await offered([users('PLAIN'), { mode: 'shadow' }]), '')
  const other = hook('other', { auth: { mechanisms: ['LOGIN'], handler() {} } })
  assert.equal(await offered([users('PLAIN'), { mode: 'shadow' }], [other]), 'AUTH LOGIN,AUTH')
  assert.equal(await offered([queue('a', 'DSN'), { mode: 'shadow' }]), '')
  assert.equal(await offered([queue('a', 'DSN', 'SMTPUTF8')], [queue('b', 'DSN'), { mode: 'shadow' }]), 'DSN,SMTPUTF8')
})

test('what only the shadow answers is explained as answered by nobody', async () => {
  const server = await build((app) => {
    for (const stage of ['route', 'queue', 'quarantine'])
      app.use(hook(stage, { [stage]: () => undefined }), { mode: 'shadow' })
    app.use(hook('judge', { message: () => undefined })).listen({ port: 0, host: '127.0.0.1' })
  })
  const text = explainText(server.explain())
  await server.close()
  for (const stage of ['route', 'queue']) assert.match(text, new RegExp(`warning {4}nobody answers ${stage}:`))
  assert.match(text, /note {7}nobody answers quarantine:/)
})

test('AUTH is required of nobody where who would answer it is in the shadow', async () => {
  const auth = hook('users', { auth: { mechanisms: ['PLAIN'], handler() {} } })
  const said = await mistakes((app) =>
    app
      .use(auth, { mode: 'shadow' })
      .listen({ name: 'in', port: 0, host: '127.0.0.1', auth: 'required', authWithoutTls: true }),
  )
  assert.deepEqual(said, ['ERR_NO_AUTH in requires AUTH'])
})
