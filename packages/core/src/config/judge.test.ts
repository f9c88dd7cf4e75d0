import assert from 'node:assert/strict'
import { test } from 'node:test'
import { suggestion } from '@postroad/options'
import type { Config } from './config.ts'
import { judgeConfig, judgeData, judgeListen, judgeUse } from './judge.ts'
import type { ListenOptions } from './listen.ts'

const setup = () => undefined
const said = ({ mistakes }: { readonly mistakes: readonly { readonly message: string }[] }) =>
  mistakes.map(({ message }) => message)

test('a configuration that says nothing has the defaults', () => {
  assert.deepEqual(judgeConfig({ setup }), {
    value: {
      folder: 'var',
      thresholds: {},
      refuseAt: 'rcpt',
      mixed: 'defer-rest',
      added: 'defer',
      grace: 30_000,
      log: {},
      dns: {},
    },
    mistakes: [],
  })
})

test('amounts may have units, and are numbers afterwards', () => {
  const { value } = judgeConfig({ grace: '90 s', memory: '64 KiB', dns: { timeoutMs: '3 s' }, setup })
  assert.deepEqual([value.grace, value.memory, value.dns.timeoutMs], [90_000, 65_536, 3_000])
  assert.deepEqual(judgeConfig({ grace: 0, memory: 0, dns: { timeoutMs: 1 }, setup }).value.grace, 0)
  const limits = {
    size: '25 MB',
    line: 1000,
    commandTimeoutMs: '5 min',
    errorDelayMs: 0,
    minDataRate: '1 KiB',
    recipients: 7,
  }
  const stress = { loopDelayMs: '0.5 s', memory: 0.5, disk: { path: '/', freeBytes: '1 GiB' } }
  assert.deepEqual(judgeListen({ port: 25, limits, greeting: { waitMs: '2 s' }, stress }), {
    value: {
      port: 25,
      limits: {
        size: 25_000_000,
        line: 1000,
        commandTimeoutMs: 300_000,
        errorDelayMs: 0,
        minDataRate: 1024,
        recipients: 7,
      },
      greeting: { waitMs: 2_000 },
      stress: { loopDelayMs: 500, memory: 0.5, disk: { path: '/', freeBytes: 1_073_741_824 } },
    },
    mistakes: [],
    protocol: 'smtp',
  })
  assert.deepEqual(judgeUse({ timeout: '5 s', mode: 'shadow' }), {
    value: { timeout: 5_000, mode: 'shadow' },
    mistakes: [],
  })
})

test('what is undefined is not there, and what is no plain object is left as it is', () => {
  const certificate = { key: Buffer.from('key'), cert: 'cert' }
  const { value, mistakes } = judgeListen({
    port: 25,
    name: undefined,
    greeting: { waitMs: undefined },
    certificate,
  } as never)
  assert.deepEqual([value, mistakes], [{ port: 25, greeting: {}, certificate }, []])
  const certificateOf = (one: object): unknown => 'certificate' in one && one.certificate
  assert.equal((certificateOf(value) as typeof certificate).key, certificate.key)
  const list = [certificate]
  assert.equal(certificateOf(judgeListen({ certificate: list }).value), list)
})

test('networks of a listener may be short, or unix', () => {
  const networks = ['unix', '10/8', '127.1', '192.0.2.7', '2001:db8::/32']
  assert.deepEqual(
    said(judgeListen({ proxies: networks, xclient: networks, xforward: networks, greeting: { except: networks } })),
    [],
  )
})

