/** Mistakes of an operator: each is told in a sentence that names the option, before anything listens. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { EXPORT, Operator } from './operator.ts'

const operator = await Operator.begin()
after(() => operator.end())

const HEAD = `import { definePlugin } from '@postroad/plugin'
import { defineConfig } from 'postroad'
const road = definePlugin({ name: 'road', hooks: { route: () => ({ via: 'x' }), queue: () => ({ id: 'x' }) } })
`
const config = (inner: string): string => `${HEAD}${EXPORT} defineConfig({ hostname: 'mx.test', ${inner} })\n`
const listening = (...listens: readonly string[]): string =>
  config(`setup: (app) => void app.use(road())${listens.map((one) => `.listen(${one})`).join('')}`)

const TABLE: readonly (readonly [what: string, text: string, mistakes: readonly RegExp[]])[] = [
  [
    'options of the whole',
    config(`threshold: {}, refuseAt: 'data', grace: 'x', thresholds: { quarantin: 1 }, log: { level: 'loud' }, dns: { servers: ['dns.test'] },
      setup: (app) => void app.use(road()).listen({ port: 0 })`),
    [
      /^ERR_CONFIG: threshold: there is no such option; did you mean "thresholds"\?$/m,
      /^ERR_CONFIG: refuseAt must be rcpt or now, not "data"$/m,
      /^ERR_CONFIG: grace: "x" is not a duration: .*such as "90 s"/m,
      /^ERR_CONFIG: thresholds\.quarantin: there is no such option; did you mean "quarantine"\?$/m,
      /^ERR_CONFIG: log\.level must be debug, info, warn or error, not "loud"$/m,
      /^ERR_CONFIG: dns\.servers\.0: "dns\.test" is not the address of a server: /m,
    ],
  ],
  [
    'options of listeners',
    listening(
      `{ port: 12526, tls: 'require', limits: { recipient: 3, size: 0 }, xclients: [] }`,
      `{ port: '25', proxies: '10.0.0.1', greeting: { wait: 5 } }`,
      `{ port: 12527, tls: 'required', certificateFiles: { key: 'no.pem', cert: 'no.pem' } }`,
      `{ port: 12528, tls: 'required', certificateFiles: { key: 'bad.pem', cert: 'bad.pem' } }`,
      '',
    ),
    [
      /^ERR_LISTEN: server:12526: tls must be none, optional, required or implicit, not "require"; did you mean "required"\?$/m,
      /^ERR_LISTEN: server:12526: limits\.recipient: there is no such option; did you mean "recipients"\?$/m,
      /^ERR_LISTEN: server:12526: limits\.size must be at least 1, not 0$/m,
      /^ERR_LISTEN: server:12526: xclients: there is no such option; did you mean "xclient"\?$/m,
      /^ERR_LISTEN: server:25: port must be a whole number from 0 to 65535, not "25"$/m,
      /^ERR_LISTEN: server:25: proxies must be a list of addresses and networks, not "10\.0\.0\.1"$/m,
      /^ERR_LISTEN: server:25: greeting\.wait: there is no such option; did you mean "waitMs"\?$/m,
      /^ERR_LISTEN: server:12527: certificateFiles: a certificate cannot be read: ENOENT.*no\.pem/m,
      /^ERR_LISTEN: server:12528: certificate: key and certificate cannot be read, or do not fit: /m,
      /^ERR_LISTEN: scope "server": listen needs an object/m,
    ],
  ],
  [
    'code that throws',
    config(`setup() { throw new Error('a mistake of mine') }`),
    [
      /^ERR_CONFIG: setup of the configuration failed at Object\.setup \(.*t2\.ts:4:\d+\): a mistake of mine\n {2}[^\n]*\n$/,
    ],
  ],
  [
    'a scope for which nobody waits',
    config(`setup: (app) => void app.use(road()).listen({ port: 0 }).scope('late', async () => {})`),
    [/^ERR_CONFIG: scope "late" is filled by an async function/m],
  ],
  [
    'a folder that cannot be one',
    config(`folder: 'bad.pem', setup: (app) => void app.use(road()).listen({ port: 0 })`),
    [/^ERR_FOLDER: folder .*bad\.pem cannot be used: [A-Z]+: [^:]*\n/],
  ],
]

for (const [index, [what, text, mistakes]] of TABLE.entries())
  test(`check names ${what}`, async () => {
    await operator.config('bad.pem', 'not a certificate')
    const { code, out, err } = await operator.run('check', await operator.config(`t${index}.ts`, text))
    assert.equal(code, 1)
    assert.equal(out, '')
    for (const mistake of mistakes) assert.match(err, mistake)
    assert.equal(err.match(/^ERR_\w+:/gm)?.length, mistakes.length, err)
  })

const YAML = `hostname: mx.test
refuseAt: helo
thresholds:
  rejct: 5
grace: soon
listen:
  - port: 0
    limits: { size: 25 MB, recipient: 3 }
  - &other
    prot: 25
use:
  - { plugin: ./road.ts, tiemout: 5 s }
  - 5
scopes:
  inside: { listen: [*other], uses: [] }
`

test('check names every mistake of a YAML configuration at once, those of plugins with them, each with its line', async () => {
  await operator.config(
    'road.ts',
    `import { definePlugin } from '@postroad/plugin'
const validate = () => ({ issues: [{ message: 'too small', path: ['delay'] }] })
export const road = definePlugin({ name: 'road', options: { '~standard': { version: 1, vendor: 'test', validate } }, setup: () => ({}) })
`,
  )
  const { code, err } = await operator.run('check', await operator.config('wrong.yaml', YAML))
  assert.equal(code, 1)
  assert.deepEqual(
    err
      .split('\n')
      .filter((line) => /^ERR/.test(line))
      .map((line) => line.slice(0, 90)),
    [
      'ERR_CONFIG: wrong.yaml:4: thresholds.rejct: there is no such option; did you mean "reject"',
      'ERR_CONFIG: wrong.yaml:2: refuseAt must be rcpt or now, not "helo"',
      'ERR_CONFIG: wrong.yaml:5: grace: "soon" is not a duration: a number and a unit such as "90',
      'ERR_LISTEN: wrong.yaml:8: listen.0.limits.recipient: there is no such option; did you mean',
      'ERR_LISTEN: wrong.yaml:10: listen.1.prot: there is no such option; did you mean "port"?',
      'ERR_USE: wrong.yaml:12: use.0.tiemout: there is no such option; did you mean "timeout"?',
      'ERR_USE: wrong.yaml:13: use.1 must be the name of a plugin, or { plugin: NAME, options: … ',
      'ERR_LISTEN: wrong.yaml:15: scopes.inside.listen.0.prot: there is no such option; did you m',
      'ERR_CONFIG: wrong.yaml:15: scopes.inside.uses: there is no such option; did you mean "use"',
      'ERR_OPTIONS: wrong.yaml:12: road.delay: too small',
    ],
  )
})

const PLUGINS = `use:
  - 5
  - plugin: greylist
    options:
      delay: soon
      network:
        ipv4: 24
  - spf
  - { plugin: access,
      options: { deny: 5 } }
  - auth-file
  - plugin: dkim
    options:
      quarantin: all
scopes:
  mx:
    use:
      - 5
      - spf
      - &queue
        plugin: queue
        options: { retian: x }
  msa:
    listen: [{ port: 0 }]
    use: [*queue]
`

test('check names the lines of what plugins say of their options: the key, or what is around one that is missing', async () => {
  const linesOf = async (name: string, text: string) => {
    const { code, err } = await operator.run('check', await operator.config(name, text))
    assert.equal(code, 1)
    const found = [...err.matchAll(/^ERR_(?:OPTIONS|DUPLICATE_PLUGIN|ORDER): ([^:]+:\d+: "?[\w.-]+)/gm)]
    return found.map(([, said = '']) => said).sort()
  }
  assert.deepEqual(await linesOf('plugins.yaml', PLUGINS), [
    'plugins.yaml:10: access.deny',
    'plugins.yaml:11: auth-file.path',
    'plugins.yaml:14: dkim.quarantin',
    'plugins.yaml:19: "spf',
    'plugins.yaml:22: queue.retian',
    // Where it is used by its anchor.
    'plugins.yaml:25: queue.retian',
    'plugins.yaml:5: greylist.delay',
    'plugins.yaml:7: greylist.network.ipv4',
  ])
  const order = 'use:\n  - plugin: auth-results\n    after: [arc,\n      nowhere]\nlisten: [{ port: 0 }]\n'
  assert.deepEqual(await linesOf('order.yaml', order), ['order.yaml:3: auth-results', 'order.yaml:4: auth-results'])
  // JSON has lines, too.
  const json = '{ "use": [\n"auth-results",\n{ "plugin": "greylist",\n"options": {\n"delay": "x" } }] }'
  assert.deepEqual(await linesOf('plugins.json', json), ['plugins.json:5: greylist.delay'])
})

test('check names every plugin of a YAML configuration that is not installed, and the command that gets them', async () => {
  const file = await operator.config(
    'missing.yaml',
    'hostname: mx.test\nuse: [not-here, "@acme/nowhere", spf]\nscopes: { mx: { use: [{ plugin: neither }] } }\n',
  )
  const { code, err } = await operator.run('check', file)
  assert.equal(code, 1)
  assert.match(
    err,
    /not installed: "not-here", "@acme\/nowhere", "neither"\. `npm install @postroad\/not-here @acme\/nowhere @postroad\/neither`/,
  )
})

test('a plugin whose name is nearly that of one that is there: which may be meant, and nothing is to be fetched', async () => {
  const file = await operator.config('near.yaml', 'hostname: mx.test\nuse: [sfp, maild, auth-result, not-here]\n')
  const { err } = await operator.run('check', file)
  const meant =
    '"sfp" \\(did you mean "spf"\\?\\), "maild" \\(did you mean "maildir"\\?\\), "auth-result" \\(did you mean "auth-results"\\?\\)'
  assert.match(err, new RegExp(`not installed: ${meant}, "not-here"\\. \`npm install @postroad/not-here\``))
})

test('check shows the line of a mistake of syntax', async () => {
  const file = await operator.config('syntax.ts', `${HEAD}const a = 1\n${EXPORT} { a: }\nconst b = 2\n`)
  const { code, err } = await operator.run('check', file)
  assert.equal(code, 1)
  assert.match(err, /syntax\.ts:5: Expression expected\n {2}\S+ default \{ a: \}\n/)
})

test('check ends in folders of the kernel, where nothing is a file as others are', async () => {
  for (const folder of ['/proc', '/proc/self', '/sys'])
    assert.match((await operator.run('check', folder)).err, /^ERR_CONFIG: There is no configuration in /)
  const file = await operator.config(
    'proc.yaml',
    'hostname: mx.test\nfolder: /proc/postroad\nuse: [queue]\nlisten: [{ port: 0 }]\n',
  )
  assert.match((await operator.run('check', file)).err, /^ERR_FOLDER: .*\/proc/m)
})

test('check names the package that a TypeScript configuration misses', async () => {
  const file = await operator.config('missing.ts', `import '@acme/nowhere'\n${listening('{ port: 0 }')}`)
  assert.match((await operator.run('check', file)).err, /`npm install @acme\/nowhere`/)
})

for (const server of ['127.0.0.1:smtp', '127.0.0.1:70000', '::1'])
  test(`send has nothing to do with the server ${server}`, async () => {
    const { code, err } = await operator.run('send', '--to', 'a@b.test', '--server', server)
    assert.notEqual(code, 0)
    assert.match(err, /host:port, with a port from 1 to 65535/)
  })
