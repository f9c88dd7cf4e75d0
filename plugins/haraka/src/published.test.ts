/** Plugins from npm, as they are: `haraka-plugin-headers`, `-access` and `-aliases`; and what reloads leave behind. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { definePlugin, type ReverseDns, reverseDns } from '@postroad/plugin'
import { createTestServer } from '@postroad/testing'
import { played, plugin, site } from './fixture.test.ts'
import { haraka } from './haraka.ts'

const require = createRequire(import.meta.url)
const good = 'From: a@client.test\nDate: Mon, 30 Nov 2026 18:00:00 +0000\nSubject: x\n\nbody\n'

test('haraka-plugin-headers: a message without Date is refused, with what its configuration says', async () => {
  const folder = site({ 'config/headers.ini': '[reject]\nduplicate_singular=true\nmissing_required=true\n' })
  const options = { plugin: 'haraka-plugin-headers', config: `${folder}/config` }
  await played([options], async (session) => {
    await session
      .data('From: a@client.test\nSubject: x\n\nbody\n')
      .expectRefusal('5.7.1', /Required header 'Date' missing/)
  })
  await played([options], async (session) => {
    const { lines } = await session.data(good).expectAccepted()
    const [line] = lines.filter((one) => 'facts' in one)
    const { haraka: found } = Object(line?.['facts'])
    assert.ok(found.headers.pass.length > 0, JSON.stringify(line))
  })
})

test('haraka-plugin-access: black and white lists of config, and its files are read from there', async () => {
  const folder = site({
    'config/mail_from.access.blacklist': 'evil@client.test\n',
    'config/connect.rdns_access.blacklist': 'bad.client.test\n',
    'config/plugins': '# what runs\naccess\n',
  })
  const known = (name: string): unknown =>
    definePlugin({
      name: 'names',
      hooks: {
        connect: {
          provides: [reverseDns],
          handler: ({ set }) => set(reverseDns, { result: 'pass', name, names: [name] } satisfies ReverseDns),
        },
      },
    })()
  const on = async (name: string, from: string): Promise<string> => {
    const server = await createTestServer([known(name) as never, [haraka({ folder }), { after: ['names'] }]] as never)
    try {
      const { sessionOn } = await import('@postroad/testing')
      const { reply } = await sessionOn(server).mail(from)
      return `${reply?.code} ${reply?.text}`
    } finally {
      await server.close()
    }
  }
  assert.match(await on('good.client.test', 'ann@client.test'), /^250 /)
  assert.match(await on('good.client.test', 'evil@client.test'), /^550 .*evil@client\.test/)
  assert.match(await on('bad.client.test', 'ann@client.test'), /^554 .*bad\.client\.test/)
})

test('haraka-plugin-aliases: the message goes to what the alias stands for', async () => {
  const inherited =
    "exports.register = function () { this.register_hook('queue', 'discard') }\nexports.discard = (next) => next()"
  const folder = site({
    'config/aliases.json': JSON.stringify({ 'info@mx.test': { action: 'alias', to: ['ann@mx.test', 'bob@mx.test'] } }),
    'plugins/queue/discard.js': inherited,
    'plugins/ok.js': 'exports.hook_rcpt = (next) => next(OK)',
  })
  await played([{ folder, plugins: ['haraka-plugin-aliases', 'ok'], route: { via: 'x' } }], (session) =>
    session
      .rcpt('info@mx.test')
      .data(good)
      .expectDelivered(({ to }) => assert.deepEqual([...to].sort(), ['ann@mx.test', 'bob@mx.test'])),
  )
})

test('50 generations leave no clock, no watched folder and no module behind', async () => {
  const folder = plugin(
    'let state = 0\nsetInterval(() => state++, 1000)\nexports.register = function () { this.cfg = this.config.get("own.ini", () => {}) }\nexports.hook_mail = (next) => next()',
    { 'own.ini': 'a=b\n' },
  )
  const round = async (): Promise<void> => {
    const uses = [haraka({ folder }), [haraka({ plugin: 'headers', config: `${folder}/config` }), { as: 'headers' }]]
    const server = await createTestServer(uses as never, { start: false })
    await server.close()
  }
  const count = (): string => {
    const open = process.getActiveResourcesInfo().filter((name) => /Timeout|FSEvent|Immediate/.test(name))
    return `${open.length} open, ${Object.keys(require.cache).filter((path) => path.includes('haraka-plugin-headers')).length} modules`
  }
  for (let i = 0; i < 3; i++) await round()
  const before = count()
  for (let i = 0; i < 50; i++) await round()
  assert.equal(count(), before)
})