for (const [options, text] of [
  [{ hostname: 'mx\r\nexample' }, /^hostname: "mx\\r\\nexample" is not a host name$/],
  [{ limits: { size: -1 } }, /^limits\.size must be at least 1, not -1$/],
  [{ limits: { size: Number.NaN } }, /^limits\.size: .* is not a size/],
  [{ limits: { size: Number.POSITIVE_INFINITY } }, /^limits\.size: .* is not a size/],
  // Postfix reads 0 as "no limit", RFC 1870 §4 too: here it would be a server that takes nothing.
  [{ limits: { size: 0 } }, /^limits\.size must be at least 1, not 0$/],
  [{ limits: { size: '0 MB' } }, /^limits\.size must be at least 1/],
  [{ limits: { connections: 0 } }, /^limits\.connections must be a whole number of at least 1, not 0$/],
  [{ limits: { connections: 1.5 } }, /^limits\.connections must be a whole number of at least 1, not 1\.5$/],
  [
    { limits: { connections: '5 s' as never } },
    /^limits\.connections must be a whole number of at least 1, not "5 s"$/,
  ],
  [{ limits: { minDataRate: -1 } }, /^limits\.minDataRate must be at least 0, not -1$/],
  [{ limits: { recipient: 5 } as never }, /^limits\.recipient: there is no such option; did you mean "recipients"\?$/],
  [
    { limits: { nothing: 5 } as never },
    /^limits\.nothing: there is no such option; there are commandLine, authLine, .*dataGraceMs$/,
  ],
  [{ limits: 5 as never }, /^limits must be an object, not 5$/],
  [
    { tls: 'require' as never },
    /^tls must be none, optional, required or implicit, not "require"; did you mean "required"\?$/,
  ],
  [{ port: 65_536 }, /^port must be a whole number from 0 to 65535, not 65536$/],
  [{ mode: 0o1000 }, /^mode must be a whole number from 0 to 511, not 512$/],
  [{ group: -1 }, /^group must be the name or the number of a group, not -1$/],
  [{ group: 'a b' }, /^group must be the name or the number of a group, not "a b"$/],
  [{ group: true as never }, /^group must be the name or the number of a group, not true$/],
  [{ proxies: '192.0.2.1' as never }, /^proxies must be a list of addresses and networks, not "192\.0\.2\.1"$/],
  [{ proxies: ['192.0.2.0/33'] }, /^proxies\.0: not an address or network/],
  [{ stress: { disk: { path: 5, freeBytes: 1 } } as never }, /^stress\.disk\.path must be a text, not 5$/],
  [{ stress: { disk: { path: '/' } } as never }, /^stress\.disk\.freeBytes is missing$/],
  [{ stress: { memory: 0 } }, /^stress\.memory must be a number above 0, not 0$/],
  [{ greeting: { waitMs: 60_000 } }, /^greeting\.waitMs must be at most 30000, not 60000$/],
  [{ greeting: { waitMs: '1 min' } }, /^greeting\.waitMs must be from 0 to 30000$/],
  [{ certificateFiles: { key: 'a' } as never }, /^certificateFiles\.cert is missing: it must be a text$/],
  [
    { certificateFiles: [{ key: 'a', cert: 'b', sni: 'c' } as never] },
    /^certificateFiles\.0\.sni: there is no such option; there are key,/,
  ],
  [{ certificateFiles: 'a' as never }, /^certificateFiles must be an object or a list, not "a"$/],
  [{ onError: 5 as never }, /^onError must be a function$/],
] as const satisfies readonly (readonly [ListenOptions, RegExp])[])
  test(`of ${JSON.stringify(options)} it is said what is wrong, once`, () => {
    const { mistakes } = judgeListen(options)
    assert.equal(mistakes.length, 1, said({ mistakes }).join('\n'))
    assert.match(mistakes[0]?.message ?? '', text)
    assert.equal(mistakes[0]?.code, 'ERR_LISTEN')
  })

test('all mistakes are said at once, and what is left without them is as if they had not been written', () => {
  const wrong = { refuseAt: 'helo', thresholds: { rejct: 5 }, hostname: 'mx.test', memory: '1 MiB', setup: 5 }
  const { value, mistakes } = judgeConfig(wrong as unknown as Config)
  assert.deepEqual(
    mistakes.map(({ code, path }) => `${code} ${path.join('.')}`),
    ['ERR_CONFIG thresholds.rejct', 'ERR_CONFIG refuseAt', 'ERR_CONFIG setup'],
  )
  assert.deepEqual(value, {
    hostname: 'mx.test',
    folder: 'var',
    thresholds: {},
    refuseAt: 'rcpt',
    mixed: 'defer-rest',
    added: 'defer',
    grace: 30_000,
    memory: 1_048_576,
    log: {},
    dns: {},
  })
})

test('what is no configuration at all is one mistake', () => {
  for (const one of [undefined, null, 5, 'x']) assert.equal(judgeConfig(one as never).mistakes.length, 1, String(one))
  assert.equal(said(judgeConfig(5 as never))[0], 'the configuration must be an object, not 5')
})

test('of data each mistake has its place, and the rest is left', () => {
  const data = {
    hostname: 'mx.test',
    grace: 'soon',
    listen: [{ port: 25, limits: { size: '1 MB', siz: 1 } }, { port: '25' }, 5],
    use: ['spf', { plugin: 'dkim', mdoe: 'shadow', options: { any: 1 } }, { plugn: 'x' }, 5],
    scopes: { in: { use: ['arc'], listens: [] }, out: 5 },
  }
  const { value, mistakes, pathBefore } = judgeData(data)
  assert.deepEqual(mistakes.map(({ code, path }) => `${code} ${path.join('.')}`).sort(), [
    'ERR_CONFIG grace',
    'ERR_CONFIG scopes.in.listens',
    'ERR_CONFIG scopes.out',
    'ERR_LISTEN listen.0.limits.siz',
    'ERR_LISTEN listen.1.port',
    'ERR_LISTEN listen.2',
    'ERR_USE use.1.mdoe',
    'ERR_USE use.2.plugin',
    'ERR_USE use.2.plugn',
    'ERR_USE use.3',
  ])
  assert.deepEqual(value, {
    hostname: 'mx.test',
    listen: [{ port: 25 }],
    use: ['spf', { plugin: 'dkim', options: { any: 1 } }],
    scopes: { in: { use: ['arc'] } },
  })
  // What is left is found where it was written.
  const mixed = judgeData({ use: [5, 'spf', { plugn: 'x' }, 6, 'dkim', 'arc'], scopes: { in: { use: [5, 'dmarc'] } } })
  assert.deepEqual(
    [0, 1, 2].map((at) => mixed.pathBefore(['use', at, 'options', 0])),
    [1, 4, 5].map((at) => ['use', at, 'options', 0]),
  )
  assert.deepEqual(mixed.pathBefore(['scopes', 'in', 'use', 0]), ['scopes', 'in', 'use', 1])
  assert.deepEqual(pathBefore(['use', 1, 'options', 'any']), ['use', 1, 'options', 'any'])
  assert.deepEqual(said(judgeData({ setup, listen: [{ certificate: {} }] })), [
    'listen.0.certificate: there is no such option; did you mean "certificateFiles"?',
    'setup: there is no such option; there are hostname, folder, thresholds, refuseAt, mixed, added, grace, memory, log, dns, hint, listen, use, scopes',
  ])
  assert.deepEqual(judgeData('x').value, {})
})

test('a word is meant when it is near: some letters, the begin, another case', () => {
  const table: [string, string | undefined][] = [
    ['rejct', 'reject'],
    ['REJECT', 'reject'],
    ['ejrect', 'reject'],
    ['quar', 'quarantine'],
    ['tga', 'tag'],
    ['gat', undefined],
    ['', undefined],
    ['spam', undefined],
    ['x'.repeat(1_000_000), undefined],
  ]
  for (const [word, meant] of table)
    assert.equal(suggestion(word, ['tag', 'quarantine', 'defer', 'reject']), meant, word.slice(0, 20))
})
